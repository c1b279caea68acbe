"""What holds for every plan, whatever the problem."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.fallback import RulePlanner
from optimizer.model.pool import build
from optimizer.planner import LpPlanner
from optimizer.simulation import simulate
from optimizer.stages.objectives import ordered_stages, service_stages
from tests.optimizer.anything import any_problem
from tests.optimizer.cases import KINDS, PLANNERS, random_problem
from tests.optimizer.pieces import network, one_car
from tests.thoroughness import examples
from vpp.domain.arrays import Floats
from vpp.domain.ids import AssetId
from vpp.domain.order import Order
from vpp.domain.plan import Plan
from vpp.domain.plan_check import broken_rules
from vpp.domain.problem import Problem, SharedRating
from vpp.domain.slots import SlotGrid
from vpp.ports.planner import Planner


def everything(plan: Plan) -> list[bytes]:
    """All numbers of a plan but the time it took."""
    arrays = [plan.schedule.power_kw, plan.schedule.energy_kwh, plan.schedule.grid_kw]
    arrays += [plan.curve.cost, plan.curve.energy_kwh, plan.costs.import_weight]
    for envelope in plan.envelopes:
        arrays += [envelope.least_kwh, envelope.most_kwh, np.array([envelope.worth])]
    for band in plan.bands:
        arrays += [band.lo_kw, band.hi_kw]
    arrays.append(np.array([stage.value for stage in plan.explanation.stages]))
    return [np.asarray(array).tobytes() for array in arrays]


@settings(max_examples=examples(30))
@given(
    seed=st.integers(0, 10_000),
    order=st.sampled_from(list(Order)),
    planner=st.sampled_from(PLANNERS),
)
def test_no_plan_breaks_physics(seed: int, order: Order, planner: Planner) -> None:
    for problem in (random_problem(seed, order), any_problem(seed, order)):
        assert broken_rules(planner.plan(problem), problem) == []


@pytest.mark.parametrize("seed", range(10))
def test_the_same_problem_gives_the_same_plan_to_the_last_bit(seed: int) -> None:
    assert everything(LpPlanner().plan(random_problem(seed))) == everything(
        LpPlanner().plan(random_problem(seed))
    )


@pytest.mark.parametrize("order", list(Order))
def test_a_pool_without_anything_to_steer_gets_a_plan(order: Order) -> None:
    problem = random_problem(0, order)
    fleet = problem.batteries
    none = {
        name: getattr(fleet, name)[:0] for name in fleet.__dataclass_fields__ if name not in {"ids"}
    }
    bare = replace(
        problem,
        batteries=replace(fleet, ids=(), **none),
        pv=replace(
            problem.pv,
            ids=(),
            site=np.zeros(0, dtype=np.int64),
            curtailable=(),
            available_kw=np.zeros((0, len(problem.grid))),
        ),
    )
    for planner in PLANNERS:
        plan = planner.plan(bare)
        assert plan.schedule.grid_kw == pytest.approx(bare.load_kw.sum(0))


@pytest.mark.parametrize("order", list(Order))
def test_a_pool_of_nothing_but_a_car_gets_a_plan_where_its_need_cannot_be_met(order: Order) -> None:
    """Without a load nothing has a value without storage, so that ``grid`` has no weights."""
    problem = random_problem(0, order)
    slots = len(problem.grid)
    problem = replace(
        problem,
        load_kw=np.zeros(problem.load_kw.shape),
        pv=replace(problem.pv, available_kw=np.zeros(problem.pv.available_kw.shape)),
        batteries=replace(problem.batteries, energy_kwh=problem.batteries.min_kwh),
        nodes=network(slots, import_kw=1.0),
        sessions=one_car(problem, need_kwh=3.0 * slots, max_kw=9.0, until=slots),
    )
    plan = LpPlanner().plan(problem)
    assert plan.schedule.grid_kw.max() == pytest.approx(1.0)
    assert plan.explanation.slacks


def assert_no_worse_than_the_rule(problem: Problem) -> None:
    """In the order of the stages up to the first in which they differ."""
    plan, model = LpPlanner().plan(problem), build(problem, elastic=True)
    found = {stage.stage: stage.value for stage in plan.explanation.stages}
    ruled = model.point(simulate(problem))
    first = next(stage for stage in ordered_stages(model) if stage.cost.any())
    for stage in (*service_stages(model), first):
        by_rule = float(stage.cost @ ruled)
        least = 2e-6 * max(1.0, abs(by_rule))
        assert found.get(stage.name, 0.0) <= by_rule + least, stage.name
        if found.get(stage.name, 0.0) < by_rule - least:
            return


@pytest.mark.fuzz
@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("seed", range(examples(len(KINDS))))
def test_no_plan_is_worse_than_the_rule(seed: int, order: Order) -> None:
    assert_no_worse_than_the_rule(random_problem(seed, order))
    assert_no_worse_than_the_rule(any_problem(seed, order))


def test_envelopes_leave_the_tick_all_the_freedom_that_the_need_allows() -> None:
    problem = random_problem(0)
    slots = len(problem.grid)
    need = 3.0 * float(problem.grid.hours[0])
    problem = replace(problem, sessions=one_car(problem, need_kwh=need, max_kw=7.0, until=slots))
    for planner in PLANNERS:
        envelope = planner.plan(problem).envelopes[0]
        assert envelope.least_kwh[0] == 0.0
        assert envelope.most_kwh[0] == pytest.approx(need)
        assert envelope.least_kwh[-1] == pytest.approx(need)
        assert (envelope.least_kwh <= envelope.most_kwh + 1e-9).all()


def test_a_car_waits_for_the_cheapest_import_and_among_equal_hours_for_surplus() -> None:
    problem = random_problem(0, Order.COST)
    slots = len(problem.grid)
    price = np.full(slots, 0.5)
    price[1:4] = 0.2
    most = 7.0 * float(problem.grid.hours[3])
    need = most + 0.5 * 7.0 * float(problem.grid.hours[2])
    problem = replace(
        problem,
        prices=replace(problem.prices, import_per_kwh=price, export_per_kwh=0.0 * price),
        sessions=one_car(problem, need_kwh=need, max_kw=7.0, until=slots),
    )
    for planner in PLANNERS:
        least = planner.plan(problem).envelopes[0].least_kwh
        assert np.diff(least, prepend=0.0)[:4].tolist() == pytest.approx(
            [0.0, 0.0, need - most, most]
        )
        assert least[-1] == pytest.approx(need)


def test_a_guaranteed_part_is_in_the_schedule_and_in_the_envelope() -> None:
    problem = random_problem(0)
    sessions = one_car(problem, need_kwh=0.1, max_kw=7.0, until=3)
    guaranteed = np.where(sessions.max_kw > 0, 1.4, 0.0)
    problem = replace(problem, sessions=replace(sessions, guaranteed_kw=guaranteed))
    for planner in PLANNERS:
        plan = planner.plan(problem)
        assert (plan.schedule.of(AssetId("charger"))[:3] >= 1.4 - 1e-9).all()
        assert (
            plan.envelopes[0].least_kwh >= np.cumsum(guaranteed[0] * problem.grid.hours) - 1e-9
        ).all()


def test_the_last_schedule_is_kept_where_nothing_is_lost_by_it() -> None:
    problem = random_problem(9)
    assert problem.last_schedule is not None
    moved = LpPlanner().plan(problem)
    free = LpPlanner().plan(replace(problem, last_schedule=None, last_grid=None))
    stage = next(s for s in moved.explanation.stages if s.stage == "S4 change")
    middle = (problem.grid.edges_s[:-1] + problem.grid.edges_s[1:]) / 2.0
    assert problem.last_grid is not None
    soon = [
        (t, problem.last_grid.index(datetime.fromtimestamp(at, UTC)))
        for t, at in enumerate(middle)
        if at < problem.grid.edges_s[0] + 7200.0
    ]
    change = sum(
        abs(free.schedule.of(asset)[t] - problem.last_schedule.of(asset)[then])
        for asset in problem.batteries.ids
        for t, then in soon
        if then is not None
    )
    assert stage.value <= change + 1e-6


def test_slots_of_unequal_length_cost_by_their_length() -> None:
    """Halving every slot leaves all stage values as they are."""
    problem = random_problem(20)
    edges = problem.grid.edges_s
    fine = SlotGrid(edges_s=np.sort(np.concatenate([edges, (edges[:-1] + edges[1:]) / 2.0])))

    def twice(values: Floats) -> Floats:
        return np.repeat(values, 2, axis=-1)

    def twice_all(part: Any, *names: str) -> Any:
        return replace(part, **{name: twice(getattr(part, name)) for name in names})

    halved = replace(
        problem,
        grid=fine,
        load_kw=twice(problem.load_kw),
        pv=replace(problem.pv, available_kw=twice(problem.pv.available_kw)),
        sessions=twice_all(problem.sessions, "max_kw", "guaranteed_kw"),
        nodes=twice_all(
            problem.nodes,
            "import_kw",
            "export_kw",
            "contract_import_kw",
            "contract_export_kw",
            "margin_import_kw",
            "margin_export_kw",
        ),
        prices=twice_all(problem.prices, "import_per_kwh", "export_per_kwh", "co2_kg_per_kwh"),
    )
    coarse, finer = LpPlanner().plan(problem), LpPlanner().plan(halved)
    for before, after in zip(
        coarse.explanation.stages[:2], finer.explanation.stages[:2], strict=True
    ):
        assert after.value == pytest.approx(before.value, abs=1e-5)


def test_sun_that_a_shared_rating_keeps_from_the_grid_is_stored_by_the_rule() -> None:
    """A plant of 9 kW and a battery behind an inverter of 4 kW, in deficit and in surplus."""
    problem = random_problem(0)
    slots, fleet = len(problem.grid), problem.batteries
    sun = np.zeros(problem.pv.available_kw.shape)
    sun[0] = 9.0
    inverter = SharedRating(batteries=np.array([0]), pv=np.array([0]), in_kw=4.0, out_kw=4.0)
    problem = replace(
        problem,
        grid=SlotGrid.regular(datetime(2026, 6, 1, tzinfo=UTC), count=slots, step_s=900.0),
        load_kw=np.where(np.arange(slots) < 2, 5.0, 0.5) * np.ones(problem.load_kw.shape),
        pv=replace(problem.pv, available_kw=sun, curtailable=(True,) * len(sun)),
        shared=(inverter,),
        batteries=replace(
            fleet,
            site=np.zeros(len(fleet.ids), np.int64),
            capacity_kwh=np.full(len(fleet.ids), 50.0),
            charge_kw=np.full(len(fleet.ids), 3.0),
            energy_kwh=fleet.min_kwh,
            reserve_kwh=fleet.min_kwh,
            max_kwh=np.full(len(fleet.ids), 50.0),
        ),
    )
    plan = RulePlanner().plan(problem)
    assert plan.schedule.of(fleet.ids[0]) == pytest.approx(np.full(slots, 3.0))
    assert plan.schedule.of(problem.pv.ids[0])[:2] == pytest.approx([-7.0, -7.0])
    assert plan.schedule.grid_kw[:2] == pytest.approx(problem.load_kw.sum(0)[:2] - 4.0)
