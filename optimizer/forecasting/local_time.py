"""The same local time on an earlier day, where clocks may have been changed in between."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from vpp.domain.arrays import Floats, frozen

DAY_S = 86400.0
BLOCK = 1024
"""Hours whose offsets are looked up together."""


def days_before(times_s: Floats, days: int, zone: ZoneInfo) -> Floats:
    """The instants of the same local time so many days before, shape of the times.

    Where clocks were changed in between, the local time is kept and not the distance.
    """
    earlier = times_s - days * DAY_S
    return np.asarray(earlier + offsets_s(times_s, zone) - offsets_s(earlier, zone))


def offsets_s(times_s: Floats, zone: ZoneInfo) -> Floats:
    """Local time minus UTC; looked up once an hour, since clocks change on whole hours."""
    if not times_s.size:
        return np.zeros(times_s.shape)
    hours = np.floor(times_s / 3600.0).astype(np.int64)
    first, last = int(hours.min()) // BLOCK, int(hours.max()) // BLOCK
    table = np.concatenate([_hourly_s(block, zone) for block in range(first, last + 1)])
    return np.asarray(table[hours - first * BLOCK])


@lru_cache(maxsize=256)
def _hourly_s(block: int, zone: ZoneInfo) -> Floats:
    """Offset in each hour of a block; blocks are counted from 1970 UTC."""
    return frozen([_offset_s(BLOCK * block + hour, zone) for hour in range(BLOCK)])


def _offset_s(hour: int, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(3600.0 * hour, UTC).astimezone(zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0
