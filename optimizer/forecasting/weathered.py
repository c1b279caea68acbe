"""Loads and plants that look at the weather forecast as well, where there is one.

A plant gives that part of its profile which its module would give of what it would have given
lately at that time of day: what the forecast always gets wrong there, and what shades the plant,
falls out. A load is corrected by how much more there is to heat and to cool than lately.
"""

import numpy as np

from optimizer.forecasting import features
from optimizer.forecasting.families import Ahead, Course, Loads, Plants, Recent, Told, together
from vpp.domain.arrays import Floats, Ints

DARK_W_PER_M2 = 5.0
"""Usual irradiance below which the forecast tells no part."""
MOST_PART = 4.0
MOST_UNUSUAL_C = 12.0
"""A day that is forecast further from those lately is taken for one as far: a forecast gone wrong
must lead to nothing that was never seen."""


class SunnyPlants(Plants):
    """Beside the regressions without weather one upon the sun that was forecast."""

    regressions = 3
    weathered: int | None = 2

    def recent(self, regression: int, course: Course, issues: Ints, level_kw: Floats) -> Recent:
        if regression != self.weathered or course.told is None:
            return super().recent(regression, course, issues, level_kw)
        forecast_kw = _forecast_kw(course.expected_kw[0], course.told)
        lengths = features.windows(course.places)
        return features.parts(course.values_kw, forecast_kw, issues, lengths, level_kw)

    def base_kw(self, regression: int, ahead: Ahead) -> Floats:
        if regression != self.weathered or ahead.told is None:
            return super().base_kw(regression, ahead)
        return _forecast_kw(ahead.expected_kw[0], ahead.told)

    def features(self, regression: int, recent: Recent, ahead: Ahead) -> Floats:
        if regression != self.weathered:
            return super().features(regression, recent, ahead)
        base_kw = self.base_kw(regression, ahead)
        profile, most = ahead.expected_kw
        return together(
            *(base_kw * part for part in recent), profile - base_kw, most - base_kw, base_kw
        )


class WarmLoads(Loads):
    """Beside the regressions without weather one that knows how warm it will be."""

    regressions = 3
    weathered: int | None = 2

    def recent(self, regression: int, course: Course, issues: Ints, level_kw: Floats) -> Recent:
        return super().recent(regression % 2, course, issues, level_kw)

    def base_kw(self, regression: int, ahead: Ahead) -> Floats:
        return super().base_kw(regression % 2, ahead)

    def features(self, regression: int, recent: Recent, ahead: Ahead) -> Floats:
        plain = super().features(regression % 2, recent, ahead)
        if regression < 2 or ahead.told is None:
            return plain
        base_kw = self.base_kw(regression, ahead)
        warmth = np.clip(ahead.told.unusual, -MOST_UNUSUAL_C, MOST_UNUSUAL_C)
        return np.concatenate(
            [
                plain,
                together(
                    *(base_kw * one for one in warmth),
                    *(np.broadcast_to(one, base_kw.shape) for one in warmth),
                ),
            ],
            axis=2,
        )


def _forecast_kw(profile_kw: Floats, told: Told) -> Floats:
    """The profile where nothing was told."""
    now, usual = told.now[0], told.usual[0]
    telling = told.known & (usual > DARK_W_PER_M2)
    part = np.clip(now / np.where(telling, usual, 1.0), 0.0, MOST_PART)
    return profile_kw * np.where(telling, part, 1.0)
