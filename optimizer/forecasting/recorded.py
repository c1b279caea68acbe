"""What was recorded at the same local time some days before."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.forecast import Series

DAY_S = 86400.0
COVERED = 0.5
"""Part of an interval that must have been recorded for its mean to count."""


def days_before(times_s: Floats, days: int, zone: ZoneInfo) -> Floats:
    """The instants of the same local time so many days before, shape of the times.

    Where clocks were changed in between, the local time is kept and not the distance.
    """
    earlier = times_s - days * DAY_S
    return np.asarray(earlier + _offsets_s(times_s, zone) - _offsets_s(earlier, zone))


def _offsets_s(times_s: Floats, zone: ZoneInfo) -> Floats:
    """Local time minus UTC; looked up once an hour, since clocks change on whole hours."""
    hours, place = np.unique(np.floor(times_s / 3600.0), return_inverse=True)
    offsets = np.array([_offset_s(int(hour), zone) for hour in hours])
    return np.asarray(offsets[place].reshape(np.shape(times_s)))


@lru_cache(maxsize=20_000)
def _offset_s(hour: int, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(3600.0 * hour, UTC).astimezone(zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


class Recorded:
    """Means of a series over arbitrary intervals; what is missing never counts."""

    def __init__(self, series: Series, issued_s: float) -> None:
        """Slots that end after the issue are not known yet."""
        start_s, step_s = series.start.timestamp(), series.step_s
        known = max(0, min(len(series.values_kw), int((issued_s - start_s + 1e-6) // step_s)))
        self.values_kw = np.asarray(series.values_kw[:known])
        self.edges_s = start_s + step_s * np.arange(known + 1)
        self.valid = np.isfinite(self.values_kw)
        steps = np.where(self.valid, step_s, 0.0)
        amounts = np.where(self.valid, self.values_kw, 0.0) * step_s
        self._covered = np.concatenate([[0.0], np.cumsum(steps)])
        self._amount = np.concatenate([[0.0], np.cumsum(amounts)])

    def mean_kw(self, begin_s: Floats, end_s: Floats) -> Floats:
        """NaN where less than half of an interval was recorded."""
        covered = np.interp(end_s, self.edges_s, self._covered) - np.interp(
            begin_s, self.edges_s, self._covered
        )
        amount = np.interp(end_s, self.edges_s, self._amount) - np.interp(
            begin_s, self.edges_s, self._amount
        )
        enough = covered >= COVERED * (end_s - begin_s)
        return np.where(enough, amount / np.maximum(covered, 1e-9), np.nan)

    def age_s(self, issued_s: float) -> float:
        """Age of the newest value at the issue; infinite if there is none."""
        places = np.flatnonzero(self.valid)
        return issued_s - float(self.edges_s[places[-1] + 1]) if len(places) else float("inf")
