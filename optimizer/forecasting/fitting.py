"""Coefficients for every row and lead, from what was recorded before the fit."""

from dataclasses import dataclass

import numpy as np

from optimizer.forecasting.calendar import Days
from optimizer.forecasting.families import Ahead, Course, Family
from optimizer.forecasting.features import WEEK_DAYS
from optimizer.forecasting.ridge import ridge
from optimizer.forecasting.trackers import Tracker, walk
from vpp.domain.arrays import Floats, Ints

LEADS_H = 48
"""Slots further ahead use the coefficients of the furthest lead."""
FIRST_DAYS = 7
"""Before them the profiles know too little for a regression to learn from."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """Everything that foreseeing takes beside the newest slots."""

    family: Family
    trackers: list[Tracker]
    """As they stand after the last slot of the fit."""
    tail: Course
    """The last slots of the fit."""
    level_kw: Floats
    """Mean size of each row."""
    coefficients: Floats
    """Shape (regressions, leads, rows, features)."""
    share: Floats
    """Of each regression in the forecast, shape (regressions, rows)."""


def leads(places: int) -> Ints:
    """Distances in slots for which there are coefficients: each within an hour, then the hours."""
    hour = max(round(places / 24), 1)
    return np.array(sorted({*range(1, hour), *range(hour, LEADS_H * hour + 1, hour)}))


def issues(places: int, slots: int) -> Ints:
    """Slots from which forecasts are learnt: about hourly, at every quarter in turn."""
    hour = max(round(places / 24), 1)
    return np.arange(FIRST_DAYS * places, slots, hour + (hour > 1))


def fit(family: Family, values_kw: Floats, days: Days, places: int) -> tuple[Fitted, Floats]:
    """The fit, and what it missed: shape (rows, issues, leads), NaN where unknown.

    ``values_kw``: shape (rows, slots), NaN where nothing is believed.
    """
    rows, slots = values_kw.shape
    trackers = family.trackers(rows, places)
    course = Course(values_kw=values_kw, expected_kw=walk(trackers, values_kw, days), places=places)
    level_kw = _mean(np.abs(values_kw))
    asked, distances = issues(places, slots), leads(places)
    recent = [
        family.recent(number, course, asked, level_kw) for number in range(family.regressions)
    ]
    before = _Before(course, trackers, days)
    missed = np.full((family.regressions, rows, len(asked), len(distances)), np.nan)
    coefficients: list[list[Floats]] = [[] for _ in recent]
    for at, lead in enumerate(distances):
        known = asked + lead <= slots
        target = asked[known] + lead - 1
        ahead, came = before.at(target, int(lead)), values_kw[:, target]
        for number, looks in enumerate(recent):
            seen = family.features(number, [look[:, known] for look in looks], ahead)
            base = ahead.expected_kw[number]
            weights = ridge(seen, came - base, np.isfinite(came))
            coefficients[number].append(weights)
            foreseen = base + np.einsum("rif,rf->ri", seen, weights)
            missed[number][:, known, at] = came - foreseen
    share = _shares(missed)
    return Fitted(
        family=family,
        trackers=trackers,
        tail=tail(course),
        level_kw=level_kw,
        coefficients=np.array(coefficients),
        share=share,
    ), np.einsum("nr,nril->ril", share, missed)


def _shares(missed_kw: Floats) -> Floats:
    """Of one or two regressions, so that together they miss least; shape (regressions, rows)."""
    if len(missed_kw) == 1:
        return np.ones(missed_kw.shape[:2])
    first, second = np.nan_to_num(missed_kw)
    apart = second - first
    toward = np.einsum("ril,ril->r", second, apart)
    first_share = np.clip(toward / np.maximum((apart**2).sum(axis=(1, 2)), 1e-12), 0.0, 1.0)
    return np.stack([first_share, 1.0 - first_share])


def tail(course: Course, days: int = WEEK_DAYS + 1) -> Course:
    """The last days; by default as much as looks back may reach."""
    kept = days * course.places
    return Course(
        values_kw=course.values_kw[:, -kept:],
        expected_kw=course.expected_kw[:, :, -kept:],
        places=course.places,
    )


class _Before:
    """What was known of a slot at a distance before it."""

    def __init__(self, course: Course, trackers: list[Tracker], days: Days) -> None:
        self._course = course
        slots, places = course.values_kw.shape[1], course.places
        earlier = np.maximum(np.arange(slots) - places, 0)
        other = days.kind != days.kind[earlier]
        self._a_day_older = np.stack(
            [
                expected[:, np.where(other & (one.kinds > 1), np.arange(slots), earlier)]
                for one, expected in zip(trackers, course.expected_kw, strict=True)
            ]
        )
        self._missed = np.nan_to_num(course.values_kw - course.expected_kw)

    def at(self, target: Ints, lead: int) -> Ahead:
        places = self._course.places
        back = -(-lead // places)
        known = self._course.expected_kw if back == 1 else self._a_day_older
        return Ahead(
            expected_kw=known[:, :, target],
            missed_day_kw=self._missed[:, :, target - back * places],
            missed_week_kw=self._missed[:, :, target - WEEK_DAYS * places],
        )


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))
