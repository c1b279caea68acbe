"""The value of stored energy from the forecast's distribution."""

import numpy as np

from optimizer.handover import slot_costs
from optimizer.model.decisions import Decisions
from optimizer.value.bucket import Bucket
from optimizer.value.convexity import convex
from optimizer.value.grid_axis import grid_axis
from optimizer.value.programme import Programme
from optimizer.value.steps import Steps, merged
from vpp.domain.arrays import Floats
from vpp.domain.curve import ValueCurve
from vpp.domain.problem import ForeseenNet, Problem

LEVELS = 31
ERRORS = 5
CORRELATION = 0.9
"""Of the error from hour to hour, where the forecast does not say."""
LEFT = 0.9
"""Worth of what is left at the horizon's end, in parts of the cheapest import that it replaces."""

RAMPS = 2.0
"""Of a kW each, up and down, that a kWh which will overflow in an hour may lead to."""


def stochastic_curve(problem: Problem, decisions: Decisions) -> ValueCurve | None:
    """None where the pool has no storage or the forecast no distribution."""
    bucket = Bucket.of(problem)
    if bucket is None or problem.foreseen is None:
        return None
    foreseen = problem.foreseen
    lasts = CORRELATION if foreseen.persistence is None else foreseen.persistence
    steps = _steps(problem, foreseen, lasts, decisions)
    programme = Programme(
        steps=steps,
        bucket=bucket,
        axis_kw=grid_axis(steps, bucket, float("nan")),
        levels=LEVELS,
        errors=ERRORS if steps.spread_kw.any() else 1,
        correlation=lasts,
        left=_left(steps, bucket),
    )
    found = programme.solve()
    axis = programme.axis_kw
    if not steps.costs.ramp_weight.any():
        axis, found = np.zeros(1), found[:, :1]
    return ValueCurve(
        grid=problem.grid,
        energy_kwh=programme.energy_kwh,
        grid_kw=axis,
        cost=convex(
            _by_slot(found, steps, problem.grid.hours),
            programme.energy_kwh,
            RAMPS * slot_costs(problem).ramp_weight[:, None] * np.ones(len(axis)),
        ),
    )


def _steps(problem: Problem, foreseen: ForeseenNet, lasts: float, decisions: Decisions) -> Steps:
    """Cars charge and converters run as the schedule has it; plants give what they can."""
    makers = problem.converters
    steered_kw = decisions.ev.sum(axis=0) + makers.sign @ decisions.run
    return merged(
        problem.grid,
        net_kw=foreseen.middle_kw + steered_kw,
        spread_kw=_in_the_long_run(foreseen.spread_kw, lasts, problem.grid.hours),
        import_kw=problem.nodes.import_kw[0],
        export_kw=problem.nodes.export_kw[0],
        costs=slot_costs(problem),
    )


def _in_the_long_run(spread_kw: Floats, lasts: float, hours: Floats) -> Floats:
    """Spread of the error that an AR(1) process has long after it was known.

    Its spread ``k`` hours after is ``sqrt(1 - lasts^2k)`` of that. A band that does not grow with
    the horizon is not widened beyond its greatest.
    """
    grown = np.sqrt(1.0 - min(lasts, 0.999) ** (2.0 * np.cumsum(hours)))
    return np.asarray(np.minimum(spread_kw / grown, spread_kw.max()))


def _left(steps: Steps, bucket: Bucket) -> Floats:
    weight = steps.costs.import_weight
    positive = weight[weight > 0]
    worth = LEFT * bucket.eta_discharge * (float(positive.min()) if positive.size else 0.0)
    return -worth * np.linspace(0.0, bucket.capacity_kwh, LEVELS)


def _by_slot(found: Floats, steps: Steps, hours: Floats) -> Floats:
    """Between the ends of two steps the cost goes evenly from one to the other."""
    ends_h = np.cumsum(hours)
    known_h = ends_h[steps.end - 1]
    at = np.clip(np.searchsorted(known_h, ends_h - 1e-9), 0, len(known_h) - 1)
    before = np.maximum(at - 1, 0)
    width = np.where(at > before, known_h[at] - known_h[before], 1.0)
    part = np.where(at > before, (ends_h - known_h[before]) / width, 1.0)[:, None, None]
    return np.asarray(found[before] + part * (found[at] - found[before]))
