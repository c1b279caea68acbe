"""The gate's own look at a power: inside rating and live limit, and the store inside its window.

A tick plans within the same bounds; this looks again, at the readings alone, just before a write.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vpp.control.plausibility import SOC_TOLERANCE
from vpp.domain.assets import Asset, Battery
from vpp.domain.capability import AllowedSet, Form
from vpp.domain.ids import AssetId
from vpp.domain.network import Layer
from vpp.domain.points import Quantity
from vpp.domain.quality import Quality
from vpp.domain.setpoint import Setpoint
from vpp.domain.snapshot import Snapshot

_UNPACKED = (
    Quantity.LIMIT_CHARGE_KW,
    Quantity.LIMIT_DISCHARGE_KW,
    Quantity.SOC,
    Quantity.AVAILABLE_KWH,
    Quantity.HEALTH,
)
_CEILING = Form.CEILING


class Ability(NamedTuple):
    """What one asset can do now.

    A tuple, because one turn may make one for every command.
    """

    asset: Asset
    rated_kw: tuple[float, float]
    """Nameplate, positive into the asset; zero lies inside."""
    charge_kw: float = math.inf
    """Live limit, magnitude; the last one known."""
    discharge_kw: float = math.inf
    stored_kwh: tuple[float, float] | None = None
    """Least and most that may be stored by what is read now; None where nothing is."""
    capacity_kwh: float = 0.0
    """Usable, by the health that the device reports."""


class Abilities:
    """Answers for every asset; columns of a snapshot are unpacked once."""

    def __init__(self, assets: Mapping[AssetId, Asset]) -> None:
        self._assets = assets
        self._rated = {name: _with_zero(asset.rated) for name, asset in assets.items()}
        self._snapshot: Snapshot | None = None
        self._columns: tuple[_Unpacked, ...] = ()

    def of(self, name: AssetId, snapshot: Snapshot | None) -> Ability:
        """As one snapshot shows it; by its rating alone where there is none yet."""
        asset, rated_kw = self._assets[name], self._rated[name]
        if snapshot is None:
            return Ability(asset=asset, rated_kw=rated_kw)
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._columns = tuple(_unpacked(snapshot, quantity) for quantity in _UNPACKED)
        at = snapshot.layout.asset_at[name]
        charge, discharge, soc, available, health = self._columns
        charge_kw, discharge_kw = charge.last(at), discharge.last(at)
        if not isinstance(asset, Battery):
            return Ability(
                asset=asset, rated_kw=rated_kw, charge_kw=charge_kw, discharge_kw=discharge_kw
            )
        capacity_kwh = asset.capacity_kwh * min(health.now(at) or 1.0, 1.0)
        soc_now, told_kwh = soc.now(at), available.now(at)
        seen = [] if soc_now is None else [soc_now * capacity_kwh]
        seen += [] if told_kwh is None else [told_kwh]
        return Ability(
            asset=asset,
            rated_kw=rated_kw,
            charge_kw=charge_kw,
            discharge_kw=discharge_kw,
            stored_kwh=(min(seen), max(seen)) if seen else None,
            capacity_kwh=capacity_kwh,
        )


@dataclass(frozen=True, slots=True)
class _Unpacked:
    """One quantity of all assets as plain numbers; empty where nobody brings it."""

    values: Sequence[float] = ()
    good: Sequence[bool] = ()

    def now(self, at: int) -> float | None:
        """What is good now."""
        return self.values[at] if self.values and self.good[at] else None

    def last(self, at: int) -> float:
        """The last limit known, magnitude; infinite where none ever was."""
        value = self.values[at] if self.values else math.inf
        return max(value, 0.0) if math.isfinite(value) else math.inf


def _unpacked(snapshot: Snapshot, quantity: Quantity) -> _Unpacked:
    column = snapshot.assets.get(quantity)
    if column is None:
        return _Unpacked()
    return _Unpacked(column.values.tolist(), (column.quality == Quality.GOOD).tolist())


def _with_zero(rated: AllowedSet) -> tuple[float, float]:
    return min(rated.lo_kw, 0.0), max(rated.hi_kw, 0.0)


def beyond_power(setpoint: Setpoint, ability: Ability, slack_kw: float) -> str | None:
    """Why this power is more than the asset may do now, or None.

    A ceiling asks for nothing, so a live limit below it does no harm.
    """
    least_kw, most_kw = rated_kw = ability.rated_kw
    if setpoint.form is not _CEILING:
        least_kw = max(least_kw, -ability.discharge_kw)
        most_kw = min(most_kw, ability.charge_kw)
    for power_kw in (setpoint.lo_kw, setpoint.hi_kw):
        if math.isfinite(power_kw) and not least_kw - slack_kw <= power_kw <= most_kw + slack_kw:
            end_kw, rated = (
                (least_kw, rated_kw[0]) if power_kw < least_kw else (most_kw, rated_kw[1])
            )
            layer = Layer.NAMEPLATE if end_kw == rated else Layer.LIVE
            return (
                f"{power_kw:g} kW is outside the {least_kw:g} to {most_kw:g} kW it can do now,"
                f" by its {layer} limit"
            )
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
