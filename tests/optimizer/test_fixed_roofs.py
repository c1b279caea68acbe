"""Roofs that cannot be curtailed, above the export ratings of their feeders: there is a plan.

Ratings are opened there. To charge and discharge at once would burn energy and export less, which
the relaxation may and a battery does not.
"""

from dataclasses import fields, replace

import numpy as np
import pytest

from optimizer.fallback import RulePlanner
from optimizer.model.pool import build
from optimizer.planner import LpPlanner
from optimizer.solving.mathopt import MathOptSolver
from optimizer.solving.program import UNSOLVED, LinearProgram, Solution
from tests.optimizer.cases import PATIENT_S, random_problem
from tests.optimizer.milp import Exact
from tests.optimizer.outcome import beyond_kwh
from tests.optimizer.pieces import network, one_car
from tests.thoroughness import examples
from vpp.domain.arrays import Floats
from vpp.domain.ids import AssetId
from vpp.domain.order import Order
from vpp.domain.plan import Plan
from vpp.domain.plan_check import broken_rules
from vpp.domain.problem import Problem
from vpp.domain.slots import SlotGrid

ONCE_REFUSED = (39, 132, 177, 227)
"""Left outside a node's bound by the shift."""


def roofs(seed: int) -> Problem:
    rng, problem = np.random.default_rng(seed + 9), random_problem(seed)
    export_kw = np.full(problem.nodes.export_kw.shape, np.inf)
    export_kw[1], export_kw[2] = rng.uniform(0, 4), rng.uniform(0, 4)
    if rng.random() < 0.5:
        export_kw[0] = rng.uniform(0, 5)
    plants = replace(
        problem.pv,
        available_kw=problem.pv.available_kw * rng.uniform(1, 4),
        curtailable=tuple(bool(rng.random() < 0.4) for _ in problem.pv.ids),
    )
    nodes = replace(problem.nodes, export_kw=export_kw)
    return replace(problem, pv=plants, nodes=nodes, deadline_s=PATIENT_S)


def beyond_ratings_kwh(problem: Problem, plan: Plan) -> float:
    return beyond_kwh(problem, plan, problem.nodes.import_kw, problem.nodes.export_kw)


def car_under_a_roof(order: Order) -> Problem:
    """A rating that a roof of 8 kW exceeds for two hours, and beneath it nothing but a car.

    The batteries of the pool are at another node, and it would take the import of any hour.
    """
    problem = random_problem(0, order)
    slots, plants, fleet = 4, problem.pv, problem.batteries
    here, elsewhere = (int(np.flatnonzero(problem.site_node == node)[0]) for node in (1, 2))
    export_kw = np.full((3, slots), np.inf)
    export_kw[1] = 2.0
    sun_kw = np.zeros((len(plants.ids), slots))
    sun_kw[plants.site == here, 2:] = 8.0
    load_kw = np.full((len(problem.sites), slots), 1.0)
    prices = {
        name: getattr(problem.prices, name)[:slots]
        for name in ("import_per_kwh", "export_per_kwh", "co2_kg_per_kwh")
    }
    problem = replace(
        problem,
        grid=SlotGrid.regular(problem.grid.start, count=slots, step_s=3600.0),
        load_kw=load_kw,
        pv=replace(plants, available_kw=sun_kw, curtailable=(False,) * len(plants.ids)),
        nodes=replace(network(slots), export_kw=export_kw),
        batteries=replace(fleet, site=np.full(len(fleet.ids), elsewhere)),
        prices=replace(problem.prices, **prices),
        sessions=replace(
            problem.sessions, max_kw=np.zeros((0, slots)), guaranteed_kw=np.zeros((0, slots))
        ),
    )
    car = one_car(problem, need_kwh=6.0, max_kw=3.0, until=slots)
    return replace(problem, sessions=replace(car, site=np.array([here])))


@pytest.mark.parametrize("order", list(Order))
def test_a_car_charges_while_the_roof_above_it_exceeds_the_rating(order: Order) -> None:
    problem = car_under_a_roof(order)
    plan = LpPlanner().plan(problem)
    beneath = int((problem.site_node == 1).sum())
    assert plan.schedule.of(AssetId("charger")) == pytest.approx([0.0, 0.0, 3.0, 3.0])
    assert beyond_ratings_kwh(problem, plan) == pytest.approx(2 * (8.0 - beneath - 3.0 - 2.0))
    assert [slack.what for slack in plan.explanation.slacks] == ["rating of node north export"]


def test_an_opened_rating_of_a_quiet_node_is_an_alarm_however_the_pool_is_planned() -> None:
    problem = car_under_a_roof(Order.LOCAL)
    fleet, slots = problem.batteries, len(problem.grid)
    none = np.zeros((0, slots))
    sessions = replace(
        problem.sessions, ids=(), assets=(), site=np.zeros(0, np.int64), need_kwh=np.zeros(0),
        max_kw=none, guaranteed_kw=none,
    )  # fmt: skip
    alike = {
        f.name: np.repeat(getattr(fleet, f.name)[:1], 4) for f in fields(fleet) if f.name != "ids"
    }
    fleet = replace(fleet, ids=tuple(AssetId(f"battery-{b}") for b in range(4)), **alike)
    plan = LpPlanner().plan(replace(problem, sessions=sessions, batteries=fleet))
    notes = plan.explanation.notes
    assert "4 batteries were planned as 1" in notes
    alarm = "ALARM export rating of node north is opened in slots 2 to 3"
    assert any(note.startswith(alarm) for note in notes)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", [*ONCE_REFUSED, *range(1002, 1002 + examples(4))])
def test_the_rating_is_exceeded_as_little_as_batteries_can(seed: int) -> None:
    problem = roofs(seed)
    plan = LpPlanner().plan(problem)
    assert broken_rules(plan, problem) == []
    beyond = beyond_ratings_kwh(problem, plan)
    exact = Exact(problem, build(problem, elastic=False).terminal.value)
    least = exact.beyond("rating")
    assert beyond == pytest.approx(least, abs=1e-5)


class EndsInTime:
    """Solves as SCIP does the first so many programs; of all others it says that time was over."""

    def __init__(self, solved: int) -> None:
        self._engine, self._left = MathOptSolver("GSCIP"), solved

    def solve(self, program: LinearProgram, cost: Floats, time_limit_s: float) -> Solution:
        self._left -= 1
        return self._engine.solve(program, cost, time_limit_s) if self._left >= 0 else UNSOLVED


@pytest.mark.parametrize("solved", [0, 6])
@pytest.mark.parametrize("seed", [*ONCE_REFUSED, 124, 144])
def test_where_binaries_find_nothing_in_time_there_is_a_plan_at_least_as_good_as_the_rule(
    seed: int, solved: int
) -> None:
    problem = roofs(seed)
    plan = LpPlanner(mixed=EndsInTime(solved)).plan(problem)
    assert broken_rules(plan, problem) == []
    certificate = plan.explanation.certificate
    assert certificate is not None
    assert certificate.overlaps == 0
    assert certificate.max_violation < 1e-6
    ruled = beyond_ratings_kwh(problem, RulePlanner().plan(problem))
    assert beyond_ratings_kwh(problem, plan) <= ruled + 1e-6
