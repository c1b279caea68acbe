"""Coefficients for every row and lead, from what was recorded before the fit."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optimizer.forecasting.calendar import Days
from optimizer.forecasting.families import Ahead, Course, Family, Told
from optimizer.forecasting.features import WEEK_DAYS
from optimizer.forecasting.ridge import ridge
from optimizer.forecasting.shares import shares, weather_shares
from optimizer.forecasting.trackers import DayProfile, Tracker, walk
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
    usual: list[DayProfile]
    """Of the weather's drivers, likewise."""
    tail: Course
    """The last slots of the fit."""
    level_kw: Floats
    """Mean size of each row."""
    coefficients: Floats
    """Shape (regressions, leads, rows, features)."""
    share: Floats
    """Of each mixed regression in the forecast that knows no weather, shape (mixed, rows)."""
    weather_share: Floats
    """Of the one that does, at each lead, the others having the rest; shape (leads, rows)."""


def leads(places: int) -> Ints:
    """Distances in slots for which there are coefficients: each within an hour, then the hours."""
    hour = max(round(places / 24), 1)
    return np.array(sorted({*range(1, hour), *range(hour, LEADS_H * hour + 1, hour)}))


def issues(places: int, slots: int) -> Ints:
    """Slots from which forecasts are learnt: about hourly, at every quarter in turn."""
    hour = max(round(places / 24), 1)
    return np.arange(FIRST_DAYS * places, slots, hour + (hour > 1))


DriversBefore = Callable[[float], Floats]
"""What was known of the weather so many hours before each slot, shape (drivers, rows or 1, slots),
NaN where nothing was."""


def fit(
    family: Family, values_kw: Floats, days: Days, places: int, drivers: DriversBefore | None = None
) -> tuple[Fitted, Floats]:
    """The fit, and what it missed: shape (rows, issues, leads), NaN where unknown.

    ``values_kw``: shape (rows, slots), NaN where nothing is believed. ``drivers``: where the family
    looks at any.
    """
    rows, slots = values_kw.shape
    trackers = family.trackers(rows, places)
    usual, told = list[DayProfile](), None
    if drivers is not None:
        now = drivers(0.0)
        usual = [DayProfile(now.shape[1], places) for _ in now]
        told = Told(now=now, usual=walk_drivers(usual, now, days))
    course = Course(
        values_kw=values_kw, expected_kw=walk(trackers, values_kw, days), places=places, told=told
    )
    level_kw = _mean(np.abs(values_kw))
    asked, distances = issues(places, slots), leads(places)
    recent = [
        family.recent(number, course, asked, level_kw) for number in range(family.regressions)
    ]
    before = _Before(course, trackers, days, drivers)
    missed = np.full((family.regressions, rows, len(asked), len(distances)), np.nan)
    coefficients: list[list[Floats]] = [[] for _ in recent]
    for at, lead in enumerate(distances):
        known = asked + lead <= slots
        target = asked[known] + lead - 1
        ahead, came = before.at(target, int(lead)), values_kw[:, target]
        for number, looks in enumerate(recent):
            seen = family.features(number, [look[:, known] for look in looks], ahead)
            base = family.base_kw(number, ahead)
            counts = np.isfinite(came)
            if number == family.weathered and ahead.told is not None:
                counts = counts & ahead.told.known
            weights = ridge(seen, came - base, counts)
            coefficients[number].append(weights)
            foreseen = base + np.einsum("rif,rf->ri", seen, weights)
            missed[number][:, known, at] = np.where(counts, came - foreseen, np.nan)
    plain = missed[: family.mixed]
    share = shares(plain)
    together = np.einsum("nr,nril->ril", share, plain)
    weather_share = np.zeros((len(distances), rows))
    if family.weathered is not None:
        weathered = np.where(np.isnan(missed[-1]), together, missed[-1])
        weather_share = weather_shares(together, weathered, distances * 24.0 / places)
        together += weather_share.T[:, None] * (weathered - together)
    return Fitted(
        family=family,
        trackers=trackers,
        usual=usual,
        tail=tail(course),
        level_kw=level_kw,
        coefficients=_padded(coefficients),
        share=share,
        weather_share=weather_share,
    ), together


def _padded(coefficients: list[list[Floats]]) -> Floats:
    """Regressions with fewer features have coefficients of 0 at their end."""
    most = max(one[0].shape[1] for one in coefficients)
    return np.array(
        [
            [np.pad(weights, ((0, 0), (0, most - weights.shape[1]))) for weights in one]
            for one in coefficients
        ]
    )


def walk_drivers(usual: list[DayProfile], now: Floats, days: Days) -> Floats:
    """What had been usual of each driver before it came, shape (drivers, rows or 1, slots)."""
    return np.stack([walk([one], rows, days)[0] for one, rows in zip(usual, now, strict=True)])


def tail(course: Course, days: int = WEEK_DAYS + 1) -> Course:
    """The last days; by default as much as looks back may reach."""
    kept = days * course.places
    told = course.told
    return Course(
        values_kw=course.values_kw[:, -kept:],
        expected_kw=course.expected_kw[:, :, -kept:],
        places=course.places,
        told=told and Told(now=told.now[:, :, -kept:], usual=told.usual[:, :, -kept:]),
    )


class _Before:
    """What was known of a slot at a distance before it."""

    def __init__(
        self,
        course: Course,
        trackers: list[Tracker],
        days: Days,
        drivers: DriversBefore | None,
    ) -> None:
        self._course, self._drivers, self._step_h = course, drivers, 24.0 / course.places
        slots, places = course.values_kw.shape[1], course.places
        earlier = np.maximum(np.arange(slots) - places, 0)
        other = days.kind != days.kind[earlier]
        self._a_day_older = np.stack(
            [
                expected[:, np.where(other & (one.kinds > 1), np.arange(slots), earlier)]
                for one, expected in zip(trackers, course.expected_kw, strict=True)
            ]
        )
        self._earlier = earlier
        self._missed = np.nan_to_num(course.values_kw - course.expected_kw)

    def at(self, target: Ints, lead: int) -> Ahead:
        places = self._course.places
        back = -(-lead // places)
        known = self._course.expected_kw if back == 1 else self._a_day_older
        return Ahead(
            expected_kw=known[:, :, target],
            missed_day_kw=self._missed[:, :, target - back * places],
            missed_week_kw=self._missed[:, :, target - WEEK_DAYS * places],
            told=self._told(target, lead, back),
        )

    def _told(self, target: Ints, lead: int, back: int) -> Told | None:
        told = self._course.told
        if told is None or self._drivers is None:
            return None
        now = self._drivers((lead - 1) * self._step_h)[:, :, target]
        return Told(now=now, usual=told.usual[:, :, target if back == 1 else self._earlier[target]])


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))
