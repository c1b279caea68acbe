"""Binaries decide where the relaxation would burn energy; what is done when their time is over."""

from dataclasses import replace

import numpy as np
import pytest

from optimizer.planner import LpPlanner
from optimizer.solving.mathopt import MathOptSolver
from optimizer.solving.program import LinearProgram, Solution, Status
from optimizer.solving.residuals import violation
from optimizer.stages.exact import excluded
from optimizer.stages.exclusion import overlaps
from optimizer.stages.order import StagedSolver
from tests.optimizer.cases import random_problem
from tests.optimizer.value.test_stochastic import foreseen as foreseen_problem
from vpp.domain.arrays import Floats
from vpp.domain.order import Order


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


def test_a_weighted_sum_is_shifted_where_the_curve_steers_and_decided_where_it_does_not() -> None:
    """There burning energy would spare a ramp of the schedule, which no tick follows."""
    foreseen = foreseen_problem(20, Order.GRID)
    steered = LpPlanner().plan(foreseen).explanation
    assert steered.certificate is not None
    assert (steered.certificate.overlaps, steered.certificate.repaired) == (0, 1)
    followed = LpPlanner().plan(replace(foreseen, foreseen=None)).explanation
    assert any("1 binaries decide" in note for note in followed.notes)


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
    stages = StagedSolver(MathOptSolver("HIGHS"), MathOptSolver("GLOP"))
    run = stages.run(random_problem(73), 20.0)
    first = run.solved[0].stage.cost
    found = excluded(run, stages, Impatient(first, with_point=with_point), 40.0)
    assert found is not None
    assert not overlaps(found.model.decisions(found.x)).any()
    assert violation(run.model.program, found.x) < 1e-6
    exact = excluded(run, stages, MathOptSolver("GSCIP"), 40.0)
    assert exact is not None
    assert float(first @ found.x) == pytest.approx(float(first @ exact.x), abs=1e-6)
    said = "the best that was found in time" if with_point else "their order ends before it"
    assert any(said in note for note in found.notes)
    assert not any(said in note for note in exact.notes)


@pytest.mark.parametrize(("seed", "order"), [(5111, Order.GRID), (151, Order.COST)])
def test_ways_that_binaries_decided_are_kept_to_the_last_digit(seed: int, order: Order) -> None:
    """A switch is whole to 1e-6 for its engine, and so much of a battery's power is an overlap."""
    plan = LpPlanner().plan(random_problem(seed, order))
    assert any("binaries decide" in note for note in plan.explanation.notes)
    certificate = plan.explanation.certificate
    assert certificate is not None
    assert (certificate.overlaps, certificate.repaired) == (0, 0)
    assert certificate.max_violation < 1e-9
