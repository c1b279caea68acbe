"""Why an asset does less than it was asked, without being at fault."""

from vpp.control.evidence import Evidence
from vpp.domain.assets import Asset, Battery, EvCharger, Pv
from vpp.domain.outcome import Cause
from vpp.domain.setpoint import Setpoint

NEAR_END = 0.02
"""Of the usable window: so close to its end a battery counts as full or empty."""
TAPERING = 0.15
"""So close to its end a battery takes or gives less and less."""


def cause_of(setpoint: Setpoint, evidence: Evidence, asset: Asset) -> Cause | None:
    """What explains that the asset stays nearer to zero than asked, or None."""
    match asset:
        case Battery():
            return _of_battery(setpoint.target_kw, evidence, asset)
        case EvCharger():
            return Cause.CAR_DRAWS_LESS if evidence.car else Cause.NO_CAR
        case Pv():
            return _of_sun(setpoint, evidence)
        case _:
            return None


def _of_battery(target_kw: float, evidence: Evidence, battery: Battery) -> Cause | None:
    charging = target_kw > 0
    limit_kw = evidence.limit_charge_kw if charging else evidence.limit_discharge_kw
    limited = limit_kw is not None and limit_kw < abs(target_kw)
    if evidence.soc is None:
        return Cause.DERATED if limited else None
    left = battery.soc_max - evidence.soc if charging else evidence.soc - battery.soc_min
    if left <= NEAR_END:
        return Cause.FULL if charging else Cause.EMPTY
    if left <= TAPERING and (evidence.power_kw or 0.0) * target_kw > 0:
        return Cause.TAPER
    return Cause.DERATED if limited else None


def _of_sun(setpoint: Setpoint, evidence: Evidence) -> Cause | None:
    """Less sun than the ceiling or target allows."""
    if evidence.available_kw is None:
        return None
    return Cause.NO_SUN if evidence.available_kw < abs(setpoint.lo_kw) else None
