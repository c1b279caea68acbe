"""The city's own time: wall clock, the sun's standard time, and holidays."""

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
import numpy as np

from simulators.inputs.noise import Floats


@lru_cache(maxsize=64)
def holidays_of(country: str, year: int) -> frozenset[date]:
    """Public holidays of a country (ISO code) in a year."""
    return frozenset(holidays.country_holidays(country, years=year))


def offsets_s(zone: ZoneInfo, at_s: Floats, *, standard: bool) -> Floats:
    """Local time less UTC at rising instants; ``standard`` leaves daylight saving out.

    Looked up once per quarter hour, the finest grid on which zones change.
    """
    quarter = np.floor(at_s / 900).astype(np.int64)
    first, last = int(quarter[0]), int(quarter[-1])
    found = []
    for number in range(first, last + 1):
        local = datetime.fromtimestamp(number * 900, zone)
        offset, saving = local.utcoffset(), local.dst()
        seconds = offset.total_seconds() if offset else 0.0
        found.append(seconds - (saving.total_seconds() if standard and saving else 0.0))
    return np.array(found)[quarter - first]
