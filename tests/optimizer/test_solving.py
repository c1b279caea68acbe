"""The engine returns what the stages need, and a wrong claim is found out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optimizer.model.blocks import Blocks
from optimizer.model.charges import billing_intervals
from optimizer.model.pool import build
from optimizer.model.terminal import terminal_value
from optimizer.solving.mathopt import Engine, MathOptSolver
from optimizer.solving.program import LinearProgram, Solution, Status
from optimizer.solving.residuals import residuals, violation
from optimizer.stages.exclusion import overlaps, shift
from optimizer.stages.face import optimal_face
from optimizer.stages.objectives import local_stage
from tests.optimizer.cases import START, random_problem
from vpp.domain.arrays import Floats
from vpp.domain.slots import SlotGrid

ENGINES: tuple[Engine, ...] = ("HIGHS", "GLOP")


def two_columns() -> tuple[LinearProgram, Floats]:
    """``min x + 2 y`` with ``x + y >= 3``, ``x <= 2``: x = 2, y = 1, dual 2, reduced cost -1."""
    blocks = Blocks()
    x = blocks.columns("x", (1,), 0.0, 2.0)
    y = blocks.columns("y", (1,), 0.0, 9.0)
    blocks.rows("need", (1,), 3.0, np.inf, (1.0, x), (1.0, y))
    return blocks.program(), np.array([1.0, 2.0])


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_returns_point_duals_and_reduced_costs(engine: Engine) -> None:
    program, cost = two_columns()
    solution = MathOptSolver(engine).solve(program, cost, 10.0)
    assert solution.status is Status.OPTIMAL
    assert solution.x == pytest.approx([2.0, 1.0])
    assert solution.duals == pytest.approx([2.0])
    assert solution.reduced_costs == pytest.approx([-1.0, 0.0])
    assert residuals(program, cost, solution).proven


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_tells_the_infeasible(engine: Engine) -> None:
    program, cost = two_columns()
    beyond = replace(program, row_lower=np.array([99.0]))
    assert MathOptSolver(engine).solve(beyond, cost, 10.0).status is Status.INFEASIBLE
    crossed = replace(program, lower=np.array([3.0, 0.0]))
    assert MathOptSolver(engine).solve(crossed, cost, 10.0).status is Status.INFEASIBLE


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(10))
def test_both_engines_reach_the_same_optimum_of_a_pool(engine: Engine, seed: int) -> None:
    model = build(random_problem(seed), elastic=True)
    cost = local_stage(model).cost
    values = []
    for name in ENGINES:
        solution = MathOptSolver(name).solve(model.program, cost, 10.0)
        assert residuals(model.program, cost, solution).proven
        values.append(float(cost @ solution.x))
    assert values[0] == pytest.approx(values[1], abs=1e-7)


@pytest.mark.parametrize(
    "change",
    [
        {"x": np.array([2.0, 0.5])},
        {"x": np.array([1.0, 2.0])},
        {"duals": np.array([1.0])},
        {"reduced_costs": np.array([0.0, 0.0])},
    ],
    ids=["infeasible point", "point not optimal", "wrong dual", "wrong reduced cost"],
)
def test_residuals_find_a_wrong_claim(change: dict[str, Any]) -> None:
    program, cost = two_columns()
    right = Solution(
        status=Status.OPTIMAL,
        x=np.array([2.0, 1.0]),
        duals=np.array([2.0]),
        reduced_costs=np.array([-1.0, 0.0]),
        cpu_s=0.0,
    )
    assert residuals(program, cost, right).proven
    assert not residuals(program, cost, replace(right, **change)).proven


def test_the_face_holds_the_optimum_and_nothing_worse() -> None:
    rng = np.random.default_rng(3)
    for seed in range(20):
        model = build(random_problem(seed), elastic=True)
        cost = local_stage(model).cost
        solver = MathOptSolver("HIGHS")
        first = solver.solve(model.program, cost, 10.0)
        face = optimal_face(model.program, cost, first)
        second = solver.solve(face, rng.normal(size=len(cost)), 10.0)
        assert second.status is Status.OPTIMAL
        assert float(cost @ second.x) == pytest.approx(float(cost @ first.x), abs=1e-6)
        assert violation(model.program, second.x) < 1e-6


def test_the_shift_keeps_stored_energy_and_removes_every_overlap() -> None:
    problem = random_problem(0)
    model = build(problem, elastic=True)
    resting = model.decisions(model.program.lower)
    rng = np.random.default_rng(1)
    both = replace(
        resting,
        charge=rng.uniform(0.0, 1.0, resting.charge.shape),
        discharge=rng.uniform(0.0, 1.0, resting.charge.shape),
    )
    assert overlaps(both).any()
    repaired = shift(problem, both)
    assert repaired.shifted == int(overlaps(both).sum())
    assert not overlaps(repaired.decisions).any()
    assert repaired.decisions.energy(problem) == pytest.approx(both.energy(problem))
    freed = both.site_kw(problem).sum(0) - repaired.decisions.site_kw(problem).sum(0)
    assert (freed >= -1e-9).all()


def test_billing_intervals_weigh_slots_by_their_part_and_keep_what_is_measured() -> None:
    problem = random_problem(0)
    edges = START.timestamp() + np.array([0.0, 300.0, 900.0, 2700.0])
    grid = SlotGrid(edges_s=edges)
    prices = replace(
        problem.prices,
        import_per_kwh=np.ones(3),
        export_per_kwh=np.zeros(3),
        co2_kg_per_kwh=np.zeros(3),
        running_import_kw=9.0,
        running_part=1.0 / 3.0,
        peak_paid_kw=0.0,
    )
    short = replace(
        problem,
        grid=grid,
        prices=prices,
        load_kw=problem.load_kw[:, :3],
        nodes=replace(
            problem.nodes,
            **{
                name: getattr(problem.nodes, name)[:, :3]
                for name in ("import_kw", "export_kw", "contract_import_kw", "contract_export_kw")
            },
        ),
        pv=replace(problem.pv, available_kw=problem.pv.available_kw[:, :3]),
        sessions=replace(
            problem.sessions,
            max_kw=problem.sessions.max_kw[:, :3],
            guaranteed_kw=problem.sessions.guaranteed_kw[:, :3],
        ),
    )
    intervals = billing_intervals(short)
    assert intervals.peak_kw(short, np.array([3.0, 6.0, 0.0])) == pytest.approx(9 / 3 + 2 / 3 * 5)
    assert intervals.peak_kw(short, np.array([0.0, 0.0, 8.0])) == pytest.approx(8.0)


def test_the_end_value_begins_at_one_and_falls_where_the_store_will_overflow() -> None:
    problem = random_problem(0)
    dark = replace(problem, pv=replace(problem.pv, available_kw=0.0 * problem.pv.available_kw))
    assert terminal_value(dark, 10.0).slope == pytest.approx([1.0])
    sunny = replace(problem, load_kw=0.01 * problem.load_kw)
    slope = terminal_value(sunny, 10.0).slope
    assert slope[0] == 1.0
    assert (np.diff(slope) < 0).all()
    assert slope[-1] < 0.5
