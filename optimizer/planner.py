"""The planner of the named orders: linear programs in stages, proven before they are used."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from optimizer.binding import bindings
from optimizer.converter_envelopes import converter_envelopes
from optimizer.explanation import margin_notes, slacks, stage_values
from optimizer.handover import bands, corridors, envelopes, schedule, slot_costs
from optimizer.model.decisions import Decisions
from optimizer.model.merging import merged
from optimizer.model.network import opened
from optimizer.model.reject import reject_contradictions
from optimizer.model.splitting import split
from optimizer.side_goals import SideGoals, side_goals
from optimizer.solving.kept import KeptSolver, SizedSolver
from optimizer.solving.mathopt import MathOptSolver
from optimizer.solving.program import Solver
from optimizer.solving.residuals import violation
from optimizer.stages.exact import FEW, LOSS, as_good, excluded, settled
from optimizer.stages.exclusion import Repaired, overlaps, shift
from optimizer.stages.order import Run, StagedSolver
from optimizer.value.duals import stored_worth
from optimizer.value.plain import dual_curve, local_curve
from optimizer.value.sharing import worth_by_place
from optimizer.value.stochastic import stochastic_curve
from vpp.domain.arrays import Ints
from vpp.domain.curve import ValueCurve
from vpp.domain.errors import PlannerFailed
from vpp.domain.order import Order
from vpp.domain.plan import Certificate, Explanation, Plan
from vpp.domain.plan_check import broken_rules
from vpp.domain.problem import Problem

SOLVING_PART = 0.8
"""Of the deadline; the rest is for building, proving and handing over."""
EXCLUDING_PART = 0.7
"""Of the time that is left, for binaries; the rest is for the way out where there is no point."""
WITHOUT_BINARIES = "binaries found nothing in time; batteries go the ways of the shift"
UNBURNT = "burning energy would keep a limit better, which the schedule may not"
SMALL = 15_000
"""Columns up to which GLOP with a kept model was the faster engine."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solved:
    """What came of the stages."""

    run: Run
    planned: Repaired
    """Decisions of the run's own problem."""
    decisions: Decisions
    """Of the problem that was asked."""
    battery: Ints
    """In which of the run's batteries each of the problem's is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Relaxed:
    """The stages without binaries."""

    run: Run
    repaired: Repaired
    enough: bool
    """Whether the shift, if any was needed, costs no earlier stage."""


class LpPlanner:
    """Entry point ``lp`` of ``vpp.planners``."""

    def __init__(self, *, mixed: Solver | None = None) -> None:
        """``mixed`` solves programs with binaries; SCIP where none is given."""
        highs, glop = MathOptSolver("HIGHS"), MathOptSolver("GLOP")
        self._stages = StagedSolver(
            SizedSolver(KeptSolver(), highs, SMALL), SizedSolver(highs, glop, SMALL)
        )
        self._mixed = mixed or MathOptSolver("GSCIP")

    def plan(self, problem: Problem) -> Plan:
        """The plan of one pool.

        Raises:
            ProblemRejected: the input contradicts itself.
            PlannerFailed: no proven first stage, or a schedule that fails its validation even
                after the repair; the message names assets and slots.
        """
        reject_contradictions(problem)
        deadline = time.monotonic() + SOLVING_PART * problem.deadline_s
        solved = self._together(problem, deadline) or self._apart(problem, deadline)
        plan = _plan(problem, solved)
        if broken := broken_rules(plan, problem):
            raise PlannerFailed(f"pool {problem.pool}: " + "; ".join(broken))
        return plan

    def _together(self, problem: Problem, deadline: float) -> _Solved | None:
        """With what is alike planned as one; None if that is no plan for its members."""
        whole = merged(problem)
        if whole is None:
            return None
        relaxed = self._relaxed(whole.problem, deadline)
        few = len(problem.batteries.ids) * len(problem.grid) <= FEW
        if not relaxed.enough and few:
            # What is planned as one goes one way; its members need not.
            return None
        run, repaired = self._excluding(whole.problem, relaxed, deadline)
        decisions = split(problem, whole, repaired.decisions)
        if decisions is None:
            return None
        count, left = len(whole.battery), len(set(whole.battery))
        if left < count:
            run.notes.append(f"{count} batteries were planned as {left}")
        return _Solved(run=run, planned=repaired, decisions=decisions, battery=whole.battery)

    def _apart(self, problem: Problem, deadline: float) -> _Solved:
        relaxed = self._relaxed(problem, deadline)
        run, repaired = self._excluding(problem, relaxed, deadline)
        each = np.arange(len(problem.batteries.ids))
        return _Solved(run=run, planned=repaired, decisions=repaired.decisions, battery=each)

    def _relaxed(self, problem: Problem, deadline: float) -> _Relaxed:
        """Stages, certificate, shift."""
        run = self._stages.run(problem, _left(deadline))
        repaired = shift(problem, run.model.decisions(run.x))
        steered = problem.foreseen is not None
        sure = not repaired.shifted and not problem.converters.ids
        enough = sure or as_good(run, repaired.decisions, steered=steered)
        return _Relaxed(run=run, repaired=repaired, enough=enough)

    def _excluding(
        self, problem: Problem, relaxed: _Relaxed, deadline: float
    ) -> tuple[Run, Repaired]:
        """Binaries where the shift would cost an earlier stage."""
        run = relaxed.run
        if relaxed.enough:
            return run, relaxed.repaired
        for elastic in (True,) if run.model.elastic else (False, True):
            if elastic is not run.model.elastic:
                run = self._stages.run(problem, _left(deadline), elastic=True)
            found = excluded(run, self._stages, self._mixed, _left(deadline) * EXCLUDING_PART)
            if found is not None:
                return found, _without_overlaps(found)
        repaired = shift(problem, run.model.decisions(run.x))
        kept = violation(run.model.program, run.model.point(repaired.decisions)) <= LOSS
        notes = [*run.notes, WITHOUT_BINARIES if kept else UNBURNT]
        found = settled(run, self._stages, run, deadline, crowded=not kept)
        if found is None:
            raise PlannerFailed(f"pool {problem.pool}: {'; '.join(notes)}; none found without")
        found.notes[:0] = notes
        return found, _without_overlaps(found)


def _without_overlaps(run: Run) -> Repaired:
    return Repaired(decisions=run.model.decisions(run.x), shifted=0)


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.0)


def _plan(problem: Problem, solved: _Solved) -> Plan:
    run, decisions = solved.run, solved.decisions
    curve, made_of = _curve(problem, solved)
    x = run.model.point(solved.planned.decisions)
    worth = worth_by_place(run)
    certificate = Certificate(
        max_violation=violation(run.model.program, x),
        overlaps=int(overlaps(decisions).sum()),
        repaired=solved.planned.shifted,
    )
    explanation = Explanation(
        planner="lp",
        stages=stage_values(run, x),
        slacks=slacks(run, solved.planned.decisions, x),
        bindings=bindings(run),
        certificate=certificate,
        forecasts=problem.forecasts,
        notes=(
            f"value curve: {made_of}",
            *margin_notes(problem),
            *_notes(run, solved.planned.shifted),
            *_opened_notes(problem),
            *run.notes,
            *problem.extra,
        ),
        solve_cpu_s=run.cpu_s,
    )
    return Plan(
        pool=problem.pool,
        grid=problem.grid,
        issued_at=problem.issued_at,
        order=problem.goals.order,
        curve=curve,
        costs=slot_costs(problem),
        bands=bands(problem, decisions),
        corridors=corridors(problem, decisions),
        envelopes=(
            *envelopes(problem, _session_worth(run)),
            *converter_envelopes(problem, decisions, _converter_worth(run)),
        ),
        share_worth=None if worth is None else worth[solved.battery],
        share_assets=() if worth is None else problem.batteries.ids,
        least_net_kw=problem.least_net_kw,
        schedule=schedule(problem, decisions),
        explanation=explanation,
    )


def _curve(problem: Problem, solved: _Solved) -> tuple[ValueCurve, str]:
    """The value curve, and what it is made of."""
    local = problem.goals.order is Order.LOCAL
    if local and side_goals(problem) == SideGoals():
        return local_curve(problem), "the measured-surplus rule"
    stochastic = stochastic_curve(problem, solved.decisions)
    if stochastic is not None:
        return stochastic, "the forecast's distribution"
    if local:
        return local_curve(problem), "the measured-surplus rule: no distribution is foreseen"
    worth = stored_worth(solved.run)[solved.battery]
    curve = dual_curve(problem, worth, solved.decisions.energy(problem))
    return curve, "duals of the schedule, without the forecast's distribution"


def _session_worth(run: Run) -> list[float]:
    """Dual of each session's need in the first stage, at most what import costs at its dearest."""
    duals = run.first().solution.duals[run.model.sessions.energy]
    dearest = float(slot_costs(run.model.problem).import_weight.max())
    return [float(dual) for dual in np.clip(duals, 0.0, max(dearest, 0.0)) + 0.0]


def _converter_worth(run: Run) -> list[float]:
    """Price of a kWh below which a converter had better take it, or above which give it, now.

    Dual of the content in the first stage, at most what import costs at its dearest.
    """
    model, makers = run.model, run.model.problem.converters
    if not makers.ids:
        return []
    unit = -run.first().solution.duals[model.conversion.recursion[makers.store, 0]]
    worth = unit * np.abs(makers.per_kwh[:, 0]) * makers.factor[:, 0]
    dearest = float(slot_costs(model.problem).import_weight.max())
    return [float(one) for one in np.clip(worth, 0.0, max(dearest, 0.0)) + 0.0]


def _notes(run: Run, shifted: int) -> list[str]:
    problem, notes = run.model.problem, list[str]()
    dearer = problem.prices.export_per_kwh > problem.prices.import_per_kwh
    if problem.goals.order is not Order.LOCAL and dearer.any():
        notes.append("export prices above import prices count as import prices in this order")
    both = np.minimum(run.x[run.model.network.imported], run.x[run.model.network.exported])
    if (both > 1e-6).any():
        slots = ", ".join(str(slot) for slot in np.flatnonzero(both > 1e-6))
        notes.append(f"relaxation imports and exports at once in slots {slots}: cost is a bound")
    if shifted:
        notes.append(f"{shifted} overlaps of charge and discharge were removed by the shift")
    return notes


def _opened_notes(problem: Problem) -> Iterator[str]:
    """Of the problem that was asked: one that merges what is alike leaves out quiet nodes."""
    for way, places in zip(("import", "export"), opened(problem), strict=True):
        for node in np.flatnonzero(places.any(1)):
            slots = np.flatnonzero(places[node])
            yield (
                f"ALARM {way} rating of node {problem.nodes.ids[node]} is opened in slots"
                f" {slots[0]} to {slots[-1]}: demand that nothing controls exceeds it"
            )
