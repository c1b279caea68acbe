"""Prices at a boundary as dated data: time of use, demand charge, export price, grid carbon."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.errors import InvariantError
from vpp.domain.ids import TariffId
from vpp.domain.slots import SlotGrid


class DayType(StrEnum):
    """Kind of local day."""

    WEEKDAY = "weekday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Months with their own bands and prices."""

    name: str
    months: frozenset[int]
    bands: Mapping[DayType, tuple[str, ...]]
    """Band name of each of the 24 local hours, by type of day."""
    energy_per_kwh: Mapping[str, float]
    """Price by band name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandCharge:
    """Charge on the highest mean import over the billing interval."""

    per_kw: float
    interval_s: float = 900.0
    ratchet_months: frozenset[int] = frozenset()
    """Months of the last twelve whose peak counts as well, beside the current one."""
    floor_kw: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffPeriod:
    """What holds from one date to another, ``[valid_from, valid_to)`` in local time."""

    valid_from: date
    valid_to: date | None = None
    source: str
    seasons: tuple[Season, ...]
    demand: DemandCharge | None = None
    export_per_kwh: float = 0.0
    grid_kg_per_kwh: float = 0.0

    def __post_init__(self) -> None:
        months = [month for season in self.seasons for month in season.months]
        if sorted(months) != list(range(1, 13)):
            raise InvariantError(
                f"tariff valid from {self.valid_from}: seasons must cover every month once"
            )

    def season(self, month: int) -> Season:
        return next(season for season in self.seasons if month in season.months)


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """Dated prices of one boundary."""

    id: TariffId
    time_zone: str
    periods: tuple[TariffPeriod, ...]
    """In the order of their dates, without gaps or overlaps."""
    holidays: frozenset[date] = field(default_factory=frozenset)
    """Local dates, from the portfolio's country."""

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def period(self, day: date) -> TariffPeriod:
        """The period in force on a local day.

        Raises:
            InvariantError: no period covers the day.
        """
        period = self._covering(day)
        if period is None:
            raise InvariantError(f"tariff {self.id}: no prices for {day}")
        return period

    def covers(self, day: date) -> bool:
        return self._covering(day) is not None

    def _covering(self, day: date) -> TariffPeriod | None:
        for period in self.periods:
            if period.valid_from <= day and (period.valid_to is None or day < period.valid_to):
                return period
        return None

    def day_type(self, day: date) -> DayType:
        if day in self.holidays:
            return DayType.HOLIDAY
        return {5: DayType.SATURDAY, 6: DayType.SUNDAY}.get(day.weekday(), DayType.WEEKDAY)

    def energy_per_kwh(self, at: datetime) -> float:
        """Price of an imported kWh at this instant."""
        local = at.astimezone(self._zone)
        season = self.period(local.date()).season(local.month)
        return season.energy_per_kwh[season.bands[self.day_type(local.date())][local.hour]]

    def import_on(self, grid: SlotGrid) -> Floats:
        """Import price of each slot, by its start; shape (slots,)."""
        return np.array([self.energy_per_kwh(start) for start in grid.starts])

    def export_on(self, grid: SlotGrid) -> Floats:
        return np.array(
            [self.period(s.astimezone(self._zone).date()).export_per_kwh for s in grid.starts]
        )

    def carbon_on(self, grid: SlotGrid) -> Floats:
        """Grid carbon factor of each slot, kg per kWh."""
        return np.array(
            [self.period(s.astimezone(self._zone).date()).grid_kg_per_kwh for s in grid.starts]
        )

    def demand_at(self, at: datetime) -> DemandCharge | None:
        """None where there is none, and after the last day whose prices are known."""
        period = self._covering(at.astimezone(self._zone).date())
        return None if period is None else period.demand
