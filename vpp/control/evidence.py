"""What one snapshot says about one asset under command."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from vpp.domain.ids import AssetId
from vpp.domain.points import Quantity
from vpp.domain.quality import Quality
from vpp.domain.snapshot import Snapshot

_OF_ENERGY = (
    Quantity.SOC,
    Quantity.AVAILABLE_KWH,
    Quantity.ENERGY_IN_KWH,
    Quantity.ENERGY_OUT_KWH,
)


class Evidence(NamedTuple):
    """Only what is good now; None where it is not."""

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


class Witness:
    """Answers for every asset of one snapshot; columns are unpacked once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        count = len(snapshot.layout.assets)
        self._power, self._power_s = _column(snapshot, Quantity.POWER_KW, count)
        self._setpoint, self._setpoint_s = _column(snapshot, Quantity.SETPOINT_KW, count)
        self._soc, _ = _column(snapshot, Quantity.SOC, count)
        self._charge, _ = _column(snapshot, Quantity.LIMIT_CHARGE_KW, count)
        self._discharge, _ = _column(snapshot, Quantity.LIMIT_DISCHARGE_KW, count)
        self._available, _ = _column(snapshot, Quantity.AVAILABLE_KW, count)
        self._energy = [_column(snapshot, quantity, count)[0] for quantity in _OF_ENERGY]
        self._reversion, self._reversion_s = _column(snapshot, Quantity.REVERSION_S, count)

    def of(self, asset: AssetId) -> Evidence:
        i = self._snapshot.layout.asset_at[asset]
        return Evidence(
            self._snapshot.now_s,
            self._power[i],
            self._power_s[i],
            self._setpoint[i],
            self._setpoint_s[i],
            self._soc[i],
            self._charge[i],
            self._discharge[i],
            self._available[i],
            self._snapshot.sessions.get(asset) is not None,
            tuple(values[i] for values in self._energy),
            self._reversion[i],
            self._reversion_s[i],
        )

    def power_kw(self, asset: AssetId) -> float | None:
        """Its power if that is good now, positive into the asset."""
        return self._power[self._snapshot.layout.asset_at[asset]]


def _column(
    snapshot: Snapshot, quantity: Quantity, count: int
) -> tuple[Sequence[float | None], Sequence[float]]:
    column = snapshot.assets.get(quantity)
    if column is None:
        return (None,) * count, (-math.inf,) * count
    good = (column.quality == Quality.GOOD).tolist()
    values: list[float] = column.values.tolist()
    measured_s: list[float] = column.measured_s.tolist()
    return [v if g else None for v, g in zip(values, good, strict=True)], measured_s
