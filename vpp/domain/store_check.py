"""Hydrogen and heat of an untrusted plan against its problem: physics, nothing of preference."""

from collections.abc import Iterator

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.plan import Plan
from vpp.domain.plan_rules import TOLERANCE, outside
from vpp.domain.problem import Problem
from vpp.domain.stores import RUNNING_KW, content, content_bounds, gained


def store_rules(plan: Plan, problem: Problem) -> Iterator[str]:
    """Every rule that converters and stores break; the schedule must be complete and finite."""
    stores, makers = problem.stores, problem.converters
    if held := [stock.store for stock in plan.schedule.stocks]:
        if held != list(stores.ids):
            yield f"the schedule has stocks of {', '.join(held)}, asked were {list(stores.ids)}"
            return
    elif stores.ids:
        yield f"the schedule leaves out the stocks of {', '.join(stores.ids)}"
        return
    rows = [plan.schedule.assets.index(asset) for asset in makers.ids]
    run = plan.schedule.power_kw[rows] * makers.sign[:, None]
    yield from _loads(problem, run)
    if stores.ids:
        yield from _contents(plan, problem, run)


def _loads(problem: Problem, run: Floats) -> Iterator[str]:
    makers, hours = problem.converters, problem.grid.hours
    yield from outside("load of", makers.ids, run, 0.0, makers.max_kw[:, None])
    on = run > RUNNING_KW + TOLERANCE
    least = np.where(on, makers.min_kw[:, None], 0.0)
    yield from outside("load of", makers.ids, np.where(on, run, 0.0), least, np.inf)
    before = np.column_stack([makers.now_kw, run[:, :-1]])
    ran = before > RUNNING_KW + TOLERANCE
    step = makers.ramp_kw_per_h[:, None] * hours
    most = np.where(ran, before, makers.min_kw[:, None]) + step
    lowest = np.where(on, np.maximum(before - step, 0.0), 0.0)
    yield from outside("ramped load of", makers.ids, np.where(on, run, 0.0), lowest, most)


def _contents(plan: Plan, problem: Problem, run: Floats) -> Iterator[str]:
    stores, hours = problem.stores, problem.grid.hours
    for stock in plan.schedule.stocks:
        for name in ("content", "served"):
            values = getattr(stock, name)
            if values.shape != hours.shape or not np.isfinite(values).all():
                yield f"{name} of {stock.store} has shape {values.shape}, or is not finite"
                return
    held = np.stack([stock.content for stock in plan.schedule.stocks])
    served = np.stack([stock.served for stock in plan.schedule.stocks])
    unit = "by what is in store"
    yield from outside("demand served of", stores.ids, served, 0.0, stores.demand, unit=unit)
    low, high = content_bounds(stores, hours)
    yield from outside("content of", stores.ids, held, low, high, unit="of the tank")
    expected = content(stores, hours, gained(stores, problem.converters, run, hours), served)
    yield from outside("content of", stores.ids, held, expected, expected, unit="by its flows")
