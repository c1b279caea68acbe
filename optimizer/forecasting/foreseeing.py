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


def foreseen_kw(
    fitted: Fitted,
    newest_kw: Floats,
    past: Days,
    ahead: Days,
    drivers: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Floats]:
    """Each slot after the newest: as it errs least, and its expected value; shape (rows, slots).

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
    known = leads(before.places)
    weights = _between_leads(fitted.coefficients, known, distance)
    lately = tail(course, days=1)
    now = np.array([lately.values_kw.shape[1]])

    def by(number: int) -> Floats:
        recent = family.recent(number, lately, now, fitted.level_kw)
        seen = family.features(number, recent, coming)
        own = weights[number][:, :, : seen.shape[2]]
        return np.asarray(
            family.base_kw(number, coming) + np.einsum("rif,irf->ri", seen, own), np.float64
        )

    found = np.zeros(coming.expected_kw.shape[1:])
    for number, share in enumerate(fitted.share):
        found += share[:, None] * by(number)
    mean = found.copy() if family.mean is None else by(family.mean)
    if family.weathered is not None:
        weather_share = _weather_share(fitted, coming, known, distance)
        knowing = by(family.weathered)
        found += weather_share * (knowing - found)
        mean += weather_share * (knowing - mean)
    return found, mean


def _weather_share(fitted: Fitted, coming: Ahead, known: Ints, distance: Ints) -> Floats:
    """Shape (rows, slots); nothing where nothing is told."""
    found = np.array([np.interp(distance, known, one) for one in fitted.weather_share.T])
    told = coming.told is not None and coming.told.known
    return np.where(told, found.reshape(-1, len(distance)), 0.0)


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
