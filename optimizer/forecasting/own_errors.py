"""How forecasts erred lately: by time of day and distance, and how long an error lasts."""

from dataclasses import dataclass

import numpy as np

from vpp.domain.arrays import Bools, Floats, Ints
from vpp.domain.forecast import HIGH, LOW

HOURS = 24
BANDS_H = (1, 3, 6, 12, 24, 48)
"""Distances are told apart by bands that end here."""
NEIGHBOURS = (0.25, 0.5, 0.25)
"""Weights of the hours before, at and after."""
UNSEEN = 1.1
"""Errors of what is still to come over those of the record that a fit was made from, measured on a
year of homes: 1.06 to 1.10 at 1 to 24 h."""
YOUNG_DAYS = 14
"""A regression over fewer days misses them by too little, as it fits them one by one: over 7 days
two to three times, over 11 by 1.0 to 1.4, over 14 hardly; measured on four pools of homes and
offices in as many climates."""
APART_H = 3
"""Over so many hours it is measured how errors last: it matters more than one, and what the newest
hour alone explains is gone by then."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnErrors:
    """Of several rows."""

    deviation_kw: Floats
    """Shape (rows, bands, hours of the day)."""
    distances_h: Floats
    """Mean distance of each band."""
    quantiles: Floats
    """10 and 90 % of the errors over their deviation, shape (2, rows)."""
    persistence: Floats
    """Correlation of errors of one forecast from hour to hour, shape (rows,)."""

    def ahead_kw(self, distance_h: Floats, hour: Ints) -> Floats:
        """Deviation at each coming slot, shape (rows, slots)."""
        bands = len(self.distances_h)
        place = np.interp(distance_h, self.distances_h, np.arange(bands))
        low = np.minimum(place.astype(np.int64), bands - 2)
        part = place - low
        near, far = self.deviation_kw[:, low, hour], self.deviation_kw[:, low + 1, hour]
        return np.asarray((1.0 - part) * near + part * far)


def own_errors(missed_kw: Floats, leads_h: Floats, hour: Ints, learnt_days: float) -> OwnErrors:
    """Measure.

    Args:
        missed_kw: Shape (rows, issues, leads), NaN where unknown.
        leads_h: Distance of each lead.
        hour: Hour of the day of each target, shape (issues, leads).
        learnt_days: Over which the regression went that missed so.
    """
    band = np.searchsorted(BANDS_H, leads_h, side="left")
    known = np.isfinite(missed_kw)
    missed = np.where(known, missed_kw, 0.0)
    deviation = np.stack(
        [
            by_hour(missed[:, :, band == one], known[:, :, band == one], hour[:, band == one])
            for one in range(len(BANDS_H))
        ],
        axis=1,
    )
    usual = deviation[:, band[None, :], hour]
    floor = 1e-3 * deviation.max(axis=(1, 2), initial=1e-9)
    standard = np.where(known, missed_kw, np.nan) / np.maximum(usual, floor[:, None, None])
    return OwnErrors(
        deviation_kw=UNSEEN * max(YOUNG_DAYS / learnt_days, 1.0) * deviation,
        distances_h=np.array([leads_h[band == one].mean() for one in range(len(BANDS_H))]),
        quantiles=_quantiles(np.where(usual > floor[:, None, None], standard, np.nan)),
        persistence=_persistence(np.nan_to_num(standard), leads_h),
    )


def by_hour(missed: Floats, known: Bools, hour: Ints) -> Floats:
    """Root mean square by hour of the day, smoothed, shape (rows, hours).

    Args:
        missed: Shape (rows, issues, leads), 0 where unknown.
        known: Of the same shape.
        hour: Shape (issues, leads).
    """
    rows = len(missed)
    at = (hour[:, :, None] == np.arange(HOURS)).reshape(-1, HOURS).astype(np.float64)
    squares = (missed**2).reshape(rows, -1) @ at
    counts = known.reshape(rows, -1).astype(np.float64) @ at
    squares, counts = (
        sum(
            w * np.roll(one, shift, axis=1) for w, shift in zip(NEIGHBOURS, (1, 0, -1), strict=True)
        )
        for one in (squares, counts)
    )
    overall = squares.sum(axis=1, keepdims=True) / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    mean = np.where(counts > 0, squares / np.maximum(counts, 1e-9), overall)
    return np.asarray(np.sqrt(mean))


def _quantiles(standard: Floats) -> Floats:
    """Of each row; as of a normal error where nothing is known."""
    found = np.tile([[-1.2816], [1.2816]], len(standard))
    for row, values in enumerate(standard.reshape(len(standard), -1)):
        known = values[np.isfinite(values)]
        if len(known):
            found[:, row] = np.quantile(known, [LOW, HIGH])
    return found


def _persistence(standard: Floats, leads_h: Floats) -> Floats:
    hours = np.flatnonzero(leads_h == np.round(leads_h))
    first, second = standard[:, :, hours[:-APART_H]], standard[:, :, hours[APART_H:]]
    both = (first != 0.0) & (second != 0.0)
    together = (first * second * both).sum(axis=(1, 2))
    size = np.sqrt((first**2 * both).sum(axis=(1, 2)) * (second**2 * both).sum(axis=(1, 2)))
    correlation = np.clip(together / np.maximum(size, 1e-12), 0.0, 1.0)
    return np.asarray(correlation ** (1.0 / APART_H))
