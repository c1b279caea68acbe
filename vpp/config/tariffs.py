"""Tariff entries: what they must cover, and what they become."""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from zoneinfo import available_timezones

import holidays

from vpp.config.draft import Draft
from vpp.config.entries import DemandEntry, PeriodEntry, SeasonEntry, TariffEntry
from vpp.config.findings import Findings
from vpp.config.included import file_named
from vpp.config.price_files import read_prices
from vpp.domain.errors import ConfigurationError
from vpp.domain.ids import TariffId
from vpp.domain.price_series import PriceSeries
from vpp.domain.tariff import CarbonFactor, DayType, DemandCharge, Season, Tariff, TariffPeriod
from vpp.domain.text import Path

INSTEAD = {
    DayType.SATURDAY: DayType.WEEKDAY,
    DayType.SUNDAY: DayType.SATURDAY,
    DayType.HOLIDAY: DayType.SUNDAY,
}
"""Whose bands hold for a kind of day that a season leaves out."""
_OPEN_YEARS = 15
"""Years after its start for which an open-ended period knows the holidays."""
_MOST_YEARS = 50


def check_tariffs(draft: Draft, findings: Findings) -> None:
    """Periods join without gap or overlap, seasons cover every month, bands every hour."""
    for path, tariff in draft.each("tariffs", TariffEntry):
        for index, period in enumerate(tariff.periods):
            where = (*path, "periods", index)
            if period.valid_to is not None and period.valid_to <= period.valid_from:
                problem = f"ends on {period.valid_to}, not after its start {period.valid_from}"
                findings.add(
                    (*where, "valid_to"), problem, "the day after the last one it holds on"
                )
            _check_months(where, period, findings)
            for position, season in enumerate(period.seasons):
                _check_bands((*where, "seasons", position), season, findings)
                _check_exports((*where, "seasons", position), season, findings)
        _check_dates(path, tariff, findings)
        for index, (before, after) in enumerate(pairwise(tariff.carbon), start=1):
            if after.valid_from <= before.valid_from:
                problem = f"starts on {after.valid_from}, not after {before.valid_from}"
                findings.add((*path, "carbon", index, "valid_from"), problem, "in order of dates")


def price_series(draft: Draft, findings: Findings) -> Mapping[str, PriceSeries]:
    """What the tariffs' files of prices say, by tariff; what is wrong goes to the findings."""
    found = dict[str, PriceSeries]()
    zone = None if draft.portfolio is None else draft.portfolio.time_zone
    for path, tariff in draft.each("tariffs", TariffEntry):
        if tariff.prices is None or zone not in available_timezones():
            continue
        file = file_named(tariff.prices.file, findings.tree.file)
        if file is None:
            problem = f"there is no file {tariff.prices.file!r} beside the city file"
            findings.add((*path, "prices", "file"), problem, "a CSV file of prices")
            continue
        try:
            found[tariff.id] = read_prices(file, zone)
        except ConfigurationError as error:
            findings.mistakes += error.mistakes
    return found


def _check_dates(path: Path, tariff: TariffEntry, findings: Findings) -> None:
    for index, (before, after) in enumerate(pairwise(tariff.periods), start=1):
        if before.valid_to == after.valid_from:
            continue
        if before.valid_to is None:
            problem = f"starts on {after.valid_from}, but the period before never ends"
        else:
            word = "overlaps" if after.valid_from < before.valid_to else "leaves a gap to"
            problem = (
                f"starts on {after.valid_from} and {word} the period before,"
                f" which ends on {before.valid_to}"
            )
        findings.add(
            (*path, "periods", index, "valid_from"),
            problem,
            "periods in the order of their dates, each 'valid_to' the next 'valid_from'",
        )


def _check_months(path: Path, period: PeriodEntry, findings: Findings) -> None:
    covered = [month for season in period.seasons for month in season.months]
    missing = sorted(set(range(1, 13)) - set(covered))
    twice = sorted({month for month in covered if covered.count(month) > 1})
    for word, months in (("no season covers", missing), ("two seasons cover", twice)):
        if months:
            listed = ", ".join(map(str, months))
            findings.add(
                (*path, "seasons"), f"{word} the months {listed}", "every month 1..12 exactly once"
            )


def _check_bands(path: Path, season: SeasonEntry, findings: Findings) -> None:
    days = [day.value for day in DayType]
    if DayType.WEEKDAY not in season.bands:
        findings.add(
            (*path, "bands"), "'weekday' is missing", "the hours of each band on a weekday"
        )
    for day, hours in season.bands.items():
        where = (*path, "bands", day)
        if day not in days:
            findings.unknown(where, "kind of day", day, days)
            continue
        taken: list[str | None] = [None] * 24
        readable = True
        for band, ranges in hours.items():
            if band not in season.energy_per_kwh:
                findings.unknown((*where, band), "band", band, season.energy_per_kwh)
            try:
                found = hours_of(ranges)
            except ValueError as error:
                findings.add((*where, band), str(error), "hours 0..24 such as '22-8,12-13'")
                readable = False
                continue
            for hour in found:
                if taken[hour] is not None:
                    problem = f"the hour {hour}-{hour + 1} belongs to {taken[hour]!r} already"
                    findings.add((*where, band), problem, "every hour of the day exactly once")
                taken[hour] = band
        free = [f"{hour}-{hour + 1}" for hour in range(24) if taken[hour] is None]
        if free and readable:
            findings.add(
                where,
                f"no band covers the hours {', '.join(free)}",
                "every hour of the day exactly once",
            )


def _check_exports(path: Path, season: SeasonEntry, findings: Findings) -> None:
    for band in season.export_per_kwh:
        if band not in season.energy_per_kwh:
            findings.unknown((*path, "export_per_kwh", band), "band", band, season.energy_per_kwh)


def hours_of(ranges: str) -> list[int]:
    """Local hours of ranges such as ``22-8,12-13``; ``0-24`` is the whole day.

    Raises:
        ValueError: not such a text.
    """
    hours: list[int] = []
    for part in ranges.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if not (dash and first.isascii() and last.isascii() and first.isdigit() and last.isdigit()):
            raise ValueError(f"{part.strip()!r} is not a range of hours")
        start, end = int(first[:3]), int(last[:3])
        if start > 23 or end > 24 or start == end:
            raise ValueError(f"{part.strip()!r} is not a range of hours of one day")
        hours += range(start, end) if start < end else [*range(start, 24), *range(end)]
    return hours


def tariff_of(
    entry: TariffEntry, time_zone: str, country: str, prices: PriceSeries | None = None
) -> Tariff:
    """The tariff in the portfolio's zone, with its country's public holidays.

    ``prices``: what its file of prices says.
    """
    return Tariff(
        id=TariffId(entry.id),
        time_zone=time_zone,
        periods=tuple(_period(period) for period in entry.periods),
        holidays=_holidays(entry, country),
        carbon=tuple(CarbonFactor(**dict(one)) for one in entry.carbon),
        prices=prices,
    )


def _holidays(entry: TariffEntry, country: str) -> frozenset[date]:
    last = entry.periods[-1]
    first = entry.periods[0].valid_from.year
    end = last.valid_to.year if last.valid_to else last.valid_from.year + _OPEN_YEARS
    years = range(max(first, end - _MOST_YEARS), min(end, date.max.year) + 1)
    return frozenset(holidays.country_holidays(country, years=years))


def _period(entry: PeriodEntry) -> TariffPeriod:
    return TariffPeriod(
        valid_from=entry.valid_from,
        valid_to=entry.valid_to,
        source=entry.source,
        seasons=tuple(_season(season) for season in entry.seasons),
        demand=None if entry.demand is None else _demand(entry.demand),
        export_per_kwh=entry.export_per_kwh,
        grid_kg_per_kwh=entry.grid_kg_per_kwh,
        hydrogen_per_kg=entry.hydrogen_per_kg,
    )


def _demand(entry: DemandEntry) -> DemandCharge:
    return DemandCharge(
        per_kw=entry.per_kw,
        interval_s=entry.interval_min * 60.0,
        ratchet_months=frozenset(entry.ratchet_months),
        floor_kw=entry.floor_kw,
        floor_part=entry.floor_part,
    )


def _season(entry: SeasonEntry) -> Season:
    bands: dict[DayType, tuple[str, ...]] = {}
    for day in DayType:
        stated = entry.bands.get(day.value)
        bands[day] = bands[INSTEAD[day]] if stated is None else _by_hour(stated)
    return Season(
        name=entry.name,
        months=frozenset(entry.months),
        bands=bands,
        energy_per_kwh=dict(entry.energy_per_kwh),
        export_per_kwh=dict(entry.export_per_kwh),
    )


def _by_hour(stated: Mapping[str, str]) -> tuple[str, ...]:
    band_of = {hour: band for band, ranges in stated.items() for hour in hours_of(ranges)}
    return tuple(band_of[hour] for hour in range(24))
