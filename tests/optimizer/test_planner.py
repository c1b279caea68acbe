"""What holds for every plan, whatever the problem."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.fallback import RulePlanner
from optimizer.model.decisions import Decisions
from optimizer.model.pool import build
from optimizer.planner import LpPlanner
from optimizer.solving.mathopt import MathOptSolver
from optimizer.solving.program import LinearProgram, Solution, Status
from optimizer.solving.residuals import violation
from optimizer.stages.exact import excluded
from optimizer.stages.exclusion import overlaps
from optimizer.stages.objectives import local_stage
from optimizer.stages.order import StagedSolver
from tests.optimizer.cases import PLANNERS, random_problem
from tests.thoroughness import examples
from vpp.domain.arrays import Floats
from vpp.domain.ids import AssetId, NodeId
from vpp.domain.order import Goals, Order
from vpp.domain.plan import Plan
from vpp.domain.plan_check import broken_rules
from vpp.domain.problem import EvSessions, Nodes, Problem, SharedRating
from vpp.domain.slots import SlotGrid
from vpp.ports.planner import Planner


def one_car(problem: Problem, *, need_kwh: float, max_kw: float, until: int) -> EvSessions:
    most = np.zeros((1, len(problem.grid)))
    most[0, :until] = max_kw
    return EvSessions(
        ids=("session",),
        assets=(AssetId("charger"),),
        site=np.array([0]),
        need_kwh=np.array([need_kwh]),
        max_kw=most,
        guaranteed_kw=np.zeros(most.shape),
    )


def network(slots: int, **limits: float) -> Nodes:
    """The three nodes of the random cases; limits by field hold at the pool's node."""
    fields: dict[str, Any] = {}
    for name in ("import_kw", "export_kw", "contract_import_kw", "contract_export_kw"):
        fields[name] = np.full((3, slots), np.inf)
        fields[name][0] = limits.get(name, np.inf)
    return Nodes(
        ids=(NodeId("grid"), NodeId("north"), NodeId("south")),
        parent=np.array([-1, 0, 0]),
        **fields,
    )


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


@settings(max_examples=examples(60))
@given(
    seed=st.integers(0, 10_000),
    order=st.sampled_from(list(Order)),
    planner=st.sampled_from(PLANNERS),
)
def test_no_plan_breaks_physics(seed: int, order: Order, planner: Planner) -> None:
    problem = random_problem(seed, order)
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


@pytest.mark.parametrize("seed", [0, 10, 20, 30, 40])
def test_local_order_is_no_worse_than_the_rule(seed: int) -> None:
    problem = random_problem(seed)
    staged, ruled = (planner.plan(problem) for planner in PLANNERS)
    model = build(problem, elastic=True)
    power = ruled.schedule.power_kw[: len(problem.batteries.ids)]
    plants = slice(len(problem.batteries.ids), len(problem.batteries.ids) + len(problem.pv.ids))
    decisions = Decisions(
        charge=np.maximum(power, 0.0),
        discharge=np.maximum(-power, 0.0),
        used=-ruled.schedule.power_kw[plants],
        ev=np.zeros(problem.sessions.max_kw.shape),
    )
    by_rule = float(local_stage(model).cost @ model.point(decisions))
    assert staged.explanation.stages[0].stage == "S1 boundary import"
    assert staged.explanation.stages[0].value <= by_rule + 1e-6


def test_a_need_beyond_the_stay_is_named_with_what_stands_in_the_way() -> None:
    problem = random_problem(0)
    reach = 3.0 * problem.grid.hours[:2].sum()
    problem = replace(problem, sessions=one_car(problem, need_kwh=reach + 5.0, max_kw=3.0, until=2))
    plan = LpPlanner().plan(problem)
    (slack,) = plan.explanation.slacks
    assert slack.what == "EV session session at charger"
    assert slack.amount == pytest.approx(5.0)
    assert slack.limited_by == "charger power and stay"
    assert (slack.first_slot, slack.last_slot) == (0, 1)
    assert plan.envelopes[0].most_kwh[-1] == pytest.approx(reach)


def test_a_rating_that_starves_a_car_is_named_with_its_dual() -> None:
    problem = random_problem(0)
    slots = len(problem.grid)
    rating = float(problem.load_kw.sum(0).max()) + 1.0
    problem = replace(
        problem,
        nodes=network(slots, import_kw=rating),
        sessions=one_car(
            problem, need_kwh=22.0 * problem.grid.hours.sum(), max_kw=22.0, until=slots
        ),
    )
    plan = LpPlanner().plan(problem)
    (slack,) = plan.explanation.slacks
    assert slack.limited_by == "node grid import rating"
    assert slack.dual > 0.0
    assert plan.schedule.grid_kw.max() <= rating + 1e-6


def test_a_contract_below_the_load_is_exceeded_as_little_as_can_be_and_said_so() -> None:
    problem = random_problem(0)
    slots = len(problem.grid)
    problem = replace(
        problem,
        nodes=network(slots, contract_import_kw=0.5),
        pv=replace(problem.pv, available_kw=np.zeros(problem.pv.available_kw.shape)),
    )
    plan = LpPlanner().plan(problem)
    names = [slack.what for slack in plan.explanation.slacks]
    assert "contract of node grid import" in names
    over = np.maximum(plan.schedule.grid_kw - 0.5, 0.0) @ problem.grid.hours
    assert over == pytest.approx(
        next(s.amount for s in plan.explanation.slacks if s.what.startswith("contract")), abs=1e-6
    )


def test_a_feeder_below_its_base_load_opens_its_rating_and_raises_an_alarm() -> None:
    problem = random_problem(0)
    rating = 0.5 * float(problem.load_kw.sum(0).min())
    problem = replace(
        problem,
        nodes=network(len(problem.grid), import_kw=rating),
        pv=replace(problem.pv, available_kw=np.zeros(problem.pv.available_kw.shape)),
    )
    for planner in PLANNERS:
        plan = planner.plan(problem)
        assert plan.schedule.grid_kw.max() <= problem.load_kw.sum(0).max() + 1e-6
    notes = LpPlanner().plan(problem).explanation.notes
    assert any(note.startswith("ALARM import rating of node grid") for note in notes)


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
            problem.nodes, "import_kw", "export_kw", "contract_import_kw", "contract_export_kw"
        ),
        prices=twice_all(problem.prices, "import_per_kwh", "export_per_kwh", "co2_kg_per_kwh"),
    )
    coarse, finer = LpPlanner().plan(problem), LpPlanner().plan(halved)
    for before, after in zip(
        coarse.explanation.stages[:2], finer.explanation.stages[:2], strict=True
    ):
        assert after.value == pytest.approx(before.value, abs=1e-5)


def test_flattening_peak_and_ramp_travel_with_the_plan() -> None:
    goals = Goals(flatten_per_kw2=0.01, ramp_per_kw=0.02, peak_per_kw=0.03)
    problem = replace(random_problem(0), goals=goals, recent_peak_kw=40.0)
    for planner in PLANNERS:
        costs = planner.plan(problem).costs
        assert set(costs.flatten) == {0.01}
        assert set(costs.ramp_weight) == {0.02}
        assert set(costs.peak_weight) == {0.03}
        assert set(costs.peak_threshold_kw) == {34.0}
        assert set(costs.import_weight) == {1.0}
        assert costs.unit == "kWh of import"


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
    assert units["S2 cost"] == units["S3 wear"] == "KRW"
    assert units["S1 boundary import"] == "kWh"
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


def test_binaries_decide_only_where_the_relaxation_burns_energy() -> None:
    """Fixed PV above a tight export limit: charging and discharging at once would burn it."""
    problem = random_problem(73)
    plan = LpPlanner().plan(problem)
    assert any("binaries decide" in note for note in plan.explanation.notes)
    certificate = plan.explanation.certificate
    assert certificate is not None
    assert (certificate.overlaps, certificate.repaired) == (0, 0)
    plain = LpPlanner().plan(random_problem(0))
    assert not any("binaries" in note for note in plain.explanation.notes)


class Impatient:
    """Solves as SCIP does, and says of every stage but the first that its time was over."""

    def __init__(self, first: Floats, *, with_point: bool) -> None:
        self._engine, self._first, self._with_point = MathOptSolver("GSCIP"), first, with_point

    def solve(self, program: LinearProgram, cost: Floats, time_limit_s: float) -> Solution:
        solution = self._engine.solve(program, cost, time_limit_s)
        if np.array_equal(cost[: len(self._first)], self._first):
            return solution
        x = solution.x if self._with_point else np.zeros(0)
        return replace(solution, status=Status.TIME_LIMIT, x=x, bound=-1.0)


@pytest.mark.parametrize("with_point", [True, False])
def test_where_binaries_run_out_of_time_the_best_point_found_is_used(with_point: bool) -> None:
    problem = random_problem(73)
    run = StagedSolver(MathOptSolver("HIGHS"), MathOptSolver("GLOP")).run(problem, 20.0)
    first = run.solved[0].stage.cost
    decisions = excluded(run, Impatient(first, with_point=with_point), 5.0)
    assert decisions is not None
    assert not overlaps(decisions).any()
    assert violation(run.model.program, run.model.point(decisions)) < 1e-5
    exact = excluded(
        StagedSolver(MathOptSolver("HIGHS"), MathOptSolver("GLOP")).run(problem, 20.0),
        MathOptSolver("GSCIP"),
        5.0,
    )
    assert exact is not None
    reached, optimum = (float(first @ run.model.point(one)) for one in (decisions, exact))
    assert reached == pytest.approx(optimum, abs=1e-5)
    said = "the best that was found in time" if with_point else "the order ends before it"
    assert any(said in note for note in run.notes)


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
