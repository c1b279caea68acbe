"""The shape of the city file's entries: fields, kinds and ranges.

Units end the names; power is positive into the asset, at a connection positive is import;
fractions lie in 0..1. What entries say of one another is checked elsewhere.
"""

from datetime import date
from math import nan
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints

from vpp.domain.asset import Phases
from vpp.domain.devices import Authority, SafeState
from vpp.domain.network import MeterRole, Sharing
from vpp.domain.order import Order
from vpp.domain.slots import Fineness


def _day(value: object) -> date:
    """A day written as text; whole numbers are not taken for a date."""
    try:
        return date.fromisoformat(value) if isinstance(value, str) else date.fromisoformat("")
    except ValueError:
        raise ValueError(f"is {value!r}, expected a day such as 2026-06-01") from None


def _weight(value: object) -> object:
    """One mistake instead of one for each kind that a weight may be."""
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else nan
    if value == "usual" or 0 <= number <= LARGEST:
        return value
    negative = ", which is negative" if number < 0 else ""
    raise ValueError(f"is {value!r}{negative}; expected usual, or a number from 0 to {LARGEST:g}")


LARGEST = 1e9
"""No number of a city file is larger, whatever it counts: more is a slip of the keyboard."""
Number = Annotated[float, Strict(), Field(allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
Positive = Annotated[Number, Field(gt=0)]
Kw = Annotated[Number, Field(ge=0.001, le=1e6)]
"""Power of a part of the city: a watt to a gigawatt."""
Kwh = Annotated[Number, Field(ge=0.001, le=1e7)]
"""A watt-hour to ten gigawatt-hours."""
Rating = Annotated[Number, Field(gt=0, le=1e6)]
"""Of a connection: kW, kVA or A; what is not limited is left out."""
Magnitude = Annotated[Number, Field(ge=0)]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Efficiency = Annotated[Number, Field(gt=0, le=1)]
Whole = Annotated[int, Strict()]
Port = Annotated[Whole, Field(ge=1, le=65535)]
Flag = Annotated[bool, Strict()]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Weight = Annotated[Magnitude | Literal["usual"], BeforeValidator(_weight)]
"""Of a side goal; ``usual`` leaves it to the planner, which goes by the size of the storages."""
Day = Annotated[date, BeforeValidator(_day)]
Month = Annotated[Whole, Field(ge=1, le=12)]
Source = Annotated[str, StringConstraints(min_length=1)]
"""Where figures were published."""


class Entry(BaseModel):
    """Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GoalsEntry(Entry):
    """Side goals; see ``vpp.domain.order.Goals``."""

    allowance: Fraction = 0.001
    flatten_per_kw2: Weight = 0.0
    ramp_per_kw: Weight = 0.0
    peak_per_kw: Weight = 0.0
    co2_per_kg: Magnitude = 0.0


class PortfolioEntry(Entry):
    """The portfolio itself."""

    id: Id
    name: str = ""
    currency: str
    time_zone: str
    country: str
    latitude: Annotated[Number, Field(ge=-90, le=90)]
    longitude: Annotated[Number, Field(ge=-180, le=180)]
    order: Order = Order.LOCAL
    goals: GoalsEntry = GoalsEntry()
    forecaster: str = "model"
    bad_day: Fraction | None = None
    slots: Fineness = Fineness.EQUAL


class WeatherEntry(Entry):
    """See ``vpp.domain.weather.WeatherSupply``; ``port_offset`` is of the simulated city's own."""

    source: str
    address: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+(/\S*)?$")] | None = None
    port_offset: Annotated[Whole, Field(ge=0, le=65535)] | None = None


class BothWays(Entry):
    """A magnitude per direction, kW or kVA by its key; a direction left out is unlimited."""

    imports: Annotated[Rating | None, Field(alias="import")] = None
    exports: Annotated[Rating | None, Field(alias="export")] = None

    @property
    def ways(self) -> tuple[tuple[str, float | None], tuple[str, float | None]]:
        """Each direction by its key."""
        return ("import", self.imports), ("export", self.exports)


class ConnectionEntry(Entry):
    """A node of the grid; one without a parent is the top of its tree."""

    id: Id
    parent: str | None = None
    rating_kw: BothWays = BothWays()
    contract_kw: BothWays = BothWays()
    contract_kva: BothWays = BothWays()
    rating_kva: Rating | None = None
    power_factor: Annotated[Number, Field(gt=0, le=1)] | None = None
    a_per_phase: Rating | None = None
    settles: Flag = False
    tariff: str | None = None
    fee_per_kwh: Magnitude = 0.0

    @property
    def rated_kva(self) -> BothWays:
        """``rating_kva``, which holds for both directions."""
        return BothWays(**{"import": self.rating_kva, "export": self.rating_kva})


class NodeEntry(ConnectionEntry):
    """A feeder, transformer or street cabinet."""

    sharing: Sharing = Sharing.PRO_RATA


class SiteEntry(ConnectionEntry):
    """A site and its grid connection, a leaf of the tree."""

    name: str = ""
    latitude: Annotated[Number, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[Number, Field(ge=-180, le=180)] | None = None


class AssetEntry(Entry):
    """What every asset states."""

    id: Id
    site: str
    phases: Phases = Phases.THREE


class BatteryEntry(AssetEntry):
    """See ``vpp.domain.assets.Battery``."""

    kind: Literal["battery"]
    capacity_kwh: Kwh
    charge_kw: Kw
    discharge_kw: Kw
    eta_charge: Efficiency = 0.95
    eta_discharge: Efficiency = 0.95
    soc_min: Fraction = 0.0
    soc_max: Fraction = 1.0
    reserve_soc: Fraction = 0.0
    wear_per_kwh: Magnitude = 0.0


class PvEntry(AssetEntry):
    """See ``vpp.domain.assets.Pv``."""

    kind: Literal["pv"]
    peak_kw: Kw
    curtailable: Flag = False
    tilt_deg: Annotated[Number, Field(ge=0, le=90)] = 20.0
    azimuth_deg: Annotated[Number, Field(ge=0, le=360)] = 180.0


class LoadEntry(AssetEntry):
    """See ``vpp.domain.assets.Load``."""

    kind: Literal["load"]
    max_kw: Kw


class EvChargerEntry(AssetEntry):
    """See ``vpp.domain.assets.EvCharger``; a floor left out follows from the phases."""

    kind: Literal["ev_charger"]
    max_kw: Kw
    floor_kw: Magnitude | None = None
    guaranteed_kw: Magnitude | None = None
    default_need_kwh: Kwh = 10.0
    default_stay_h: Positive = 4.0


class MeterEntry(Entry):
    """Measures a node or a set of assets."""

    id: Id
    role: MeterRole
    node: str | None = None
    assets: tuple[str, ...] = ()
    rank: Annotated[Whole, Field(ge=0)] = 0


class LinkEntry(Entry):
    """A connection or listener; ``port`` is absolute, ``port_offset`` counts from the base port."""

    id: Id
    adapter: str
    host: str = "127.0.0.1"
    port: Port | None = None
    port_offset: Annotated[Whole, Field(ge=0, le=65535)] | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class IdentityEntry(Entry):
    """See ``vpp.domain.devices.Identity``."""

    maker: str = ""
    model: str = ""
    serial: str = ""
    version: str = ""


class CarriedEntry(Entry):
    """One asset or meter on a device."""

    asset: str | None = None
    meter: str | None = None
    writes: Flag = False
    reads: dict[str, Annotated[Whole, Field(ge=0)]] | None = None


class DeviceEntry(Entry):
    """See ``vpp.domain.devices.Device``."""

    id: Id
    link: str
    adapter: str
    profile: str
    identity: IdentityEntry = IdentityEntry()
    safe: SafeState = SafeState.ZERO
    authority: Authority = Authority.OBSERVE
    carries: tuple[CarriedEntry, ...] = ()
    options: dict[str, Any] = Field(default_factory=dict)


class SeasonEntry(Entry):
    """Months with their own bands; hours as ranges such as ``"22-8,12-13"``."""

    name: str
    months: tuple[Month, ...]
    energy_per_kwh: dict[str, Number]
    export_per_kwh: dict[str, Number] = Field(default_factory=dict)
    bands: dict[str, dict[str, str]]


class DemandEntry(Entry):
    """See ``vpp.domain.tariff.DemandCharge``."""

    per_kw: Magnitude
    interval_min: Positive = 15.0
    ratchet_months: tuple[Month, ...] = ()
    floor_kw: Magnitude = 0.0
    floor_part: Fraction = 0.0


class PeriodEntry(Entry):
    """Prices from one local date to another, ``[valid_from, valid_to)``."""

    valid_from: Day
    valid_to: Day | None = None
    source: Source
    seasons: tuple[SeasonEntry, ...]
    demand: DemandEntry | None = None
    export_per_kwh: Number = 0.0
    grid_kg_per_kwh: Magnitude = 0.0
    hydrogen_per_kg: Number = 0.0


class CarbonEntry(Entry):
    """See ``vpp.domain.tariff.CarbonFactor``."""

    valid_from: Day
    kg_per_kwh: Magnitude
    source: Source


class PricesEntry(Entry):
    """A file of dated prices that come on top of the bands."""

    file: Annotated[str, StringConstraints(min_length=1)]


class TariffEntry(Entry):
    """A tariff as dated data; what its ``file`` says stands here too."""

    id: Id
    periods: Annotated[tuple[PeriodEntry, ...], Field(min_length=1)]
    carbon: tuple[CarbonEntry, ...] = ()
    prices: PricesEntry | None = None


SECTIONS: dict[str, type[Entry]] = {
    "nodes": NodeEntry,
    "sites": SiteEntry,
    "assets": AssetEntry,
    "meters": MeterEntry,
    "links": LinkEntry,
    "devices": DeviceEntry,
    "tariffs": TariffEntry,
}
"""Lists of the city file, by key."""
