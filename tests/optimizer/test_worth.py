"""What the plan hands over: what a stored kWh is worth, when and where, and the costs it weighs."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from optimizer.handover import peak_threshold_kw
from optimizer.planner import LpPlanner
from tests.optimizer.cases import PLANNERS, random_problem
from tests.optimizer.pieces import network
from vpp.domain.lately import Lately
from vpp.domain.order import Goals, Order
from vpp.domain.slots import SlotGrid


def lately(largest_kw: float) -> Lately:
    return Lately(
        largest_kw=largest_kw,
        mean_kw=5.0,
        moved_kw_per_h=2.0,
        import_kw=np.full(24, 10.0),
        site_import_kw=np.full(24, 20.0),
    )


def test_flattening_peak_and_ramp_travel_with_the_plan() -> None:
    goals = Goals(flatten_per_kw2=0.01, ramp_per_kw=0.02, peak_per_kw=0.03)
    problem = replace(random_problem(0), goals=goals, lately=lately(40.0))
    for planner in PLANNERS:
        costs = planner.plan(problem).costs
        assert set(costs.flatten) == {0.01}
        assert set(costs.ramp_weight) == {0.02}
        assert set(costs.peak_weight) == {0.03}
        assert set(costs.peak_threshold_kw) == {34.0}
        assert set(costs.import_weight) == {1.0}
        assert costs.unit == "kWh of import"


@pytest.mark.parametrize("order", [Order.COST, Order.GRID])
def test_in_the_first_days_a_peak_is_what_is_above_the_largest_net_measured(order: Order) -> None:
    problem = random_problem(0, order)
    none = np.full(problem.nodes.contract_import_kw.shape, np.inf)
    problem = replace(
        problem,
        goals=Goals(order=order),
        nodes=replace(problem.nodes, contract_import_kw=none),
        prices=replace(problem.prices, peak_paid_kw=0.0, peak_reached_kw=0.0),
        lately=None,
    )
    foreseen_kw = float(problem.net_kw.max())
    for measured_kw, threshold_kw in ((7.5, 7.5), (-2.0, 0.0), (None, foreseen_kw)):
        found_kw = peak_threshold_kw(replace(problem, largest_kw=measured_kw))
        np.testing.assert_allclose(found_kw, threshold_kw)


def test_in_cost_order_the_curve_pays_for_cheap_energy_before_a_dear_hour() -> None:
    problem = random_problem(0, Order.COST)
    slots = len(problem.grid)
    cheap = np.where(np.arange(slots) < slots // 2, 0.05, 0.40)
    fleet = problem.batteries
    problem = replace(
        problem,
        grid=SlotGrid.regular(datetime(2026, 6, 1, tzinfo=UTC), count=slots, step_s=3600.0),
        goals=Goals(order=Order.COST),
        prices=replace(
            problem.prices,
            import_per_kwh=cheap,
            export_per_kwh=np.zeros(slots),
            currency="KRW",
        ),
        pv=replace(problem.pv, available_kw=np.zeros(problem.pv.available_kw.shape)),
        batteries=replace(fleet, energy_kwh=fleet.min_kwh, reserve_kwh=fleet.min_kwh),
    )
    plan = LpPlanner().plan(problem)
    assert plan.costs.unit == "KRW"
    units = {stage.stage: stage.unit for stage in plan.explanation.stages}
    assert units["S2 cost less what stays in store"] == units["S3 wear"] == "KRW"
    assert units["S1 import less what stays in store"] == "kWh"
    assert plan.schedule.grid_kw[0] > problem.load_kw[:, 0].sum()
    assert plan.curve.worth(0, 0.0) * fleet.eta_charge.mean() > plan.costs.import_weight[0]
    assert plan.curve.worth(slots - 2, 0.0) / fleet.eta_discharge.mean() < 1.1 * 0.40


def test_places_share_alike_unless_a_limit_stands_between_them() -> None:
    """Behind a feeder whose export limit binds in the dear hour a stored kWh is worth less."""
    problem = random_problem(0, Order.COST)
    slots = len(problem.grid)
    fleet = problem.batteries
    dear_then = np.where(np.arange(slots) == 1, 0.5, 0.1)
    halves = np.array([0, 1, 0])[: len(fleet.ids)]
    load = np.full(problem.load_kw.shape, 500.0)
    sun = np.full(problem.pv.available_kw.shape, 0.0)
    load[1] = 0.0
    apart = replace(
        problem,
        load_kw=load,
        pv=replace(problem.pv, available_kw=sun),
        prices=replace(problem.prices, import_per_kwh=dear_then, export_per_kwh=np.zeros(slots)),
        batteries=replace(
            fleet,
            site=halves,
            energy_kwh=fleet.max_kwh,
            discharge_kw=np.full(len(fleet.ids), 400.0),
        ),
    )
    assert LpPlanner().plan(apart).share_worth is None
    nodes = network(slots)
    shut = np.array(nodes.export_kw)
    shut[2] = 0.05
    plan = LpPlanner().plan(replace(apart, nodes=replace(nodes, export_kw=shut)))
    assert plan.share_worth is not None
    assert plan.share_assets == fleet.ids
    before, behind = (plan.share_worth[halves == place] for place in (0, 1))
    assert behind[:, 0].max() < before[:, 0].min() - 0.1
    assert (np.ptp(before, axis=0) == 0.0).all()


def test_the_worth_at_a_slots_end_does_not_count_the_slot_itself() -> None:
    """Dear now, cheap ever after: the dear hour is served, whatever is in store."""
    problem = random_problem(0, Order.COST)
    slots = len(problem.grid)
    fleet = problem.batteries
    problem = replace(
        problem,
        goals=Goals(order=Order.COST),
        prices=replace(
            problem.prices,
            import_per_kwh=np.where(np.arange(slots) == 0, 0.5, 0.1),
            export_per_kwh=np.zeros(slots),
        ),
        load_kw=np.full(problem.load_kw.shape, 50.0),
        batteries=replace(fleet, energy_kwh=fleet.max_kwh),
    )
    curve = LpPlanner().plan(problem).curve
    assert 0.0 < curve.worth(0, 0.0) < 0.3


def test_in_grid_order_every_figure_is_held_against_what_was_usual_lately() -> None:
    problem = random_problem(0, Order.GRID)
    slots, hours = len(problem.grid), float(problem.grid.hours.sum())
    prices = replace(
        problem.prices,
        import_per_kwh=np.full(slots, 0.2),
        export_per_kwh=np.zeros(slots),
        co2_kg_per_kwh=np.full(slots, 0.5),
    )
    problem = replace(problem, prices=prices, lately=lately(40.0))
    costs = LpPlanner().plan(problem).costs
    np.testing.assert_allclose(costs.import_weight, (1 / 10.0 + 0.7 / 20.0) / hours)
    np.testing.assert_allclose(costs.ramp_weight, 1 / 2.0 / hours)
    np.testing.assert_allclose(costs.peak_threshold_kw, np.maximum(prices.peak_paid_kw, 24.0))
    assert costs.peak_weight.min() > costs.import_weight.max()
