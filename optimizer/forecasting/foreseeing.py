"""The coming slots, from a fit and what was recorded since."""

from copy import deepcopy

import numpy as np

from optimizer.forecasting.calendar import Days
from optimizer.forecasting.families import Ahead, Course
from optimizer.forecasting.features import WEEK_DAYS
from optimizer.forecasting.fitting import Fitted, leads, tail
from optimizer.forecasting.trackers import Tracker, walk
from vpp.domain.arrays import Floats, Ints


def foreseen_kw(fitted: Fitted, newest_kw: Floats, past: Days, ahead: Days) -> Floats:
    """Expected mean of each slot after the newest, shape (rows, slots).

    Args:
        fitted: Of the same rows; left as it is.
        newest_kw: What was recorded since the fit, shape (rows, slots), NaN where unbelieved.
        past: Of those slots.
        ahead: Of the coming slots.
    """
    family, before = fitted.family, fitted.tail
    trackers = deepcopy(fitted.trackers)
    course = Course(
        values_kw=np.concatenate([before.values_kw, newest_kw], axis=1),
        expected_kw=np.concatenate([before.expected_kw, walk(trackers, newest_kw, past)], axis=2),
        places=before.places,
    )
    distance = np.arange(1, len(ahead.day) + 1)
    coming = _ahead(course, trackers, ahead, distance)
    weights = _between_leads(fitted.coefficients, leads(before.places), distance)
    lately = tail(course, days=1)
    now = np.array([lately.values_kw.shape[1]])
    found = np.zeros(coming.expected_kw.shape[1:])
    for number in range(family.regressions):
        recent = family.recent(number, lately, now, fitted.level_kw)
        seen = family.features(number, recent, coming)
        foreseen = coming.expected_kw[number] + np.einsum("rif,irf->ri", seen, weights[number])
        found += fitted.share[number][:, None] * foreseen
    return found


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
