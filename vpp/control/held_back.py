"""Plants that give less than the sun would let them, since they are told to: no lesson to learn."""

import math
from collections.abc import Iterable

from vpp.control.gate_ledger import GateLedger
from vpp.domain.assets import Pv
from vpp.domain.capability import Form
from vpp.domain.ids import AssetId
from vpp.domain.points import Quantity
from vpp.domain.setpoint import Setpoint
from vpp.domain.snapshot import Snapshot

AT_PART = 0.03
"""Of the peak power: a plant within it of its ceiling gives what it may, not what it could."""


def held_back(plants: Iterable[Pv], ledger: GateLedger, snapshot: Snapshot) -> frozenset[AssetId]:
    """Those at a ceiling, whoever set it: what we told and is alive, or what was read back."""
    return frozenset(plant.id for plant in plants if _is_held(plant, ledger, snapshot))


def _is_held(plant: Pv, ledger: GateLedger, snapshot: Snapshot) -> bool:
    most_kw = min(_told_kw(plant, ledger), _read_kw(plant, snapshot))
    if most_kw >= plant.peak_kw * (1 - AT_PART):
        return False
    power_kw = snapshot.asset(plant.id, Quantity.POWER_KW)
    return power_kw is None or -power_kw >= most_kw - AT_PART * plant.peak_kw


def _told_kw(plant: Pv, ledger: GateLedger) -> float:
    """Magnitude; infinite where nothing holds it."""
    alive = ledger.alive(plant.id)
    return math.inf if alive is None else -_least_kw(alive.setpoint)


def _least_kw(setpoint: Setpoint) -> float:
    exact = setpoint.form in {Form.TARGET, Form.STOP}
    return setpoint.target_kw if exact else setpoint.lo_kw


def _read_kw(plant: Pv, snapshot: Snapshot) -> float:
    read = snapshot.asset(plant.id, Quantity.SETPOINT_KW)
    return math.inf if read is None or math.isnan(read) else max(-read, 0.0)
