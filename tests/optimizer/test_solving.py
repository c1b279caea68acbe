"""The engine returns what the stages need, and a wrong claim is found out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ortools.math_opt import result_pb2

from optimizer.model.blocks import Blocks
from optimizer.model.charges import billing_intervals
from optimizer.model.pool import build
from optimizer.model.terminal import terminal_value
from optimizer.solving.kept import KeptSolver
from optimizer.solving.mathopt import MathOptSolver, asked, called
from optimizer.solving.program import LinearProgram, Solution, Solver, Status
from optimizer.solving.residuals import residuals, violation
from optimizer.stages.exclusion import overlaps, shift
from optimizer.stages.face import optimal_face
from optimizer.stages.objectives import local_stage
from tests.optimizer.cases import START, random_problem
from vpp.domain.arrays import Floats
from vpp.domain.slots import SlotGrid

ENGINES = (MathOptSolver("HIGHS"), MathOptSolver("GLOP"), KeptSolver())


def two_columns() -> tuple[LinearProgram, Floats]:
    """``min x + 2 y`` with ``x + y >= 3``, ``x <= 2``: x = 2, y = 1, dual 2, reduced cost -1."""
    blocks = Blocks()
    x = blocks.columns("x", (1,), 0.0, 2.0)
    y = blocks.columns("y", (1,), 0.0, 9.0)
    blocks.rows("need", (1,), 3.0, np.inf, (1.0, x), (1.0, y))
    return blocks.program(), np.array([1.0, 2.0])


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_returns_point_duals_and_reduced_costs(engine: Solver) -> None:
    program, cost = two_columns()
    solution = engine.solve(program, cost, 10.0)
    assert solution.status is Status.OPTIMAL
    assert solution.x == pytest.approx([2.0, 1.0])
    assert solution.duals == pytest.approx([2.0])
    assert solution.reduced_costs == pytest.approx([-1.0, 0.0])
    assert residuals(program, cost, solution).proven


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_tells_the_infeasible(engine: Solver) -> None:
    program, cost = two_columns()
    beyond = replace(program, row_lower=np.array([99.0]))
    assert engine.solve(beyond, cost, 10.0).status is Status.INFEASIBLE
    crossed = replace(program, lower=np.array([3.0, 0.0]))
    assert engine.solve(crossed, cost, 10.0).status is Status.INFEASIBLE


def test_a_kept_model_forgets_nothing_and_remembers_nothing() -> None:
    """Solve after solve on one matrix, and on another in between: as from the start each time."""
    kept, fresh = KeptSolver(), MathOptSolver("HIGHS")
    rng, (program, cost) = np.random.default_rng(3), two_columns()
    other, other_cost = two_columns()
    for round_ in range(20):
        changed = replace(
            program,
            upper=rng.uniform(0.5, 4.0, 2),
            row_lower=np.array([rng.uniform(0.0, 6.0)]),
        )
        weight = cost * rng.uniform(0.1, 9.0, 2)
        expected, found = (e.solve(changed, weight, 10.0) for e in (fresh, kept))
        assert found.status is expected.status
        if found.status is Status.OPTIMAL:
            assert weight @ found.x == pytest.approx(float(weight @ expected.x))
            assert residuals(changed, weight, found).proven
        if round_ % 5 == 4:
            assert kept.solve(other, other_cost, 10.0).x == pytest.approx([2.0, 1.0])


def stopped(point: bool) -> result_pb2.SolveResultProto:
    """What a native call returns that was stopped by its time limit."""
    result = result_pb2.SolveResultProto()
    result.termination.reason = (
        result_pb2.TERMINATION_REASON_FEASIBLE
        if point
        else result_pb2.TERMINATION_REASON_NO_SOLUTION_FOUND
    )
    result.termination.objective_bounds.dual_bound = 1.5
    if point:
        values = result.solutions.add().primal_solution.variable_values
        values.ids.extend([0, 1])
        values.values.extend([1.0, 2.0])
    return result


@pytest.mark.parametrize("point", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_of_a_program_with_whole_columns_the_best_point_in_time_is_kept(
    point: bool, whole: bool
) -> None:
    program, _ = two_columns()
    if whole:
        program = replace(program, whole=np.array([0]))
    parameters = asked("GSCIP", 1.0, whole=whole)
    solution = called(lambda *_: stopped(point), program, 2.0, parameters)
    assert solution.status is Status.TIME_LIMIT
    assert solution.x.tolist() == ([1.0, 2.0] if point and whole else [])
    assert solution.bound == (3.0 if point and whole else -np.inf)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(10))
def test_all_engines_reach_the_same_optimum_of_a_pool(engine: Solver, seed: int) -> None:
    model = build(random_problem(seed), elastic=True)
    cost = local_stage(model).cost
    values = []
    for one in (ENGINES[0], engine):
        solution = one.solve(model.program, cost, 10.0)
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
                for name in (
                    *("import_kw", "export_kw", "contract_import_kw", "contract_export_kw"),
                    *("margin_import_kw", "margin_export_kw"),
                )
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
