"""Entries for hydrogen and heat: what they must say of one another, and what they become."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import holidays

from vpp.config.conversion_entries import (
    FILLS,
    BookingEntry,
    ConverterEntry,
    DemandEntry,
    HydrogenStoreEntry,
    KgDemandEntry,
    KwhDemandEntry,
    ThermalStoreEntry,
)
from vpp.config.draft import Draft
from vpp.config.entries import AssetEntry
from vpp.config.findings import Findings, instead
from vpp.config.tariffs import INSTEAD, hours_of
from vpp.domain.conversion import (
    Chp,
    Converter,
    Electrolyser,
    FuelCell,
    HeatPump,
    HydrogenStore,
    Store,
    ThermalStore,
)
from vpp.domain.demand import Booking, Demand
from vpp.domain.errors import InvariantError
from vpp.domain.local_time import instant
from vpp.domain.tariff import DayType
from vpp.domain.text import Path

_KINDS: Mapping[str, type[Converter]] = {
    "electrolyser": Electrolyser,
    "fuel_cell": FuelCell,
    "heat_pump": HeatPump,
    "chp": Chp,
}
_YEARS = range(2020, 2046)
"""Of which the holidays are known."""


def check_conversion(draft: Draft, findings: Findings) -> None:
    """Converters name a store of their kind, hours and days can be read."""
    for path, converter in draft.each("assets", ConverterEntry):
        _check_store(path, converter, draft, findings)
    for path, tank in draft.each("assets", HydrogenStoreEntry):
        _check_demand((*path, "demand_kg"), tank.demand_kg, draft, findings)
    for path, store in draft.each("assets", ThermalStoreEntry):
        _check_demand((*path, "demand_kwh"), store.demand_kwh, draft, findings)


def _check_store(path: Path, entry: ConverterEntry, draft: Draft, findings: Findings) -> None:
    wanted = FILLS[kind_of_entry(entry)]
    stores = [one.id for _, one in draft.each("assets", AssetEntry) if kind_of_entry(one) == wanted]
    if entry.store not in draft.ids["assets"]:
        findings.unknown((*path, "store"), wanted, entry.store, stores)
        return
    named = draft.named("assets", AssetEntry, entry.store)
    if named is not None and kind_of_entry(named) != wanted:
        problem = f"{entry.store!r} is a {kind_of_entry(named)}, but this needs a {wanted}"
        findings.add((*path, "store"), problem, instead(entry.store, stores))


def kind_of_entry(entry: AssetEntry) -> str:
    return str(getattr(entry, "kind", ""))


def _check_demand(
    path: Path, demand: KgDemandEntry | KwhDemandEntry, draft: Draft, findings: Findings
) -> None:
    days = [day.value for day in DayType]
    if demand.by_hour and DayType.WEEKDAY not in demand.by_hour:
        findings.add((*path, "by_hour"), "'weekday' is missing", "what is asked for on a weekday")
    for day, hours in demand.by_hour.items():
        where = (*path, "by_hour", day)
        if day not in days:
            findings.unknown(where, "kind of day", day, days)
            continue
        taken = set[int]()
        for ranges in hours:
            try:
                found = hours_of(ranges)
            except ValueError as error:
                findings.add((*where, ranges), str(error), "hours 0..24 such as '22-8,12-13'")
                continue
            for hour in taken & set(found):
                problem = f"the hour {hour}-{hour + 1} is stated twice"
                findings.add((*where, ranges), problem, "every hour once")
            taken |= set(found)
    zone = None if draft.portfolio is None else draft.portfolio.time_zone
    bookings: Sequence[BookingEntry] = demand.bookings
    for index, booking in enumerate(bookings):
        try:
            _at(booking.at, zone or "UTC")
        except InvariantError as error:
            findings.add((*path, "bookings", index, "at"), str(error))
        except (KeyError, ValueError):
            return  # the zone is no zone, which is said at its own place


def store_of(entry: HydrogenStoreEntry | ThermalStoreEntry, time_zone: str, country: str) -> Store:
    """Raises InvariantError where it contradicts itself."""
    stated: dict[str, Any] = entry.model_dump(exclude={"kind", "demand_kg", "demand_kwh"})
    if isinstance(entry, HydrogenStoreEntry):
        given = [(one.at, one.kg) for one in entry.demand_kg.bookings]
        return HydrogenStore(**stated, demand=_demand(entry.demand_kg, given, time_zone, country))
    given = [(one.at, one.kwh) for one in entry.demand_kwh.bookings]
    return ThermalStore(**stated, demand=_demand(entry.demand_kwh, given, time_zone, country))


def converter_of(entry: ConverterEntry) -> Converter:
    """Raises InvariantError where it contradicts itself."""
    stated: dict[str, Any] = entry.model_dump(exclude={"kind", "at_part_load", "ramp_kw_per_min"})
    if entry.ramp_kw_per_min is not None:
        stated["ramp_kw_per_min"] = entry.ramp_kw_per_min
    points = getattr(entry, "at_part_load", ())
    stated["at_part_load"] = tuple(tuple(point.model_dump().values()) for point in points)
    return _KINDS[kind_of_entry(entry)](**stated)


def _demand(
    entry: DemandEntry, given: list[tuple[datetime, float]], time_zone: str, country: str
) -> Demand:
    by_hour: dict[DayType, tuple[float, ...]] = {}
    if entry.by_hour:
        for day in DayType:
            stated = entry.by_hour.get(day.value)
            by_hour[day] = by_hour[INSTEAD[day]] if stated is None else _hours(stated)
    return Demand(
        by_hour=by_hour,
        bookings=tuple(Booking(at=_at(at, time_zone), amount=amount) for at, amount in given),
        time_zone=time_zone,
        holidays=_holidays(country) if by_hour else frozenset(),
    )


@lru_cache(maxsize=8)
def _holidays(country: str) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=_YEARS))


def _hours(stated: Mapping[str, float]) -> tuple[float, ...]:
    amounts = [0.0] * 24
    for ranges, amount in stated.items():
        for hour in hours_of(ranges):
            amounts[hour] = amount
    return tuple(amounts)


def _at(shown: datetime, time_zone: str) -> datetime:
    return instant(shown, time_zone) if shown.tzinfo is None else shown
