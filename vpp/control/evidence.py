"""What one snapshot says about one asset under command."""

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import repeat
from typing import NamedTuple

import numpy as np

from vpp.domain.arrays import Bools, Floats
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.points import Quantity
from vpp.domain.quality import Quality
from vpp.domain.snapshot import Snapshot

_OF_ENERGY = (
    Quantity.SOC,
    Quantity.AVAILABLE_KWH,
    Quantity.ENERGY_IN_KWH,
    Quantity.ENERGY_OUT_KWH,
)
_LIMITS = (
    Quantity.SOC,
    Quantity.LIMIT_CHARGE_KW,
    Quantity.LIMIT_DISCHARGE_KW,
    Quantity.AVAILABLE_KW,
)


class Evidence(NamedTuple):
    """Only what is good now; None where it is not.

    A tuple, because every snapshot makes one for every asset.
    """

    now_s: float
    power_kw: float | None = None
    power_s: float = -math.inf
    """When the power was measured, city monotonic."""
    setpoint_kw: float | None = None
    """Read back, house sign; NaN while the device holds none."""
    setpoint_s: float = -math.inf
    soc: float | None = None
    limit_charge_kw: float | None = None
    limit_discharge_kw: float | None = None
    available_kw: float | None = None
    car: bool = True
    """A charger: whether a car is there."""
    stored: tuple[float | None, ...] = ()
    """Everything it says of energy: state of charge, what is stored, both counters."""
    reversion_s: float | None = None
    """What is left on the device's own timer."""
    reversion_at_s: float = -math.inf


class Readings(NamedTuple):
    """One quantity of every asset, arrays of shape (assets,).

    A tuple, because it is taken apart where it is used.
    """

    values: Floats
    good: Bools
    at_s: Floats
    """When measured, city monotonic."""


class Witness:
    """Answers for every asset of one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot, self.now_s = snapshot, snapshot.now_s

    def of(self, asset: AssetId) -> Evidence:
        return self._all[self._snapshot.layout.asset_at[asset]]

    def power_kw(self, asset: AssetId) -> float | None:
        """Its power if that is good now, positive into the asset."""
        return self._snapshot.asset(asset, Quantity.POWER_KW)

    def read_back_s(self, device: DeviceId) -> float:
        """Since when the setpoints of its connection and life are read back, city monotonic."""
        return self._snapshot.devices[device].read_back_s

    def column(self, quantity: Quantity) -> Readings:
        """What is not good is the last good value, or NaN."""
        column = self._snapshot.assets.get(quantity)
        if column is None:
            count = len(self._snapshot.layout.assets)
            return Readings(
                np.full(count, np.nan), np.zeros(count, np.bool_), np.full(count, -np.inf)
            )
        good = np.asarray(column.quality == np.uint8(Quality.GOOD))
        return Readings(column.values, good, column.measured_s)

    @cached_property
    def _all(self) -> Sequence[Evidence]:
        power, power_s = self._unpacked(Quantity.POWER_KW)
        setpoint, setpoint_s = self._unpacked(Quantity.SETPOINT_KW)
        reversion, reversion_s = self._unpacked(Quantity.REVERSION_S)
        sessions = self._snapshot.sessions
        return [
            *map(
                Evidence,
                repeat(self.now_s),
                power,
                power_s,
                setpoint,
                setpoint_s,
                *(self._unpacked(quantity)[0] for quantity in _LIMITS),
                [sessions.get(asset) is not None for asset in self._snapshot.layout.assets],
                zip(*(self._unpacked(quantity)[0] for quantity in _OF_ENERGY), strict=True),
                reversion,
                reversion_s,
            )
        ]

    def _unpacked(self, quantity: Quantity) -> tuple[Sequence[float | None], Sequence[float]]:
        values, good, at_s = (column.tolist() for column in self.column(quantity))
        return [v if g else None for v, g in zip(values, good, strict=True)], at_s
