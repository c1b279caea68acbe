"""The plainest honest value curves; a forecast's distribution does not enter them."""

import numpy as np

from optimizer.model.battery import floor_kwh
from optimizer.stages.objectives import import_price
from vpp.domain.arrays import Floats
from vpp.domain.curve import ValueCurve, surplus_rule_curve
from vpp.domain.problem import Problem

BEND = 0.05
"""Part by which the slope is higher below the planned energy and lower above it."""


def capacity_kwh(problem: Problem) -> float:
    """Energy of the pool between the planning floors and the upper ends of the windows."""
    fleet = problem.batteries
    floor = floor_kwh(fleet)
    return float((fleet.max_kwh - floor).sum())


def local_curve(problem: Problem) -> ValueCurve:
    """The measured-surplus rule: one small slope, in kWh of import."""
    return surplus_rule_curve(problem.grid, capacity_kwh=capacity_kwh(problem))


def rule_curve(problem: Problem, import_weight: Floats) -> ValueCurve:
    """The measured-surplus rule in another unit: half of the least import weight above 0."""
    positive = import_weight[import_weight > 0]
    weight = float(positive.min()) if positive.size else 1.0
    return surplus_rule_curve(problem.grid, capacity_kwh=capacity_kwh(problem), worth=0.5 * weight)


def dual_curve(problem: Problem, worth: Floats, energy: Floats) -> ValueCurve:
    """Slopes from the duals of stored energy, (batteries, slots), bent at the planned energy.

    The pool's slope is the mean over the batteries by capacity. It is the plan's own marginal value
    and knows nothing of forecast error.
    """
    fleet, slots = problem.batteries, len(problem.grid)
    capacity = max(capacity_kwh(problem), 1e-6)
    if not fleet.ids:
        return rule_curve(problem, import_price(problem))
    floor = floor_kwh(fleet)
    slope = np.average(worth, axis=0, weights=np.maximum(fleet.capacity_kwh, 1e-6))
    slope = np.maximum(slope, 0.0)
    planned = np.clip((energy - floor[:, None]).sum(0), 0.0, capacity)
    levels = np.linspace(0.0, capacity, 9)
    below = np.minimum(levels, planned[:, None])
    above = np.maximum(levels - planned[:, None], 0.0)
    cost = -slope[:, None] * ((1.0 + BEND) * below + (1.0 - BEND) * above)
    knots = _convex(cost, levels)
    return ValueCurve(
        grid=problem.grid,
        energy_kwh=levels,
        grid_kw=np.zeros(1),
        cost=knots.reshape(slots, 1, len(levels)),
    )


def _convex(cost: Floats, levels: Floats) -> Floats:
    """Remove the last rounding from slopes that must rise."""
    slopes = np.maximum.accumulate(np.diff(cost, axis=1) / np.diff(levels), axis=1)
    steps = np.cumsum(slopes * np.diff(levels), axis=1)
    return np.concatenate([cost[:, :1], cost[:, :1] + steps], axis=1)
