"""The gate's own look at a power: inside rating and live limit, and the store inside its window.

A tick plans within the same bounds; this looks again, at the readings alone, just before a write.
"""

import math
from dataclasses import dataclass
from typing import Self

from vpp.control.plausibility import SOC_TOLERANCE
from vpp.domain.assets import Asset, Battery
from vpp.domain.capability import Form
from vpp.domain.points import Quantity
from vpp.domain.setpoint import Setpoint
from vpp.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """What one asset can do now."""

    asset: Asset
    charge_kw: float = math.inf
    """Live limit, magnitude; the last one known."""
    discharge_kw: float = math.inf
    stored_kwh: tuple[float, float] | None = None
    """Least and most that may be stored by what is read now; None where nothing is."""
    capacity_kwh: float = 0.0
    """Usable, by the health that the device reports."""

    @classmethod
    def of(cls, asset: Asset, snapshot: Snapshot | None) -> Self:
        """As one snapshot shows it."""
        if snapshot is None:
            return cls(asset=asset)
        charge_kw = _last(snapshot, asset, Quantity.LIMIT_CHARGE_KW)
        discharge_kw = _last(snapshot, asset, Quantity.LIMIT_DISCHARGE_KW)
        if not isinstance(asset, Battery):
            return cls(asset=asset, charge_kw=charge_kw, discharge_kw=discharge_kw)
        capacity_kwh = asset.capacity_kwh * min(snapshot.asset(asset.id, Quantity.HEALTH) or 1.0, 1)
        soc = snapshot.asset(asset.id, Quantity.SOC)
        told_kwh = snapshot.asset(asset.id, Quantity.AVAILABLE_KWH)
        by_soc_kwh = None if soc is None else soc * capacity_kwh
        seen = [kwh for kwh in (by_soc_kwh, told_kwh) if kwh is not None]
        return cls(
            asset=asset,
            charge_kw=charge_kw,
            discharge_kw=discharge_kw,
            stored_kwh=(min(seen), max(seen)) if seen else None,
            capacity_kwh=capacity_kwh,
        )


def beyond_power(setpoint: Setpoint, ability: Ability, slack_kw: float) -> str | None:
    """Why this power is more than the asset may do now, or None.

    A ceiling asks for nothing, so a live limit below it does no harm.
    """
    rated, lo_kw, hi_kw = ability.asset.rated, setpoint.lo_kw, setpoint.hi_kw
    least_kw, most_kw = min(rated.lo_kw, 0.0), max(rated.hi_kw, 0.0)
    if setpoint.form is not Form.CEILING:
        least_kw = max(least_kw, -ability.discharge_kw)
        most_kw = min(most_kw, ability.charge_kw)
    for power_kw in (lo_kw, hi_kw):
        if math.isfinite(power_kw) and not least_kw - slack_kw <= power_kw <= most_kw + slack_kw:
            return f"{power_kw:g} kW is outside the {least_kw:g} to {most_kw:g} kW it can do now"
    return None


def beyond_energy(
    setpoint: Setpoint, ability: Ability, life_s: float, *, slack_kw: float, protects: bool
) -> str | None:
    """Why holding this for ``life_s`` would carry the store out of its window, or None.

    The worst end of what may be stored counts; the reserve is there for protections.
    """
    battery = ability.asset
    if not isinstance(battery, Battery) or ability.stored_kwh is None:
        return None
    hours, capacity_kwh = max(life_s, 0.0) / 3600.0, ability.capacity_kwh
    least_kwh, most_kwh = ability.stored_kwh
    rounding_kwh = SOC_TOLERANCE * capacity_kwh
    in_kw, out_kw = _finite(setpoint.hi_kw) - slack_kw, -_finite(setpoint.lo_kw) - slack_kw
    full_kwh = most_kwh + in_kw * battery.eta_charge * hours
    if in_kw > 0 and full_kwh > battery.soc_max * capacity_kwh + rounding_kwh:
        return f"it could hold {full_kwh:.1f} kWh in the end, past {battery.soc_max:.0%}"
    floor = battery.soc_min if protects else battery.floor_soc
    empty_kwh = least_kwh - out_kw / battery.eta_discharge * hours
    if out_kw > 0 and empty_kwh < floor * capacity_kwh - rounding_kwh:
        return f"it could hold {empty_kwh:.1f} kWh in the end, below {floor:.0%}"
    return None


def _finite(power_kw: float) -> float:
    return power_kw if math.isfinite(power_kw) else 0.0


def _last(snapshot: Snapshot, asset: Asset, quantity: Quantity) -> float:
    """The last limit known, magnitude; infinite where none ever was."""
    column = snapshot.assets.get(quantity)
    if column is None:
        return math.inf
    value = float(column.values[snapshot.layout.asset_at[asset.id]])
    return max(value, 0.0) if math.isfinite(value) else math.inf
