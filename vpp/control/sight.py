"""What one tick sees of its pool: the snapshot as arrays in the pool's own order."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from vpp.control.compiled import CompiledPool, Positions, positions
from vpp.control.rows import NONE
from vpp.domain.arrays import Bools, Floats, Ints, frozen
from vpp.domain.devices import Authority
from vpp.domain.points import Quantity
from vpp.domain.quality import Quality
from vpp.domain.snapshot import Column, DeviceState, Snapshot

CURRENTS = (Quantity.CURRENT_L1_A, Quantity.CURRENT_L2_A, Quantity.CURRENT_L3_A)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """One quantity; what is not good is the last good value, for bounds only."""

    values: Floats
    good: Bools
    at_s: Floats
    """City monotonic time of measurement."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """Arrays of shape (assets,), for nets (rows,)."""

    now_s: float
    power: Seen
    soc: Seen
    available_kwh: Seen
    health: Seen
    limit_charge_kw: Seen
    limit_discharge_kw: Seen
    sun_kw: Seen
    """What PV could give."""
    setpoint: Seen
    """Read back; NaN while the device holds none."""
    net: Seen
    """Of each row's best meter."""
    phase_a: Seen
    """Current on each phase row."""
    reachable: Bools
    """The writer is online, identified and read back."""
    auto: Bools
    manual: Bools


def look(pool: CompiledPool, snapshot: Snapshot) -> Sight:
    where = positions(pool, snapshot.layout)

    def of_assets(quantity: Quantity) -> Seen:
        return taken(snapshot.assets.get(quantity), where.asset_at)

    reachable, auto, manual = _authority(pool, snapshot)
    return Sight(
        now_s=snapshot.now_s,
        power=of_assets(Quantity.POWER_KW),
        soc=of_assets(Quantity.SOC),
        available_kwh=of_assets(Quantity.AVAILABLE_KWH),
        health=of_assets(Quantity.HEALTH),
        limit_charge_kw=of_assets(Quantity.LIMIT_CHARGE_KW),
        limit_discharge_kw=of_assets(Quantity.LIMIT_DISCHARGE_KW),
        sun_kw=of_assets(Quantity.AVAILABLE_KW),
        setpoint=of_assets(Quantity.SETPOINT_KW),
        net=_best(snapshot.meters.get(Quantity.POWER_KW), where.meter_at),
        phase_a=_phases(pool, snapshot, where),
        reachable=reachable,
        auto=auto,
        manual=manual,
    )


def taken(column: Column | None, at: Ints) -> Seen:
    """One quantity of the assets at these positions of the snapshot."""
    if column is None:
        return _nothing(len(at))
    values = column.values[at]
    good = _good(column.quality[at])
    return Seen(values=values, good=good, at_s=column.measured_s[at])


@lru_cache(maxsize=64)
def _nothing(count: int) -> Seen:
    never = np.zeros(count, dtype=np.bool_)
    never.flags.writeable = False
    return Seen(
        values=frozen(np.full(count, np.nan)), good=never, at_s=frozen(np.full(count, -np.inf))
    )


def _good(quality: npt.NDArray[np.uint8]) -> Bools:
    return np.asarray(quality == np.uint8(Quality.GOOD))


def _best(column: Column | None, meter_at: Ints) -> Seen:
    """The first good meter of each row by rank.

    Where none is good, the primary one's last good value.
    """
    ranks, rows = meter_at.shape
    if column is None or not ranks:
        return _nothing(rows)
    exists = meter_at != NONE
    values = np.where(exists, column.values[meter_at], np.nan)
    good = exists & _good(column.quality[meter_at]) & np.isfinite(values)
    rank = good.argmax(axis=0)
    chosen = np.arange(rows)
    at_s = np.where(exists, column.measured_s[meter_at], -np.inf)
    return Seen(values=values[rank, chosen], good=good.any(axis=0), at_s=at_s[rank, chosen])


def _phases(pool: CompiledPool, snapshot: Snapshot, where: Positions) -> Seen:
    rows = pool.phases.node_row
    if not len(rows):
        return _nothing(0)
    each = [_best(snapshot.meters.get(current), where.meter_at) for current in CURRENTS]
    phase = np.arange(len(rows)) % len(CURRENTS)
    return Seen(
        values=np.array([seen.values for seen in each])[phase, rows],
        good=np.array([seen.good for seen in each])[phase, rows],
        at_s=np.array([seen.at_s for seen in each])[phase, rows],
    )


def _authority(pool: CompiledPool, snapshot: Snapshot) -> tuple[Bools, Bools, Bools]:
    """Reachable, auto and manual by asset."""
    nobody = DeviceState()
    states = [snapshot.devices.get(device, nobody) for device in pool.devices]
    of_device = np.array(
        [
            (
                s.online and s.identified and s.read_back,
                s.authority is Authority.AUTO,
                s.authority is Authority.MANUAL,
            )
            for s in states
        ]
        + [(False, False, False)],
        dtype=np.bool_,
    )
    of_asset = of_device[pool.device_of]  # the last entry stands for "nobody"
    return of_asset[:, 0], of_asset[:, 1], of_asset[:, 2]
