"""The curve that a plan hands over: its form, and where it leads the tick."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.planner import LpPlanner
from tests.optimizer.cases import random_problem
from tests.thoroughness import examples
from vpp.control.serving import Slot, Store, serve
from vpp.domain.curve import ValueCurve
from vpp.domain.order import Goals, Order
from vpp.domain.plan import Plan
from vpp.domain.problem import ForeseenNet, Problem


def foreseen(seed: int, order: Order, goals: Goals | None = None) -> Problem:
    """A random problem whose pool is foreseen with a spread."""
    problem = random_problem(seed, order)
    rng = np.random.default_rng(seed)
    slots = len(problem.grid)
    net = ForeseenNet(
        middle_kw=problem.net_kw + rng.normal(0.0, 0.5, slots),
        spread_kw=rng.uniform(0.0, 3.0, slots),
        persistence=float(rng.uniform(0.0, 1.0)),
    )
    return replace(problem, foreseen=net, goals=goals or problem.goals)


def planned(problem: Problem) -> Plan:
    plan = LpPlanner().plan(problem)
    assert "value curve: the forecast's distribution" in plan.explanation.notes
    return plan


def worths(curve: ValueCurve) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(-np.diff(curve.cost, axis=2) / np.diff(curve.energy_kwh))


@settings(max_examples=examples(15))
@given(seed=st.integers(0, 10_000), order=st.sampled_from(list(Order)))
def test_a_stored_kwh_is_worth_less_the_more_is_stored_and_harms_by_no_more_than_its_ramps(
    seed: int, order: Order
) -> None:
    """What will overflow moves the grid up and down once; where ramps cost nothing, nothing."""
    plan = planned(foreseen(seed, order))
    curve, ramps = plan.curve, 2.0 * plan.costs.ramp_weight[:, None, None]
    worth = worths(curve)
    assert np.isfinite(curve.cost).all()
    scale = 1e-9 * (1.0 + np.abs(curve.cost).max())
    assert (worth >= -ramps - scale).all()
    assert (np.diff(worth, axis=2) <= scale).all()


@settings(max_examples=examples(15))
@given(
    seed=st.integers(0, 10_000),
    order=st.sampled_from(list(Order)),
    part=st.floats(0.0, 1.0),
    net_kw=st.floats(-60.0, 60.0),
)
def test_the_tick_stays_within_the_storages_reach(
    seed: int, order: Order, part: float, net_kw: float
) -> None:
    plan = planned(foreseen(seed, order))
    store = Store(
        energy_kwh=part * float(plan.curve.energy_kwh[-1]),
        lo_kw=-3.0 * part,
        hi_kw=4.0 * (1.0 - part),
        eta_charge=0.95,
        eta_discharge=0.95,
    )
    slot = Slot(index=0, hours_left=0.2, part_left=0.8, mean_so_far_kw=net_kw, before_kw=net_kw)
    served = serve(net_kw, store, slot, plan.curve, plan.costs)
    assert store.lo_kw - 1e-9 <= served.power_kw <= store.hi_kw + 1e-9
    assert np.isfinite(served.worth)


@settings(max_examples=examples(15))
@given(seed=st.integers(0, 10_000), net_kw=st.floats(-20.0, 20.0), part=st.floats(0.01, 0.99))
def test_with_next_to_no_side_goals_it_is_the_measured_surplus_rule(
    seed: int, net_kw: float, part: float
) -> None:
    """Whatever is foreseen: local use asks for no foresight, where no rating does.

    What is stored for the rest of the slot must be worth more than the ramp to it.
    """
    ramp = 1e-12
    goals = Goals(flatten_per_kw2=0.0, ramp_per_kw=ramp, peak_per_kw=0.0)
    problem = foreseen(seed, Order.LOCAL, goals)
    free = np.full(problem.nodes.import_kw.shape, np.inf)
    problem = replace(problem, nodes=replace(problem.nodes, import_kw=free, export_kw=free))
    plan = planned(problem)
    store = Store(
        energy_kwh=part * float(plan.curve.energy_kwh[-1]),
        lo_kw=-5.0,
        hi_kw=5.0,
        eta_charge=float(problem.batteries.eta_charge.min()),
        eta_discharge=float(problem.batteries.eta_discharge.max()),
    )
    slot = Slot(index=0, hours_left=0.01, part_left=0.5, mean_so_far_kw=0.0, before_kw=0.0)
    served = serve(net_kw, store, slot, plan.curve, plan.costs)
    stored = slot.hours_left * store.eta_charge * float(plan.curve.worth(0, store.energy_kwh))
    if net_kw >= 0.0 or stored > 2.0 * ramp:
        assert served.power_kw == pytest.approx(np.clip(-net_kw, -5.0, 5.0), abs=1e-6)


def test_without_side_goals_local_use_is_the_rule_itself() -> None:
    for goals in (
        Goals(allowance=0.0),
        Goals(flatten_per_kw2=0.0, ramp_per_kw=0.0, peak_per_kw=0.0),
    ):
        plan = LpPlanner().plan(foreseen(3, Order.LOCAL, goals))
        assert "value curve: the measured-surplus rule" in plan.explanation.notes
        assert len(plan.curve.grid_kw) == 1


def test_where_every_hour_asks_for_it_a_stored_kwh_is_worth_the_import_it_replaces() -> None:
    goals = Goals(order=Order.COST, flatten_per_kw2=0.0, ramp_per_kw=0.0, peak_per_kw=0.0)
    problem = foreseen(0, Order.COST, goals)
    slots = len(problem.grid)
    problem = replace(
        problem,
        prices=replace(
            problem.prices,
            import_per_kwh=np.full(slots, 0.3),
            export_per_kwh=np.zeros(slots),
            co2_kg_per_kwh=np.zeros(slots),
        ),
        foreseen=ForeseenNet(middle_kw=np.full(slots, 50.0), spread_kw=np.full(slots, 1.0)),
    )
    curve = planned(problem).curve
    fleet = problem.batteries
    room = fleet.max_kwh - np.maximum(fleet.reserve_kwh, fleet.min_kwh)
    eta = float(np.average(fleet.eta_discharge, weights=room))
    assert curve.worth(0, 0.0) == pytest.approx(0.3 * eta, rel=0.01)
