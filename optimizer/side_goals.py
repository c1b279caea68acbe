"""What flat nights, small ramps and few new peaks are worth beside an order's first stage."""

from dataclasses import dataclass

import numpy as np

from optimizer.model.battery import floor_kwh
from optimizer.stages.objectives import import_price
from vpp.domain.order import Order
from vpp.domain.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class SideGoals:
    """Weights in the unit of the order's first stage."""

    flatten_per_kw2: float = 0.0
    """Per kW of import squared and hour."""
    ramp_per_kw: float = 0.0
    """Per kW of change from slot to slot."""
    peak_per_kw: float = 0.0
    """Per kW and hour above the peak threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usual:
    """In kWh of import at the mean price."""

    flatten_kwh: float
    """Times the pool's storage in kWh: a pool twice as large has twice the power at the same
    shape."""
    ramp: float
    peak: float


USUAL = {
    Order.LOCAL: _Usual(flatten_kwh=0.0544, ramp=0.012, peak=10.0),
    Order.COST: _Usual(flatten_kwh=0.0403, ramp=0.0018, peak=18.0),
    Order.GRID: _Usual(flatten_kwh=0.0, ramp=0.0, peak=0.0),
}


def side_goals(problem: Problem) -> SideGoals:
    """As the portfolio states them, else the order's usual ones.

    None where local use may not be given up for them.
    """
    goals = problem.goals
    if goals.order is Order.LOCAL and goals.allowance == 0.0:
        return SideGoals()
    usual, unit = USUAL[goals.order], _import_worth(problem)
    fleet = problem.batteries
    stored = float((fleet.max_kwh - floor_kwh(fleet)).sum())
    flatten = usual.flatten_kwh / stored if stored > 0 else 0.0
    return SideGoals(
        flatten_per_kw2=_stated(goals.flatten_per_kw2, unit * flatten),
        ramp_per_kw=_stated(goals.ramp_per_kw, unit * usual.ramp),
        peak_per_kw=_stated(goals.peak_per_kw, unit * usual.peak),
    )


def _import_worth(problem: Problem) -> float:
    """Of a kWh of import in the unit of the first stage, in the mean."""
    if problem.goals.order is Order.LOCAL:
        return 1.0
    return max(float(np.average(import_price(problem), weights=problem.grid.hours)), 0.0)


def _stated(stated: float | None, usual: float) -> float:
    return usual if stated is None else stated
