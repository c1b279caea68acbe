"""Runs the stages: each on the optimal face of the former ones."""

import time
from dataclasses import dataclass, field

from optimizer.model.network import opened
from optimizer.model.pool import PoolModel, build
from optimizer.solving.program import UNSOLVED, LinearProgram, Solution, Solver, Status
from optimizer.solving.residuals import residuals
from optimizer.stages.face import optimal_face
from optimizer.stages.objectives import Stage, ordered_stages, service_stages
from vpp.domain.arrays import Floats
from vpp.domain.errors import PlannerFailed
from vpp.domain.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solved:
    """A stage that was solved and proven."""

    stage: Stage
    solution: Solution


@dataclass(slots=True, kw_only=True, eq=False)
class Run:
    """All stages of one problem."""

    model: PoolModel
    solved: list[Solved] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cpu_s: float = 0.0
    """In the engine, over all solves."""

    @property
    def x(self) -> Floats:
        """Point of the last stage that was solved."""
        return self.solved[-1].solution.x

    def first(self) -> Solved:
        """The first stage of the order, whose unit the hand-over speaks."""
        return next(s for s in self.solved if not s.stage.name.startswith("S0"))


class StagedSolver:
    """Solves the stages of an order with one engine, and another for a second opinion."""

    def __init__(self, engine: Solver, second: Solver) -> None:
        self._engine = engine
        self._second = second

    def run(self, problem: Problem, time_limit_s: float, *, elastic: bool = False) -> Run:
        """Rigid first: if service and limits can all be kept, S0 is zero and needs no solve.

        ``elastic`` says that they are known not to be.

        Raises:
            PlannerFailed: not even the first stage of the order was solved and proven.
        """
        deadline = time.monotonic() + time_limit_s
        spent_s = 0.0
        if not elastic and not any(places.any() for places in opened(problem)):
            rigid = Run(model=build(problem, elastic=False))
            if self._stages(rigid, deadline) is Status.OPTIMAL:
                return rigid
            spent_s = rigid.cpu_s
        return self.within(build(problem, elastic=True), deadline - time.monotonic(), spent_s)

    def within(self, model: PoolModel, time_limit_s: float, spent_s: float = 0.0) -> Run:
        """The stages of an elastic program as it is given.

        Raises:
            PlannerFailed: as ``run``.
        """
        deadline = time.monotonic() + time_limit_s
        run = Run(model=model, cpu_s=spent_s)
        status = self._stages(run, deadline)
        if status is not Status.OPTIMAL:
            raise PlannerFailed(
                f"pool {model.problem.pool}: no proven optimum of the first stage: {status},"
                f" {'; '.join(run.notes) or 'no message'}"
            )
        return run

    def _stages(self, run: Run, deadline: float) -> Status:
        """Solve the stages in their order.

        Not optimal only if the first of them, or any of the service stages, was not solved; a later
        one that fails leaves the point of the former, and a note that the order is not complete.
        """
        program = run.model.program
        service = [*(service_stages(run.model) if run.model.elastic else ())]
        ordered = [stage for stage in ordered_stages(run.model) if stage.cost.any()]
        needed = len(service) + 1
        for index, stage in enumerate([*service, *ordered]):
            solution = self._solve(run, program, stage, deadline)
            if solution.status is not Status.OPTIMAL:
                run.notes.append(f"{stage.name} was not solved: {solution.status}")
                if index < needed:
                    return solution.status
                run.notes.append("the order of the stages ends there")
                break
            run.solved.append(Solved(stage=stage, solution=solution))
            program = optimal_face(program, stage.cost, solution)
        return Status.OPTIMAL

    def _solve(self, run: Run, program: LinearProgram, stage: Stage, deadline: float) -> Solution:
        solution = self._proven(run, self._engine, program, stage.cost, deadline)
        if solution.status in {Status.OPTIMAL, Status.TIME_LIMIT}:
            return solution
        if solution.status is Status.INFEASIBLE and not run.solved and not run.model.elastic:
            return solution
        return self._proven(run, self._second, program, stage.cost, deadline)

    def _proven(
        self, run: Run, engine: Solver, program: LinearProgram, cost: Floats, deadline: float
    ) -> Solution:
        """A solution whose own claim of optimality our residuals confirm."""
        left_s = deadline - time.monotonic()
        if left_s <= 0.0:
            return UNSOLVED
        solution = engine.solve(program, cost, left_s)
        run.cpu_s += solution.cpu_s
        if solution.status is not Status.OPTIMAL:
            return solution
        found = residuals(program, cost, solution)
        if found.proven:
            return solution
        return Solution(
            status=Status.FAILED,
            x=solution.x,
            duals=solution.duals,
            reduced_costs=solution.reduced_costs,
            cpu_s=solution.cpu_s,
            message=f"called optimal, but {found}",
        )
