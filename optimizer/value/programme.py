"""The stochastic dynamic programme behind the value curve.

State: stored energy, grid power of the step before, and a forecast error that lasts. Each step the
error is seen, then the grid power is chosen:

``V_h(z, g', E) = min over g of  c_h(g) + r_h |g - g'| + W(z, g, E + gain(g - n_h - s_h z))``

with ``W(z, g, E)`` the mean of ``V_h+1(z2, g, E)`` over the errors ``z2`` that may follow ``z``.

The choice is among the points of the axis and, from each level, the utmost charge and discharge.
The ramp's minimum over all points is two running minima: ``min_j (Q_j + r |x_j - x_k|)``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from optimizer.value.bucket import Bucket
from optimizer.value.choices import to_points, utmost
from optimizer.value.error_chain import transition
from optimizer.value.steps import Steps
from vpp.domain.arrays import Floats

EARLY_PER_H = 1e-4
"""Part by which an hour's later counts less, so that of equals the earlier is chosen."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Programme:
    """What the programme works on."""

    steps: Steps
    bucket: Bucket
    axis_kw: Floats
    """Grid powers, shape (powers,), rising."""
    levels: int
    """Number of energy levels from empty to full."""
    errors: int
    """Number of error states, odd."""
    correlation: float
    """Of the forecast's error from hour to hour."""
    left: Floats
    """Cost of what is stored after the last step, shape (levels,): negative where it is worth."""

    @cached_property
    def energy_kwh(self) -> Floats:
        return np.linspace(0.0, self.bucket.capacity_kwh, self.levels)

    def solve(self) -> Floats:
        """Expected later cost after each step by what is known now.

        Shape (steps, powers, levels).
        """
        steps, count = self.steps, self.errors
        asked = (steps, self.bucket, self.axis_kw, self.levels, count)
        read, lower = to_points(*asked), utmost(*asked)
        later = np.empty((len(steps), len(self.axis_kw), count, self.levels))
        later[-1] = self.left
        for step in range(len(steps) - 1, 0, -1):
            cost = read(step, later[step])
            lower(step, later[step], cost)
            self._ramped(step, cost)
            chances = (1.0 - EARLY_PER_H * float(steps.hours[step])) * self._chances(step)
            np.matmul(chances, cost, out=later[step - 1])
        known = np.array(list(self._seen_from_now()))
        return np.asarray(np.einsum("se,spel->spl", known, later))

    def _chances(self, step: int) -> Floats:
        return transition(self.errors, self.correlation ** float(self.steps.hours[step]))

    def _seen_from_now(self) -> Iterator[Floats]:
        """Probability of each error state during each step; now there is no error."""
        chance = np.zeros(self.errors)
        chance[self.errors // 2] = 1.0
        for step in range(len(self.steps)):
            yield chance
            chance = chance @ self._chances(step)

    def _ramped(self, step: int, cost: Floats) -> None:
        """From cost by grid power in the step to cost by grid power before it, in place."""
        by_power = cost.reshape(len(cost), -1)
        ramp_kw = (float(self.steps.costs.ramp_weight[step]) * self.axis_kw)[:, None]
        rising = _running_minimum(by_power - ramp_kw)
        rising += ramp_kw
        by_power += ramp_kw
        falling = _running_minimum(by_power[::-1])[::-1]
        falling -= ramp_kw
        np.minimum(rising, falling, out=by_power)


def _running_minimum(rows: Floats) -> Floats:
    """Of each row and all before it; by doubling the reach, faster than ``minimum.accumulate``."""
    found, reach = rows, 1
    while reach < len(rows):
        longer = np.empty_like(rows)
        longer[:reach] = found[:reach]
        np.minimum(found[reach:], found[:-reach], out=longer[reach:])
        found, reach = longer, 2 * reach
    return found
