"""Which recorded values are believed; what is not counts as missing."""

from dataclasses import dataclass

import numpy as np

from vpp.domain.arrays import Bools, Floats, Ints

FLAT_H = 24.0
"""A meter that says the same number for so long has hung up, unless that is how the site rests."""
RESTING = 0.25
"""Part of the values, 0 left aside, that are as low as a site at rest."""
BEYOND_USUAL = 20.0
"""Times the value that nine in ten positive ones stay below."""
BEYOND_PEAK = 1.5
LEAST_PART, LEAST_DAYS = 0.5, 14
"""Part of the slots since its first, and days since then, for a row to be modelled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Usual:
    """Sizes that a row is judged by, shape (rows,)."""

    most_kw: Floats
    """Largest that is believed; infinite before there is any."""
    resting_kw: Floats

    @classmethod
    def of(cls, values_kw: Floats, peak_kw: Floats) -> "Usual":
        """``peak_kw``: of plants, NaN where there is none or it is unknown."""
        resting, most = np.zeros(len(values_kw)), np.full(len(values_kw), np.inf)
        for row, values in enumerate(np.abs(values_kw)):
            sizes = values[values > 0.0]
            if len(sizes):
                resting[row], high = np.quantile(sizes, [RESTING, 0.9])
                most[row] = BEYOND_USUAL * high
        most = np.where(np.isfinite(peak_kw), BEYOND_PEAK * peak_kw, most)
        return cls(most_kw=most, resting_kw=resting)


def believed_kw(values_kw: Floats, usual: Usual, step_s: float) -> Floats:
    """The values, NaN where one is implausibly large or its meter has hung up."""
    size_kw = np.abs(values_kw)
    absurd = size_kw > usual.most_kw[:, None]
    hung = _flat(values_kw, round(FLAT_H * 3600.0 / step_s)) & (size_kw > usual.resting_kw[:, None])
    return np.where(absurd | hung, np.nan, values_kw)


def without_absurd_kw(values_kw: Floats) -> Floats:
    """The values, NaN where one is implausibly large; only rows where one stands out are judged."""
    size_kw = np.nan_to_num(np.abs(values_kw))
    mean_kw = size_kw.sum(axis=1) / np.maximum((size_kw > 0.0).sum(axis=1), 1)
    rows = np.flatnonzero(size_kw.max(axis=1, initial=0.0) > BEYOND_USUAL * mean_kw)
    believed = values_kw.copy()
    most_kw = Usual.of(values_kw[rows], np.full(len(rows), np.nan)).most_kw
    believed[rows] = np.where(size_kw[rows] > most_kw[:, None], np.nan, values_kw[rows])
    return believed


def enough(known: Bools, places: int) -> Bools:
    """Of which rows enough is believed, shape (rows,); ``places``: slots of a day."""
    since = known.shape[1] - np.argmax(known, axis=1)
    part = known.sum(axis=1) / np.maximum(since, 1)
    return np.asarray((part >= LEAST_PART) & (since >= LEAST_DAYS * places))


def _flat(values_kw: Floats, length: int) -> Bools:
    """Slots within runs of at least ``length`` equal values."""
    if values_kw.shape[1] < length or length < 2:
        return np.zeros(values_kw.shape, dtype=bool)
    same = values_kw[:, 1:] == values_kw[:, :-1]
    run = _sums(same)
    full = run[:, length - 1 :] - run[:, : run.shape[1] - length + 1] == length - 1
    begun = _sums(np.pad(full, ((0, 0), (length - 1, length - 1))))
    return np.asarray(begun[:, length:] - begun[:, :-length] > 0)


def _sums(flags: Bools) -> Ints:
    return np.pad(np.cumsum(flags, axis=1), ((0, 0), (1, 0)))
