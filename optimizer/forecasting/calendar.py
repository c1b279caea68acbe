"""Day, place in the day and kind of day of recorded and coming slots.

Loads follow the local clock, free days included; the sun follows its own.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
import numpy as np

from optimizer.forecasting.local_time import DAY_S, offsets_s
from vpp.domain.arrays import Floats, Ints

WORKDAY, SATURDAY, FREE = range(3)
"""Kinds of day; Sundays and public holidays are free."""
KINDS = 3
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Days:
    """Of each slot, arrays of shape (slots,)."""

    day: Ints
    """Number of the day since 1970."""
    place: Ints
    """Number of the slot in its day."""
    kind: Ints

    def part(self, begin: int, end: int) -> "Days":
        return Days(day=self.day[begin:end], place=self.place[begin:end], kind=self.kind[begin:end])


def local_days(starts_s: Floats, step_s: float, zone: ZoneInfo, country: str) -> Days:
    """By the clock on the wall, which may be changed, and the country's public holidays.

    A country that is not known has none.
    """
    found = _days(starts_s + offsets_s(starts_s, zone), step_s)
    first = int(found.day[0])
    kinds = np.array([_kind(day, country) for day in range(first, int(found.day[-1]) + 1)])
    return Days(day=found.day, place=found.place, kind=kinds[found.day - first])


def sun_days(starts_s: Floats, step_s: float) -> Days:
    """By a clock that nobody changes; the sun knows one kind of day."""
    return _days(starts_s, step_s)


def _days(clock_s: Floats, step_s: float) -> Days:
    day = np.floor(clock_s / DAY_S).astype(np.int64)
    place = np.floor((clock_s - day * DAY_S) / step_s).astype(np.int64)
    return Days(day=day, place=place, kind=np.zeros(len(day), dtype=np.int64))


@lru_cache(maxsize=1024)
def _kind(day: int, country: str) -> int:
    on = EPOCH + timedelta(days=day)
    if on.weekday() == 6 or on in _holidays(country, on.year):
        return FREE
    return SATURDAY if on.weekday() == 5 else WORKDAY


@lru_cache(maxsize=16)
def _holidays(country: str, year: int) -> frozenset[date]:
    if country not in holidays.list_supported_countries():
        return frozenset()
    return frozenset(holidays.country_holidays(country, years=year))
