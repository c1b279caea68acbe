"""What one snapshot says about one asset under command."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from vpp.domain.ids import AssetId
from vpp.domain.points import Quantity
from vpp.domain.quality import Quality
from vpp.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Only what is good now; None where it is not."""

    now_s: float
    power_kw: float | None = None
    power_s: float = -np.inf
    """When the power was measured, city monotonic."""
    setpoint_kw: float | None = None
    """Read back, house sign; NaN while the device holds none."""
    setpoint_s: float = -np.inf
    soc: float | None = None
    limit_charge_kw: float | None = None
    limit_discharge_kw: float | None = None
    available_kw: float | None = None
    car: bool = True
    """A charger: whether a car is there."""

    @classmethod
    def of(cls, snapshot: Snapshot, asset: AssetId) -> Self:
        power_kw, power_s = _timed(snapshot, asset, Quantity.POWER_KW)
        setpoint_kw, setpoint_s = _timed(snapshot, asset, Quantity.SETPOINT_KW)
        return cls(
            now_s=snapshot.now_s,
            power_kw=power_kw,
            power_s=power_s,
            setpoint_kw=setpoint_kw,
            setpoint_s=setpoint_s,
            soc=snapshot.asset(asset, Quantity.SOC),
            limit_charge_kw=snapshot.asset(asset, Quantity.LIMIT_CHARGE_KW),
            limit_discharge_kw=snapshot.asset(asset, Quantity.LIMIT_DISCHARGE_KW),
            available_kw=snapshot.asset(asset, Quantity.AVAILABLE_KW),
            car=snapshot.sessions.get(asset) is not None,
        )


def _timed(snapshot: Snapshot, asset: AssetId, quantity: Quantity) -> tuple[float | None, float]:
    column = snapshot.assets.get(quantity)
    if column is None:
        return None, -np.inf
    index = snapshot.layout.asset_at[asset]
    if column.quality[index] != Quality.GOOD:
        return None, -np.inf
    return float(column.values[index]), float(column.measured_s[index])
