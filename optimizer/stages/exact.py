"""Binaries, only where the exclusion certificate fails: charge or discharge, in these slots."""

import time
from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array, csc_array, hstack, vstack

from optimizer.model.decisions import Decisions
from optimizer.model.pool import PoolModel
from optimizer.solving.program import LinearProgram, Solution, Solver, Status
from optimizer.solving.residuals import violation
from optimizer.stages.exclusion import overlaps
from optimizer.stages.objectives import TIES, Stage
from optimizer.stages.one_way import barred, one_way
from optimizer.stages.order import Run, StagedSolver
from vpp.domain.arrays import Bools, Floats
from vpp.domain.errors import PlannerFailed

ROUNDS = 3
"""An excluded overlap may come up elsewhere: then the places are widened, at last to all."""
FEW = 100
"""Places in all, up to which they are widened to all at once: that takes no longer than a few."""
KEPT = 1e-8
"""By how much a later stage may miss a former optimum, over its size: cap rows, not faces."""
LOSS = 1e-6
BINARIES_PART = 0.5
"""Of the time; the rest is for the linear programs, and for the way out where they find nothing."""
LEAST_S = 0.01
"""For one stage, when the time is over."""
PREFERENCES = ("S0", "S1", "S2")
"""Stages that a repair may not worsen; wear falls with it and ties do not matter."""
WEIGHTED = "SG"


def as_good(run: Run, decisions: Decisions, *, steered: bool) -> bool:
    """Whether decisions keep every row and reach what the relaxation reached, stage by stage.

    Args:
        run: The stages' relaxation.
        decisions: After the shift.
        steered: By the forecast's distribution. A weighted sum that burns energy to spare a ramp
            then does not decide what the pool does, and is not worth the time of binaries.
    """
    preferences = PREFERENCES if steered else (*PREFERENCES, WEIGHTED)
    x = run.model.point(decisions)
    if violation(run.model.program, x) > LOSS:
        return False
    return all(
        stage.cost @ x <= value + LOSS * max(1.0, abs(value))
        for stage, value in (
            (solved.stage, float(solved.stage.cost @ run.x))
            for solved in run.solved
            if solved.stage.name.startswith(preferences)
        )
    )


def excluded(run: Run, stages: StagedSolver, engine: Solver, time_limit_s: float) -> Run | None:
    """The stages once more, in which a battery goes one way wherever the relaxation went both.

    Mixed-integer programs decide the ways, in the order of the stages and as far as they are solved
    in half of the time, all told. Linear programs decide the rest: the ways are bounds there, so
    that nothing is left of the tolerance to which whole numbers are whole.

    None if there is no point at all.
    """
    model, found, begun = run.model, None, time.monotonic()
    places = overlaps(model.decisions(run.x))
    for left in reversed(range(ROUNDS)):
        program, notes = _with_switches(model, places), list[str]()
        x = _ordered(run, program, engine, begun + BINARIES_PART * time_limit_s, notes)
        if x is None:
            break
        ways = _going(model, places, x[program.whole] > 0.5)
        found = _within(run, stages, ways, begun + time_limit_s)
        if found is None:
            break
        found.notes[:0] = [*run.notes, _said(places), *notes]
        more = overlaps(found.model.decisions(found.x))
        if not more.any():
            return found
        places = places | more if left > 1 and places.size > FEW else np.ones_like(places)
    if found is None:
        return None
    ways = one_way(found.model, found.model.decisions(found.x), crowded=False)
    last = _within(run, stages, ways, begun + time_limit_s)
    if last is not None:
        last.notes[:0] = [*found.notes, "elsewhere, time was over for more binaries"]
    return last


def _said(places: Bools) -> str:
    return (
        f"relaxation charged and discharged at once: {int(places.sum())} binaries decide,"
        " and later stages keep to former ones within 1e-8"
    )


def _going(model: PoolModel, places: Bools, charges: Bools) -> PoolModel:
    """The program in which batteries at these places may only go the ways decided."""
    charge, discharge = np.zeros((2, *places.shape), dtype=bool)
    charge[places], discharge[places] = ~charges, charges
    return barred(model, charge=charge, discharge=discharge)


def _within(run: Run, stages: StagedSolver, model: PoolModel, deadline: float) -> Run | None:
    """The stages as linear programs; what the engines took so far is carried on in ``run``."""
    try:
        found = stages.within(model, max(deadline - time.monotonic(), LEAST_S), run.cpu_s)
    except PlannerFailed:
        return None
    run.cpu_s = found.cpu_s
    return found


def _with_switches(model: PoolModel, places: Bools) -> LinearProgram:
    """``ch <= P_ch y`` and ``dis <= P_dis (1 - y)`` with y whole, at these places."""
    program, fleet = model.program, model.problem.batteries
    battery, _ = np.nonzero(places)
    count, width = len(battery), len(program.lower)
    charge, discharge = fleet.charge_kw[battery], fleet.discharge_kw[battery]
    index = np.arange(count)
    rows = np.concatenate([index, index, count + index, count + index])
    columns = np.concatenate(
        [
            model.batteries.charge[places],
            width + index,
            model.batteries.discharge[places],
            width + index,
        ]
    )
    ones = np.ones(count)
    factors = np.concatenate([ones, -charge, ones, discharge])
    switches = coo_array((factors, (rows, columns)), shape=(2 * count, width + count))
    wider = hstack([program.matrix, csc_array((program.matrix.shape[0], count))])
    return replace(
        program,
        matrix=csc_array(vstack([wider, switches])),
        lower=np.append(program.lower, np.zeros(count)),
        upper=np.append(program.upper, ones),
        row_lower=np.append(program.row_lower, np.full(2 * count, -np.inf)),
        row_upper=np.concatenate([program.row_upper, np.zeros(count), discharge]),
        whole=width + index,
    )


def _ordered(
    run: Run, program: LinearProgram, engine: Solver, deadline: float, notes: list[str]
) -> Floats | None:
    """Point of the last stage that was solved, with the switches; ties are left to the ways."""
    width, x = len(run.model.program.lower), None
    for solved in run.solved:
        if solved.stage.name == TIES:
            break
        cost = np.zeros(len(program.lower))
        cost[:width] = solved.stage.cost
        solution = engine.solve(program, cost, max(deadline - time.monotonic(), LEAST_S))
        run.cpu_s += solution.cpu_s
        if solution.status is not Status.OPTIMAL:
            return _best_in_time(notes, solved.stage, program, solution, x)
        x = solution.x
        program = _capped(program, cost, float(cost @ solution.x))
    return x


def _best_in_time(
    notes: list[str],
    stage: Stage,
    program: LinearProgram,
    solution: Solution,
    former: Floats | None,
) -> Floats | None:
    """The best point that the engine had, if it keeps every row; else that of the stage before."""
    if solution.x.size and violation(program, solution.x) <= LOSS and _whole(program, solution.x):
        value = float(stage.cost @ solution.x[: len(stage.cost)])
        notes.append(
            f"{stage.name} is the best that was found in time, {value:.6g} {stage.unit}"
            f" against a bound of {solution.bound:.6g}; the binaries' order ends there"
        )
        return solution.x
    if former is not None:
        notes.append(f"{stage.name} was not solved with binaries; their order ends before it")
    return former


def _whole(program: LinearProgram, x: Floats) -> bool:
    switches = x[program.whole]
    return bool((np.abs(switches - np.round(switches)) <= LOSS).all())


def _capped(program: LinearProgram, cost: Floats, value: float) -> LinearProgram:
    """The program with ``cost @ x <= value`` as a row, scaled to a largest factor of 1."""
    scale = float(np.abs(cost).max())
    row = csc_array(cost[None, :] / scale)
    return replace(
        program,
        matrix=csc_array(vstack([program.matrix, row])),
        row_lower=np.append(program.row_lower, -np.inf),
        row_upper=np.append(program.row_upper, (value + KEPT * max(1.0, abs(value))) / scale),
    )
