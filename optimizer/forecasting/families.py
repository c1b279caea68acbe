"""Loads and plants, each with the profiles and the looks back that suit it.

Measured on homes, flats, offices and plants in two climates (docs/reference/forecast.md): a load is
as on its kind of day and what was missed lately, in kW and as a part, goes on; the sun is a part of
its profile and of the clearest sky seen lately. Two regressions of loads, one upon the profile by
kind of day and one upon that of all days, err differently: together they err less than either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from optimizer.forecasting import features
from optimizer.forecasting.calendar import KINDS
from optimizer.forecasting.trackers import DayProfile, Envelope, Tracker
from vpp.domain.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """What the weather forecast told of slots, arrays of shape (drivers, rows or 1, slots)."""

    now: Floats
    """NaN where nothing was told."""
    usual: Floats
    """What had been told lately of the same place of the day."""

    @property
    def known(self) -> Bools:
        """Of which rows and slots all is, shape (rows or 1, slots)."""
        return np.asarray(np.isfinite(self.now + self.usual).all(axis=0))

    @property
    def unusual(self) -> Floats:
        """How much more than usual; 0 where nothing was told."""
        return np.nan_to_num(self.now - self.usual)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """Recorded slots, and what the trackers expected of each before it came."""

    values_kw: Floats
    """Shape (rows, slots), NaN where nothing is believed."""
    expected_kw: Floats
    """Shape (trackers, rows, slots)."""
    places: int
    """Slots of a day."""
    told: Told | None = None
    """Right before each slot."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ahead:
    """Of the slots that are to be foreseen, arrays of shape (trackers, rows, slots)."""

    expected_kw: Floats
    missed_day_kw: Floats
    """By each tracker on the newest day known at that time; 0 where unknown."""
    missed_week_kw: Floats
    """A week before."""
    told: Told | None = None
    """At the issue."""


Recent = Sequence[Floats]
"""Looks back from the issues, shape (rows, issues) each."""


class Family(Protocol):
    """How rows of one kind are foreseen."""

    regressions: int
    """How many are made."""
    mixed: int
    """How many of them, the first ones, are mixed as they err least together."""
    mean: int | None
    """The regression that tells the expected value; None: the mix does."""
    weathered: int | None
    """The regression that stands on them, and is left out where nothing was told."""

    def trackers(self, rows: int, places: int) -> list[Tracker]: ...

    def recent(self, regression: int, course: Course, issues: Ints, level_kw: Floats) -> Recent: ...

    def base_kw(self, regression: int, ahead: Ahead) -> Floats:
        """What the regression corrects, shape (rows, slots)."""
        ...

    def features(self, regression: int, recent: Recent, ahead: Ahead) -> Floats:
        """Shape (rows, slots, features)."""
        ...


class _Unweathered:
    """Each regression corrects the tracker of its number, whatever the weather."""

    mean: int | None = None
    weathered: int | None = None

    def base_kw(self, regression: int, ahead: Ahead) -> Floats:
        return np.asarray(ahead.expected_kw[regression])


class Loads(_Unweathered):
    """First the profile by kind of day, second that of all days."""

    regressions = 2
    mixed = 2

    def trackers(self, rows: int, places: int) -> list[Tracker]:
        any_day = DayProfile(rows, places)
        return [DayProfile(rows, places, KINDS, any_day), any_day]

    def recent(self, regression: int, course: Course, issues: Ints, level_kw: Floats) -> Recent:
        expected, lengths = course.expected_kw[regression], features.windows(course.places)
        return (
            *features.parts(course.values_kw, expected, issues, lengths, level_kw),
            *features.missed_kw(course.values_kw, expected, issues, lengths),
        )

    def features(self, regression: int, recent: Recent, ahead: Ahead) -> Floats:
        half, base = len(recent) // 2, ahead.expected_kw[regression]
        return together(
            *(base * part for part in recent[:half]),
            *recent[half:],
            ahead.missed_day_kw[regression],
            ahead.missed_week_kw[regression],
            ahead.expected_kw[1 - regression] - base,
        )


class Plants(_Unweathered):
    """First the profile, second the envelope.

    What clouds take is skewed: a regression that errs least by the size of its errors foresees more
    sun than there is in the mean. A second one may also take a part of the profile itself, which
    makes it right in the mean.
    """

    regressions = 2
    mixed = 1
    mean: int | None = 1

    def trackers(self, rows: int, places: int) -> list[Tracker]:
        return [DayProfile(rows, places), Envelope(rows, places)]

    def recent(self, regression: int, course: Course, issues: Ints, level_kw: Floats) -> Recent:
        profile, most = course.expected_kw
        lengths = (features.windows(course.places), features.sky_windows(course.places))
        return (
            *features.parts(course.values_kw, profile, issues, lengths[0], level_kw),
            *features.parts(course.values_kw, most, issues, lengths[1], level_kw),
        )

    def base_kw(self, regression: int, ahead: Ahead) -> Floats:
        return np.asarray(ahead.expected_kw[0])

    def features(self, regression: int, recent: Recent, ahead: Ahead) -> Floats:
        profile, most = ahead.expected_kw
        windows = len(recent) // 2 + 1
        own = (profile,) if regression == self.mean else ()
        return together(
            *(profile * part for part in recent[:windows]),
            *(most * part for part in recent[windows:]),
            most - profile,
            *own,
        )


class Plain(_Unweathered):
    """The usual yardstick: a profile of the hour, and a ridge on what it missed lately in kW."""

    regressions = 1
    mixed = 1

    def trackers(self, rows: int, places: int) -> list[Tracker]:
        return [DayProfile(rows, places)]

    def recent(self, regression: int, course: Course, issues: Ints, level_kw: Floats) -> Recent:
        lengths = features.windows(course.places)
        return features.missed_kw(course.values_kw, course.expected_kw[0], issues, lengths)

    def features(self, regression: int, recent: Recent, ahead: Ahead) -> Floats:
        return together(*recent, ahead.missed_day_kw[0], ahead.missed_week_kw[0])


def together(*looks: Floats) -> Floats:
    return np.stack(np.broadcast_arrays(*looks), axis=2)
