"""How far a converter may depart from the schedule: bounds that keep its store within its own."""

from collections.abc import Sequence

import numpy as np

from optimizer.model.decisions import Decisions
from vpp.domain.arrays import Floats
from vpp.domain.plan import Envelope
from vpp.domain.problem import Problem
from vpp.domain.stores import content, content_bounds, gained, kept_part


def converter_envelopes(
    problem: Problem, decisions: Decisions, worth: Sequence[float]
) -> tuple[Envelope, ...]:
    """Of each converter the least and the most energy by every slot's end.

    Whatever it does between them, its store neither runs dry nor overflows, serves what the
    schedule serves, and its power suffices for the rest; the other converters do as scheduled.
    Yields and losses that vary are taken at their worst, but the schedule itself lies always
    within.

    Args:
        problem: Of the pool.
        decisions: The schedule.
        worth: Of a kWh of each converter, in the unit of the order's first stage.
    """
    return tuple(
        _envelope(problem, decisions, converter, worth[converter])
        for converter in range(len(problem.converters.ids))
    )


def _envelope(problem: Problem, decisions: Decisions, c: int, worth: float) -> Envelope:
    makers, stores, hours = problem.converters, problem.stores, problem.grid.hours
    planned = np.cumsum(decisions.run[c] * hours)
    least, most = _bounds_kwh(problem, decisions, c)
    step = float(makers.max_kw[c]) * hours
    most = np.minimum(np.minimum.accumulate(most[::-1])[::-1], np.cumsum(step))
    least = np.maximum.accumulate(np.maximum(least, 0.0))
    for slot in range(len(hours) - 1, 0, -1):
        least[slot - 1] = max(least[slot - 1], least[slot] - step[slot])
    least, most = np.minimum(least, planned), np.maximum(most, planned)
    if makers.gives[c]:
        least, most = 0.0 - most, 0.0 - least
    return Envelope(
        asset=makers.ids[c],
        appointment=stores.ids[makers.store[c]],
        least_kwh=least,
        most_kwh=most,
        worth=worth,
    )


def _bounds_kwh(problem: Problem, decisions: Decisions, c: int) -> tuple[Floats, Floats]:
    """By the content alone, magnitudes by slot end, shape (slots,) each."""
    makers, stores, hours = problem.converters, problem.stores, problem.grid.hours
    k, others = makers.store[c], decisions.run.copy()
    others[c] = 0.0
    served = stores.demand - decisions.unmet
    held = decisions.content(problem)[k]
    without = content(stores, hours, gained(stores, makers, others, hours), served)[k]
    low, high = (bound[k] for bound in content_bounds(stores, hours))
    low = np.maximum(low, np.minimum(stores.least[k], held))
    wide = makers.segment_kw[c] > 0
    each = np.abs(makers.per_kwh[c][wide])
    weak = np.minimum.accumulate(makers.factor[c]) * each.min()
    strong = np.maximum.accumulate(makers.factor[c]) * each.max()
    weak = np.maximum(weak * np.cumprod(kept_part(stores, hours)[k]), 1e-12)
    strong = np.maximum(strong, 1e-12)
    if makers.per_kwh[c][0] >= 0:
        return (low - without) / weak, (high - without) / strong
    return (without - high) / weak, (without - low) / strong
