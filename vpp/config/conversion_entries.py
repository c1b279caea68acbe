"""The shape of entries for hydrogen and heat: stores, and what fills or draws on them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from vpp.config.entries import (
    AssetEntry,
    BatteryEntry,
    Entry,
    EvChargerEntry,
    Flag,
    Fraction,
    Kw,
    Kwh,
    LoadEntry,
    Magnitude,
    Number,
    Positive,
    PvEntry,
)


def _moment(value: object) -> datetime:
    """A day and a time written as text, local where it has no offset."""
    try:
        found = (
            datetime.fromisoformat(value) if isinstance(value, str) and len(value) > 10 else None
        )
    except ValueError:
        found = None
    if found is None:
        raise ValueError(f"is {value!r}, expected a day and a time such as 2026-12-01T07:30")
    return found


Moment = Annotated[datetime, BeforeValidator(_moment)]


class DemandEntry(Entry):
    """Amounts by kind of day and hours, as ``weekday: {"7-9": 3.0}``: so much in each hour."""

    by_hour: dict[str, dict[str, Magnitude]] = Field(default_factory=dict)


class BookingEntry(Entry):
    """Something wanted at once."""

    at: Moment


class KgBookingEntry(BookingEntry):
    """A refuelling."""

    kg: Positive


class KwhBookingEntry(BookingEntry):
    """Heat."""

    kwh: Positive


class KgDemandEntry(DemandEntry):
    """See ``vpp.domain.demand.Demand``."""

    bookings: tuple[KgBookingEntry, ...] = ()


class KwhDemandEntry(DemandEntry):
    """See ``vpp.domain.demand.Demand``."""

    bookings: tuple[KwhBookingEntry, ...] = ()


class HydrogenStoreEntry(AssetEntry):
    """See ``vpp.domain.conversion.HydrogenStore``."""

    kind: Literal["hydrogen_store"]
    capacity_kg: Positive
    least_kg: Magnitude = 0.0
    loss_per_h: Fraction = 0.0
    dispensing_kwh_per_kg: Magnitude = 0.0
    demand_kg: KgDemandEntry = KgDemandEntry()


class ThermalStoreEntry(AssetEntry):
    """See ``vpp.domain.conversion.ThermalStore``."""

    kind: Literal["thermal_store"]
    capacity_kwh: Kwh
    least_kwh: Magnitude = 0.0
    loss_per_h: Fraction = 0.0
    demand_kwh: KwhDemandEntry = KwhDemandEntry()


class ConverterEntry(AssetEntry):
    """What every converter states."""

    store: str
    max_kw: Kw
    min_kw: Magnitude = 0.0
    standby_kw: Magnitude = 0.0
    ramp_kw_per_min: Positive | None = None
    start_kwh: Magnitude = 0.0
    start_cost: Magnitude = 0.0


class KgPointEntry(Entry):
    """A point of the curve over power."""

    kw: Kw
    kwh_per_kg: Positive


class CopPointEntry(Entry):
    """A point of the curve over power."""

    kw: Kw
    cop: Positive


class HeatPointEntry(Entry):
    """A point of the curve over power."""

    kw: Kw
    heat_per_kwh: Positive


class ElectrolyserEntry(ConverterEntry):
    """See ``vpp.domain.conversion.Electrolyser``."""

    kind: Literal["electrolyser"]
    kwh_per_kg: Annotated[Number, Field(ge=33.3, le=200)] = 55.0
    compressor_kwh_per_kg: Magnitude = 0.0
    at_part_load: tuple[KgPointEntry, ...] = ()


class FuelCellEntry(ConverterEntry):
    """See ``vpp.domain.conversion.FuelCell``."""

    kind: Literal["fuel_cell"]
    kwh_per_kg: Annotated[Number, Field(ge=1, le=33.3)] = 16.0
    at_part_load: tuple[KgPointEntry, ...] = ()


class HeatPumpEntry(ConverterEntry):
    """See ``vpp.domain.conversion.HeatPump``."""

    kind: Literal["heat_pump"]
    cop: Annotated[Number, Field(ge=1, le=20)]
    at_part_load: tuple[CopPointEntry, ...] = ()
    cop_per_c: Magnitude = 0.0
    cop_at_c: Number = 7.0


class ChpEntry(ConverterEntry):
    """See ``vpp.domain.conversion.Chp``."""

    kind: Literal["chp"]
    heat_per_kwh: Positive
    at_part_load: tuple[HeatPointEntry, ...] = ()
    fuel_per_kwh: Magnitude = 0.0
    fuel_kg_per_kwh: Magnitude = 0.0
    renewable: Flag = False


ASSETS: dict[str, type[AssetEntry]] = {
    "battery": BatteryEntry,
    "pv": PvEntry,
    "load": LoadEntry,
    "ev_charger": EvChargerEntry,
    "electrolyser": ElectrolyserEntry,
    "hydrogen_store": HydrogenStoreEntry,
    "fuel_cell": FuelCellEntry,
    "thermal_store": ThermalStoreEntry,
    "heat_pump": HeatPumpEntry,
    "chp": ChpEntry,
}
"""Entry by ``kind``, of all assets."""

FILLS = {
    "electrolyser": "hydrogen_store",
    "fuel_cell": "hydrogen_store",
    "heat_pump": "thermal_store",
    "chp": "thermal_store",
}
"""Kind of the store that a kind of converter needs."""
