"""The things that take or give power behind one site's grid connection, with their ratings."""

from dataclasses import dataclass
from typing import ClassVar

from vpp.domain.asset import AssetKind, Phases, Sited, fraction, positive
from vpp.domain.capability import AllowedSet
from vpp.domain.conversion import Chp, Electrolyser, FuelCell, HeatPump, HydrogenStore, ThermalStore
from vpp.domain.errors import InvariantError


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery(Sited):
    """A storage on the AC side. ``soc`` 0..1 spans ``capacity_kwh``, the usable window."""

    kind: ClassVar[AssetKind] = AssetKind.BATTERY
    capacity_kwh: float
    charge_kw: float
    discharge_kw: float
    """Magnitude, positive."""
    eta_charge: float = 0.95
    """Stored kWh per kWh taken in at the AC side."""
    eta_discharge: float = 0.95
    """AC kWh given out per stored kWh."""
    soc_min: float = 0.0
    soc_max: float = 1.0
    """Site policy above the optimiser (indoor storage is capped below 1)."""
    reserve_soc: float = 0.0
    """Kept for back-up: used only for protection; at least ``soc_min``."""
    wear_per_kwh: float = 0.0
    """Cost of moving one kWh in and out again, in the portfolio's currency."""

    def __post_init__(self) -> None:
        positive(
            self.id, capacity_kwh=self.capacity_kwh, charge_kw=self.charge_kw,
            discharge_kw=self.discharge_kw, eta_charge=self.eta_charge,
            eta_discharge=self.eta_discharge,
        )  # fmt: skip
        fraction(
            self.id, eta_charge=self.eta_charge, eta_discharge=self.eta_discharge,
            soc_min=self.soc_min, soc_max=self.soc_max, reserve_soc=self.reserve_soc,
        )  # fmt: skip
        if self.soc_min >= self.soc_max or self.reserve_soc > self.soc_max:
            raise InvariantError(
                f"asset {self.id}: soc_min {self.soc_min} and reserve_soc {self.reserve_soc}"
                f" must lie below soc_max {self.soc_max}"
            )

    @property
    def rated(self) -> AllowedSet:
        return AllowedSet.between(-self.discharge_kw, self.charge_kw)

    @property
    def floor_soc(self) -> float:
        """The lowest state of charge that planning and dispatch may use."""
        return max(self.soc_min, self.reserve_soc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pv(Sited):
    """Rooftop sun. Its power is zero or negative: it flows out of the asset."""

    kind: ClassVar[AssetKind] = AssetKind.PV
    peak_kw: float
    """Largest AC production, magnitude."""
    curtailable: bool = False
    tilt_deg: float = 20.0
    azimuth_deg: float = 180.0
    """Clockwise from north."""

    def __post_init__(self) -> None:
        positive(self.id, peak_kw=self.peak_kw)

    @property
    def rated(self) -> AllowedSet:
        return AllowedSet.between(-self.peak_kw, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(Sited):
    """Demand that nobody controls."""

    kind: ClassVar[AssetKind] = AssetKind.LOAD
    max_kw: float
    """Static worst case, used for limits when nothing is measured."""

    def __post_init__(self) -> None:
        positive(self.id, max_kw=self.max_kw)

    @property
    def rated(self) -> AllowedSet:
        return AllowedSet.between(0.0, self.max_kw)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvCharger(Sited):
    """One connector of a charging station."""

    kind: ClassVar[AssetKind] = AssetKind.EV_CHARGER
    max_kw: float
    floor_kw: float = 4.1
    """Below it only zero is possible (6 A on three phases; 1.4 kW on one)."""
    guaranteed_kw: float = 4.1
    """What a car of unknown need or departure gets at once."""
    default_need_kwh: float = 10.0
    """Taken for a session that states no need."""
    default_stay_s: float = 4 * 3600.0
    """Taken for the energy target of a session that states no departure."""

    def __post_init__(self) -> None:
        positive(self.id, max_kw=self.max_kw)
        if not 0 <= self.floor_kw <= self.max_kw or not 0 <= self.guaranteed_kw <= self.max_kw:
            raise InvariantError(
                f"asset {self.id}: floor_kw {self.floor_kw} and guaranteed_kw {self.guaranteed_kw}"
                f" must lie in 0..{self.max_kw}"
            )

    @property
    def rated(self) -> AllowedSet:
        return AllowedSet.off_or_between(self.floor_kw, self.max_kw)


Asset = (
    Battery
    | Pv
    | Load
    | EvCharger
    | Electrolyser
    | HydrogenStore
    | FuelCell
    | ThermalStore
    | HeatPump
    | Chp
)
"""Every kind of asset that can be configured; consumers match on it exhaustively."""

__all__ = ["Asset", "Battery", "EvCharger", "Load", "Phases", "Pv"]
