"""The weather outside as rows beside those of loads and plants.

A plant's is what its module would give, a load's how much there is to heat and to cool.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.forecasting.module import module_w_per_m2
from optimizer.forecasting.sun import Plane
from vpp.domain.arrays import Floats
from vpp.domain.points import Quantity
from vpp.domain.weather import HOUR_S, STALE_S, WeatherRecord

HEATED_BELOW_C, COOLED_ABOVE_C = 16.0, 22.0
ENOUGH = 0.5
"""Part of the hours that must have been forecast before they came, for anything to be learnt."""
NEAR_H = 12.0
"""Coming hours of which half must be known for the weather to be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outside:
    """As it was known some time before each slot, never later; NaN where nothing was."""

    weather: WeatherRecord
    planes: tuple[Plane, ...]
    """Of each plant."""
    groups: tuple[tuple[int, ...], ...]
    """Plants of each group."""
    step_s: float

    def tells(self, from_s: float, issued_s: float) -> bool:
        """Whether there is enough of it, past and coming, for a forecast to use it."""
        if self.weather.age_s > STALE_S or self.step_s > HOUR_S or issued_s <= from_s:
            return False
        past_s = np.arange(from_s, issued_s, HOUR_S)
        coming_s = issued_s + HOUR_S * np.arange(NEAR_H)
        return all(float(self._known(times_s).mean()) >= ENOUGH for times_s in (past_s, coming_s))

    def plants(self, starts_s: Floats, before_h: Floats, size_kw: Floats) -> Floats:
        """What the modules of each plant and group would give, shape (1, rows, slots).

        ``size_kw``: of the plants.
        """
        ghi, dhi, air_c = self._of(starts_s, before_h)
        own = {
            plane: module_w_per_m2(starts_s, self.step_s, plane, ghi, dhi, air_c)
            for plane in dict.fromkeys(self.planes)
        }
        rows = [own[plane] for plane in self.planes]
        sums = [_weighted(rows, group, size_kw, ghi) for group in self.groups]
        return np.array([*rows, *sums]).reshape(1, -1, len(starts_s))

    def loads(self, starts_s: Floats, before_h: Floats) -> Floats:
        """Degrees to heat and to cool, shape (2, 1, slots): the same for every row."""
        _, _, air_c = self._of(starts_s, before_h)
        colder, warmer = HEATED_BELOW_C - air_c, air_c - COOLED_ABOVE_C
        return np.maximum(np.stack([colder, warmer])[:, None], 0.0)

    def _known(self, times_s: Floats) -> Floats:
        ghi, _, air_c = self._of(times_s, np.zeros(len(times_s)))
        return np.isfinite(ghi + air_c).astype(np.float64)

    def _of(self, times_s: Floats, before_h: Floats) -> tuple[Floats, Floats, Floats]:
        ghi, dhi, air_c = (
            self.weather.known(quantity, times_s, before_h)
            for quantity in (Quantity.GHI_W_PER_M2, Quantity.DHI_W_PER_M2, Quantity.AIR_C)
        )
        return ghi, dhi, air_c


def _weighted(
    rows: Sequence[Floats], group: tuple[int, ...], size_kw: Floats, otherwise: Floats
) -> Floats:
    total_kw = float(size_kw[list(group)].sum())
    if total_kw <= 0.0:
        return otherwise
    return np.asarray(sum(size_kw[at] * rows[at] for at in group) / total_kw)
