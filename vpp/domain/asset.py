"""What all assets have in common."""

from dataclasses import dataclass
from enum import StrEnum

from vpp.domain.errors import InvariantError
from vpp.domain.ids import AssetId, SiteId


class AssetKind(StrEnum):
    """What an asset is."""

    BATTERY = "battery"
    PV = "pv"
    LOAD = "load"
    EV_CHARGER = "ev_charger"
    ELECTROLYSER = "electrolyser"
    HYDROGEN_STORE = "hydrogen_store"
    FUEL_CELL = "fuel_cell"
    THERMAL_STORE = "thermal_store"
    HEAT_PUMP = "heat_pump"
    CHP = "chp"


class Phases(StrEnum):
    """Which phases an asset is connected to; an unknown single phase counts on the worst one."""

    THREE = "three"
    L1 = "l1"
    L2 = "l2"
    L3 = "l3"
    ONE_UNKNOWN = "one_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sited:
    """What every asset states."""

    id: AssetId
    site: SiteId
    phases: Phases = Phases.THREE


def positive(asset: AssetId, **values: float) -> None:
    """Raise InvariantError unless every value is above 0."""
    for name, value in values.items():
        if not value > 0:
            raise InvariantError(f"asset {asset}: {name} is {value}, expected more than 0")


def fraction(asset: AssetId, **values: float) -> None:
    """Raise InvariantError unless every value lies in 0..1."""
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise InvariantError(
                f"asset {asset}: {name} is {value}, expected a fraction between 0 and 1"
            )
