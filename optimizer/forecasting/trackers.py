"""What is expected at each place of the day, learnt slot by slot from the days before."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from optimizer.forecasting.calendar import Days
from vpp.domain.arrays import Floats, Ints

GAIN = 0.15
"""Weight of the newest day in a profile; the first days weigh alike."""
ENVELOPE_DAYS = 10

Memory = npt.NDArray[np.float64] | npt.NDArray[np.int64]


class Tracker(Protocol):
    """Of several rows at once."""

    kinds: int
    """Kinds of day that it tells apart."""

    def expected(self, kind: int) -> Floats:
        """At each place of a day of this kind, kW, shape (rows, places)."""
        ...

    def learn(self, kind: int, places: Ints, values_kw: Floats) -> None:
        """Take in recorded slots of one day, shape (rows, slots), NaN where there is nothing."""
        ...

    def memory(self) -> Sequence[Memory]:
        """Everything that it has learnt, the arrays themselves."""
        ...


class DayProfile:
    """Smoothed mean of each place of the day."""

    def __init__(
        self, rows: int, places: int, kinds: int = 1, otherwise: "DayProfile | None" = None
    ) -> None:
        """``otherwise`` serves places that no day of the kind has told of yet."""
        self.kinds, self._otherwise = kinds, otherwise
        self._mean = np.zeros((kinds, rows, places))
        self._days = np.zeros((kinds, rows, places))

    def expected(self, kind: int) -> Floats:
        at = kind % self.kinds
        seen = self._days[at] > 0
        if seen.all():
            return np.asarray(self._mean[at])
        if self._otherwise is not None:
            return np.where(seen, self._mean[at], self._otherwise.expected(kind))
        level = self._mean[at].sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
        return np.asarray(np.where(seen, self._mean[at], level[:, None]))

    def learn(self, kind: int, places: Ints, values_kw: Floats) -> None:
        at, known = kind % self.kinds, np.isfinite(values_kw)
        days = self._days[at][:, places] + known
        mean = self._mean[at][:, places]
        gain = np.maximum(GAIN, 1.0 / np.maximum(days, 1.0))
        self._mean[at][:, places] = np.where(known, mean + gain * (values_kw - mean), mean)
        self._days[at][:, places] = days

    def memory(self) -> Sequence[Memory]:
        return self._mean, self._days


class Envelope:
    """Most at each place of the day in the last days."""

    kinds = 1

    def __init__(self, rows: int, places: int) -> None:
        self._last = np.zeros((ENVELOPE_DAYS, rows, places))
        self._turn = np.zeros(places, dtype=np.int64)
        """Day whose values are the oldest, at each place."""

    def expected(self, kind: int) -> Floats:
        return np.asarray(np.nan_to_num(np.fmax.reduce(self._last, axis=0)))

    def learn(self, kind: int, places: Ints, values_kw: Floats) -> None:
        turn = self._turn[places]
        self._last[turn, :, places] = values_kw.T
        self._turn[places] = (turn + 1) % ENVELOPE_DAYS

    def memory(self) -> Sequence[Memory]:
        return self._last, self._turn


def walk(trackers: Sequence[Tracker], values_kw: Floats, days: Days) -> Floats:
    """What each tracker expected of each slot before it came, shape (trackers, rows, slots).

    The trackers learn on the way.
    """
    expected = np.empty((len(trackers), *values_kw.shape))
    edges = np.flatnonzero(np.diff(days.day, prepend=-1, append=-1))
    for begin, end in pairwise(edges):
        kind, places = int(days.kind[begin]), days.place[begin:end]
        for at, tracker in enumerate(trackers):
            expected[at, :, begin:end] = tracker.expected(kind)[:, places]
        for tracker in trackers:
            tracker.learn(kind, places, values_kw[:, begin:end])
    return expected
