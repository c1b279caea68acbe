"""Prices at a boundary as dated data.

Time of use, demand charge, export price, hydrogen, grid carbon.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.errors import InvariantError
from vpp.domain.ids import TariffId
from vpp.domain.price_series import PriceSeries
from vpp.domain.slots import SlotGrid

QUARTER_S = 900.0


class DayType(StrEnum):
    """Kind of local day."""

    WEEKDAY = "weekday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"
    HOLIDAY = "holiday"


def day_type(day: date, holidays: frozenset[date]) -> DayType:
    """A public holiday counts before the day of the week."""
    if day in holidays:
        return DayType.HOLIDAY
    return {5: DayType.SATURDAY, 6: DayType.SUNDAY}.get(day.weekday(), DayType.WEEKDAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Months with their own bands and prices."""

    name: str
    months: frozenset[int]
    bands: Mapping[DayType, tuple[str, ...]]
    """Band name of each of the 24 local hours, by type of day."""
    energy_per_kwh: Mapping[str, float]
    """Price by band name."""
    export_per_kwh: Mapping[str, float] = field(default_factory=dict)
    """What an exported kWh earns, by band name; of a band that is not named the period says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandCharge:
    """Charge on the highest mean import over the billing interval."""

    per_kw: float
    interval_s: float = 900.0
    ratchet_months: frozenset[int] = frozenset()
    """Months of the last twelve whose peak counts as well, beside the current one."""
    floor_kw: float = 0.0
    """Billed at least."""
    floor_part: float = 0.0
    """The same as a part of the contracted power, 0..1."""

    def least_kw(self, contract_kw: float) -> float:
        """What is billed whatever the peak, under a contract of so much import; inf: none."""
        of_contract = self.floor_part * contract_kw if np.isfinite(contract_kw) else 0.0
        return max(self.floor_kw, of_contract)


@dataclass(frozen=True, slots=True, kw_only=True)
class CarbonFactor:
    """Of the grid, from a local day on, until the next one."""

    valid_from: date
    kg_per_kwh: float
    source: str


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
    hydrogen_per_kg: float = 0.0
    """What a kilogram of hydrogen is worth at the boundary."""

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
    carbon: tuple[CarbonFactor, ...] = ()
    """In the order of their dates; before the first the period says."""
    prices: PriceSeries | None = None
    """Comes on top of the bands; None: the bands are all."""

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

    def covers_at(self, at: datetime) -> bool:
        return self.covers(at.astimezone(self._zone).date())

    def _covering(self, day: date) -> TariffPeriod | None:
        for period in self.periods:
            if period.valid_from <= day and (period.valid_to is None or day < period.valid_to):
                return period
        return None

    def day_type(self, day: date) -> DayType:
        return day_type(day, self.holidays)

    def energy_per_kwh(self, at: datetime) -> float:
        """Price of an imported kWh at this instant, by its band."""
        season, band = self._band(at)
        return season.energy_per_kwh[band]

    def export_per_kwh(self, at: datetime) -> float:
        """What an exported kWh earns at this instant, by its band; may be negative."""
        season, band = self._band(at)
        stated = season.export_per_kwh.get(band)
        return self._period_at(at).export_per_kwh if stated is None else stated

    def grid_kg_per_kwh(self, at: datetime) -> float:
        """Carbon factor of the grid on that day."""
        day = at.astimezone(self._zone).date()
        known = [one.kg_per_kwh for one in self.carbon if one.valid_from <= day]
        return known[-1] if known else self.period(day).grid_kg_per_kwh

    def hydrogen_per_kg(self, at: datetime) -> float:
        """What a kilogram of hydrogen is worth on that day."""
        return self._period_at(at).hydrogen_per_kg

    def import_on(self, grid: SlotGrid) -> Floats:
        """Mean import price of each slot, shape (slots,)."""
        added = None if self.prices is None else self.prices.import_per_kwh
        return self._mean_on(grid, self.energy_per_kwh) + self._added(grid, added)

    def export_on(self, grid: SlotGrid) -> Floats:
        """Mean of what an exported kWh earns in each slot, shape (slots,)."""
        added = None if self.prices is None else self.prices.export_per_kwh
        return self._mean_on(grid, self.export_per_kwh) + self._added(grid, added)

    def carbon_on(self, grid: SlotGrid) -> Floats:
        """Mean grid carbon factor of each slot, kg per kWh, shape (slots,)."""
        return self._mean_on(grid, self.grid_kg_per_kwh)

    def _band(self, at: datetime) -> tuple[Season, str]:
        local = at.astimezone(self._zone)
        season = self.period(local.date()).season(local.month)
        return season, season.bands[self.day_type(local.date())][local.hour]

    def _period_at(self, at: datetime) -> TariffPeriod:
        return self.period(at.astimezone(self._zone).date())

    def _added(self, grid: SlotGrid, values: Floats | None) -> Floats:
        if values is None or self.prices is None:
            return np.zeros(len(grid))
        return self.prices.mean_on(grid, values)

    def _mean_on(self, grid: SlotGrid, at: Callable[[datetime], float]) -> Floats:
        """Local hours and days begin on whole quarter hours of UTC, wherever it is."""
        edges_s = grid.edges_s
        quarters = np.arange(np.ceil(edges_s[0] / QUARTER_S), np.ceil(edges_s[-1] / QUARTER_S))
        pieces = np.union1d(edges_s, quarters * QUARTER_S)
        prices = np.array([at(datetime.fromtimestamp(s, UTC)) for s in pieces[:-1].tolist()])
        slot = np.searchsorted(pieces, edges_s[:-1])
        exact = np.maximum.reduceat(prices, slot) == np.minimum.reduceat(prices, slot)
        mean = np.add.reduceat(prices * np.diff(pieces), slot) / np.diff(edges_s)
        return np.where(exact, prices[slot], mean)

    def demand_at(self, at: datetime) -> DemandCharge | None:
        """None where there is none, and after the last day whose prices are known."""
        period = self._covering(at.astimezone(self._zone).date())
        return None if period is None else period.demand
