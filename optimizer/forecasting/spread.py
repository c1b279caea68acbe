"""How far from the middle the 10 and 90 % quantiles lie: by a forecaster's own recent errors."""

from collections.abc import Sequence

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.forecast import HIGH, LOW, Series
from vpp.domain.points import Quantity

LEAST_ERRORS = 24
DEFAULT_WIDTH = {Quantity.POWER_KW: 0.3, Quantity.AVAILABLE_KW: 0.5}
"""Half width of the 10 to 90 % band over the middle, while there are too few own errors."""


def usual_width(series: Sequence[Series]) -> Floats:
    """Half width over the middle of each series, while it has too few errors of its own."""
    return np.array([DEFAULT_WIDTH.get(one.quantity, 0.3) for one in series])


def spread_kw(
    errors: Floats, middle: Floats, scale: Floats, width: Floats
) -> tuple[Floats, Floats]:
    """Distance of the 10 and 90 % quantiles from the middle, kW, shape (series, slots) each."""
    low, high = _quantiles(errors)
    usual = width[:, None] * np.abs(middle)
    below = np.where(np.isnan(low), -usual, scale * np.minimum(low, 0.0))
    return below, np.where(np.isnan(high), usual, scale * np.maximum(high, 0.0))


def _quantiles(errors: Floats) -> tuple[Floats, Floats]:
    """10 and 90 % of each row, shape (rows, 1) each; NaN where a row has too few errors."""
    there = np.isfinite(errors)
    counts = there.sum(axis=1)
    found = np.full((2, len(errors), 1), np.nan)
    for count in np.unique(counts[counts >= LEAST_ERRORS]):
        rows = np.flatnonzero(counts == count)
        known = errors[rows][there[rows]].reshape(len(rows), count)
        found[:, rows, 0] = np.quantile(known, [LOW, HIGH], axis=1)
    return found[0], found[1]
