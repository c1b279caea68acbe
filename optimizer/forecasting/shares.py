"""How much each regression counts: so that together they would have missed least."""

import numpy as np

from optimizer.forecasting.own_errors import BANDS_H
from vpp.domain.arrays import Floats

LEAST_GAIN = 0.02
"""Part of the squared errors that weather must have saved; less is what any column of numbers saves
of a record that is fitted to it."""


def shares(missed_kw: Floats) -> Floats:
    """Of one regression after the other, shape (regressions, rows).

    ``missed_kw``: shape (regressions, rows, issues, leads), NaN where unknown.
    """
    together, *others = np.nan_to_num(missed_kw)
    found = [np.ones(len(together))]
    for one in others:
        before = _of_first(together, one, (1, 2))
        together = one - before[:, None, None] * (one - together)
        found = [before * share for share in found] + [1.0 - before]
    return np.stack(found)


def weather_shares(without_kw: Floats, having_kw: Floats, distance_h: Floats) -> Floats:
    """Of forecasts that know the weather, at each lead by its band; shape (leads, rows).

    Nothing for a row that gains too little by them.

    Args:
        without_kw: What the others missed together, shape (rows, issues, leads).
        having_kw: What those with weather missed.
        distance_h: Of the leads.
    """
    without, having = np.nan_to_num(without_kw), np.nan_to_num(having_kw)
    band = np.searchsorted(BANDS_H, distance_h, side="left")
    found = np.empty((len(distance_h), len(without)))
    for one in np.unique(band):
        own = band == one
        found[own] = 1.0 - _of_first(without[:, :, own], having[:, :, own], (1, 2))
    mixed = without + found.T[:, None] * (having - without)
    before, after = ((each**2).sum(axis=(1, 2)) for each in (without, mixed))
    return np.where(after < (1.0 - LEAST_GAIN) * before, found, 0.0)


def _of_first(first: Floats, second: Floats, over: tuple[int, ...]) -> Floats:
    """Share of the first of two, so that their mix misses least."""
    apart = second - first
    toward = (second * apart).sum(axis=over)
    return np.asarray(np.clip(toward / np.maximum((apart**2).sum(axis=over), 1e-12), 0.0, 1.0))
