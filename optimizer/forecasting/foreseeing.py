"""The coming slots, from a fit and what was recorded since."""

from copy import deepcopy
from dataclasses import replace

import numpy as np

from optimizer.forecasting.calendar import Days
from optimizer.forecasting.families import Ahead, Course, Told
from optimizer.forecasting.features import WEEK_DAYS
from optimizer.forecasting.fitting import Fitted, leads, tail, walk_drivers
from optimizer.forecasting.trackers import DayProfile, Tracker, walk
from vpp.domain.arrays import Floats, Ints

LEAST_SHARE = 1e-6
"""What the regressions without weather must have together, to stand for all."""


def foreseen_kw(
    fitted: Fitted,
    newest_kw: Floats,
    past: Days,
    ahead: Days,
    drivers: tuple[Floats, Floats] | None = None,
) -> Floats:
    """Expected mean of each slot after the newest, shape (rows, slots).

    Args:
        fitted: Of the same rows; left as it is.
        newest_kw: What was recorded since the fit, shape (rows, slots), NaN where unbelieved.
        past: Of those slots.
        ahead: Of the coming slots.
        drivers: What the weather forecast told of both, where the fit looks at it, shape (drivers,
            rows or 1, slots) each.
    """
    family, before = fitted.family, fitted.tail
    trackers, usual = deepcopy((fitted.trackers, fitted.usual))
    told = None
    if drivers is not None and before.told is not None:
        since = drivers[0]
        told = Told(
            now=np.concatenate([before.told.now, since], axis=2),
            usual=np.concatenate([before.told.usual, walk_drivers(usual, since, past)], axis=2),
        )
    course = Course(
        values_kw=np.concatenate([before.values_kw, newest_kw], axis=1),
        expected_kw=np.concatenate([before.expected_kw, walk(trackers, newest_kw, past)], axis=2),
        places=before.places,
        told=told,
    )
    distance = np.arange(1, len(ahead.day) + 1)
    coming = replace(
        _ahead(course, trackers, ahead, distance),
        told=drivers and Told(now=drivers[1], usual=_usual(usual, ahead)),
    )
    share = _shares(fitted, coming)
    weights = _between_leads(fitted.coefficients, leads(before.places), distance)
    lately = tail(course, days=1)
    now = np.array([lately.values_kw.shape[1]])
    found = np.zeros(coming.expected_kw.shape[1:])
    for number in range(family.regressions):
        recent = family.recent(number, lately, now, fitted.level_kw)
        seen = family.features(number, recent, coming)
        own = weights[number][:, :, : seen.shape[2]]
        foreseen = family.base_kw(number, coming) + np.einsum("rif,irf->ri", seen, own)
        found += share[number] * foreseen
    return found


def _shares(fitted: Fitted, coming: Ahead) -> Floats:
    """Of each regression in each slot; one upon weather has none where nothing is told."""
    share = np.repeat(fitted.share[:, :, None], coming.expected_kw.shape[2], axis=2)
    weathered = fitted.family.weathered
    if weathered is None:
        return share
    known = np.zeros(share.shape[1:], dtype=bool)
    if coming.told is not None:
        known |= coming.told.known
    share[weathered] = np.where(known, share[weathered], 0.0)
    total = share.sum(axis=0)
    share[0] = np.where(total > LEAST_SHARE, share[0], 1.0)
    return np.asarray(share / np.maximum(share.sum(axis=0), LEAST_SHARE))


def _usual(usual: list[DayProfile], days: Days) -> Floats:
    return np.stack([one.expected(0)[:, days.place] for one in usual])


def _ahead(course: Course, trackers: list[Tracker], days: Days, distance: Ints) -> Ahead:
    missed = np.nan_to_num(course.values_kw - course.expected_kw)
    slots, places = course.values_kw.shape[1], course.places

    def before(length: int) -> Floats:
        """What was missed the newest known multiple of so many slots before each coming slot."""
        return missed[:, :, slots - 1 + distance - length * -(-distance // length)]

    expected = np.empty((len(trackers), len(course.values_kw), len(distance)))
    for day in np.unique(days.day):
        slot = np.flatnonzero(days.day == day)
        for at, one in enumerate(trackers):
            expected[at][:, slot] = one.expected(int(days.kind[slot[0]]))[:, days.place[slot]]
    return Ahead(
        expected_kw=expected,
        missed_day_kw=before(places),
        missed_week_kw=before(WEEK_DAYS * places),
    )


def _between_leads(coefficients: Floats, known: Ints, distance: Ints) -> Floats:
    """Straight lines between the leads that were fitted; shape (regressions, slots, rows, .)."""
    place = np.interp(distance, known, np.arange(len(known)))
    low = np.minimum(place.astype(np.int64), len(known) - 2)
    part = (place - low)[:, None, None]
    return np.asarray((1.0 - part) * coefficients[:, low] + part * coefficients[:, low + 1])
