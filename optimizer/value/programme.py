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
from numpy.lib.stride_tricks import sliding_window_view

from optimizer.value.bucket import Bucket
from optimizer.value.error_chain import states, transition
from optimizer.value.steps import Steps
from vpp.domain.arrays import Floats

NEVER = 1e30
"""Cost of what cannot be done."""
EARLY_PER_H = 1e-4
"""Part by which an hour's later counts less, so that of equals the earlier is chosen."""
EXCESS = 100.0
"""Weight of import beyond a rating over the dearest import: only where nothing else is left."""


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
        known = np.array(list(self._seen_from_now()))
        found = np.empty((len(steps), len(self.axis_kw), self.levels))
        later = np.broadcast_to(self.left, (count, len(self.axis_kw), self.levels))
        for step in range(len(steps) - 1, -1, -1):
            found[step] = np.tensordot(known[step], later, axes=1)
            if step > 0:
                value = self._before(step, later)
                chances = (1.0 - EARLY_PER_H * float(steps.hours[step])) * self._chances(step)
                later = (chances @ value.reshape(count, -1)).reshape(value.shape)
        return found

    def _chances(self, step: int) -> Floats:
        return transition(self.errors, self.correlation ** float(self.steps.hours[step]))

    def _seen_from_now(self) -> Iterator[Floats]:
        """Probability of each error state during each step; now there is no error."""
        chance = np.zeros(self.errors)
        chance[self.errors // 2] = 1.0
        for step in range(len(self.steps)):
            yield chance
            chance = chance @ self._chances(step)

    def _before(self, step: int, later: Floats) -> Floats:
        """Cost from the step's begin on, by error state, grid power before it and energy."""
        net_kw = self.steps.net_kw[step] + self.steps.spread_kw[step] * states(self.errors)
        cost = self._at_points(step, later, net_kw)
        self._at_limits(step, later, net_kw, cost)
        ramp_kw = (float(self.steps.costs.ramp_weight[step]) * self.axis_kw)[:, None]
        rising = np.minimum.accumulate(cost - ramp_kw, axis=1)
        rising += ramp_kw
        cost += ramp_kw
        falling = np.minimum.accumulate(cost[:, ::-1], axis=1)[:, ::-1]
        falling -= ramp_kw
        np.minimum(rising, falling, out=rising)
        return np.asarray(rising)

    def _at_points(self, step: int, later: Floats, net_kw: Floats) -> Floats:
        """Cost of bringing the grid to each point of the axis, ramps not counted."""
        count, powers, levels = later.shape
        bucket = self.bucket
        power_kw = self.axis_kw - net_kw[:, None]
        shift = bucket.gained_kwh(power_kw, float(self.steps.hours[step])) / self.level_kwh
        shift = np.clip(shift, -levels, levels - 1)
        whole = np.floor(shift)
        padded = np.full((count, powers, 3 * levels + 1), NEVER)
        padded[:, :, levels : 2 * levels] = later
        windows = sliding_window_view(padded, levels + 1, axis=2)
        error, point = np.indices((count, powers), sparse=True)
        near = windows[error, point, levels + whole.astype(np.intp)]
        found = near[:, :, 1:] - near[:, :, :-1]
        found *= (shift - whole)[:, :, None]
        found += near[:, :, :-1]
        barred = (power_kw > bucket.charge_kw) | (power_kw < -bucket.discharge_kw)
        found += (self._cost(step, self.axis_kw) + np.where(barred, NEVER, 0.0))[:, :, None]
        return np.asarray(found)

    def _at_limits(self, step: int, later: Floats, net_kw: Floats, cost: Floats) -> None:
        """Let utmost discharge and charge, which lie between two points, count at both of them.

        With the ramp from there to the point their cost is exact for every grid power before.
        """
        levels, axis, hours = self.levels, self.axis_kw, float(self.steps.hours[step])
        energy, bucket = self.energy_kwh, self.bucket
        power_kw = np.stack([bucket.least_kw(energy, hours), bucket.most_kw(energy, hours)])
        place = (energy + bucket.gained_kwh(power_kw, hours)) / self.level_kwh
        level = np.clip(place.astype(np.intp), 0, levels - 2)[:, None]
        part = np.clip(place[:, None] - level, 0.0, 1.0)
        grid_kw = net_kw[:, None] + power_kw[:, None]
        point = np.clip(np.searchsorted(axis, grid_kw, side="right") - 1, 0, len(axis) - 2)
        below, above = axis[point], axis[point + 1]
        along = np.clip((grid_kw - below) / (above - below), 0.0, 1.0)
        error = np.arange(len(net_kw))[:, None]
        empty = later[error, point, level] + along * (
            later[error, point + 1, level] - later[error, point, level]
        )
        full = later[error, point, level + 1] + along * (
            later[error, point + 1, level + 1] - later[error, point, level + 1]
        )
        total = self._cost(step, grid_kw) + empty + part * (full - empty)
        ramp, own = float(self.steps.costs.ramp_weight[step]), np.arange(levels)
        by_point = [
            (point, total + ramp * np.abs(grid_kw - below)),
            (point + 1, total + ramp * np.abs(grid_kw - above)),
        ]
        for at, found in by_point:
            for side in (0, 1):
                here = (error, at[side], own)
                cost[here] = np.minimum(cost[here], found[side])

    def _cost(self, step: int, grid_kw: Floats) -> Floats:
        steps = self.steps
        beyond = np.maximum(grid_kw - steps.import_kw[step], 0.0)
        beyond += np.maximum(-grid_kw - steps.export_kw[step], 0.0)
        dearest = EXCESS * float(np.abs(steps.costs.import_weight).max())
        return np.asarray(steps.hours[step] * (steps.costs.rate(step, grid_kw) + dearest * beyond))

    @cached_property
    def level_kwh(self) -> float:
        return self.bucket.capacity_kwh / (self.levels - 1)
