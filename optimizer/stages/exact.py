"""Binaries, only where the certificate fails: charge or discharge, run or stand still."""

import time
from dataclasses import dataclass, replace

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
from optimizer.stages.switching import (
    first_segment,
    order_places,
    out_of_turn,
    patterns,
    switched,
    undecided,
)
from vpp.domain.arrays import Bools, Floats, Ints
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where binaries decide."""

    battery: Bools
    """Charge or discharge, shape (batteries, slots)."""
    converter: Bools
    """Run or stand still in every slot: starts couple them; shape (C',)."""
    turn: Bools
    """One segment of load after the other, shape (converters, slots)."""

    @classmethod
    def of(cls, run: Run) -> "Places":
        """Where the run's point does what cannot be."""
        model, x = run.model, run.x
        return cls(
            battery=overlaps(model.decisions(x)),
            converter=undecided(model, x),
            turn=out_of_turn(model, x),
        )

    def __or__(self, other: "Places") -> "Places":
        return Places(
            battery=self.battery | other.battery,
            converter=self.converter | other.converter,
            turn=self.turn | other.turn,
        )

    def __bool__(self) -> bool:
        return bool(self.battery.any() or self.converter.any() or self.turn.any())

    def all(self) -> "Places":
        return Places(
            battery=np.ones_like(self.battery),
            converter=np.ones_like(self.converter),
            turn=np.ones_like(self.turn),
        )


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
    """The stages once more, without what cannot be.

    A battery goes one way wherever the relaxation went both, and a converter runs or stands still
    where it did neither.

    Mixed-integer programs decide the ways, in the order of the stages and as far as they are solved
    in half of the time, all told. Linear programs decide the rest: the ways are bounds there, so
    that nothing is left of the tolerance to which whole numbers are whole.

    None if there is no point at all.
    """
    model, found, begun = run.model, None, time.monotonic()
    places = Places.of(run)
    if not places:
        places = replace(places.all(), battery=places.battery)
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
        more = Places.of(found)
        if not more:
            return found
        places = places | more if left > 1 and places.battery.size > FEW else places.all()
    if found is None and not model.problem.converters.ids:
        return None
    if found is None:
        return _without_binaries(run, stages, begun + time_limit_s)
    last = settled(run, stages, found, begun + time_limit_s, crowded=False)
    if last is not None:
        last.notes[:0] = [*found.notes, "elsewhere, time was over for more binaries"]
    return last


def _without_binaries(run: Run, stages: StagedSolver, deadline: float) -> Run | None:
    """Before limits and service are given up: converters by a rule."""
    last = settled(run, stages, run, deadline, crowded=False)
    if last is None or Places.of(last):
        return None
    last.notes[:0] = [*run.notes, "binaries found nothing in time; converters run by a rule"]
    return last


def settled(
    run: Run, stages: StagedSolver, found: Run, deadline: float, *, crowded: bool
) -> Run | None:
    """The stages without binaries: every battery one way, every converter by a rule.

    Args:
        run: In which what the engines take is counted.
        stages: Solve them.
        found: Whose point says which way.
        deadline: Of monotonic time.
        crowded: See ``one_way``.
    """
    model, x = found.model, found.x
    ways = one_way(model, model.decisions(x), crowded=crowded)
    if not model.problem.converters.ids:
        return _within(run, stages, ways, deadline)
    ways = first_segment(ways, out_of_turn(model, x))
    no_overlap = np.zeros(model.batteries.charge.shape, dtype=bool)
    for which, on in patterns(model, x):
        last = _within(run, stages, switched(ways, which, on), deadline)
        if last is not None and not replace(Places.of(last), battery=no_overlap):
            return last
        ways = first_segment(ways, np.ones_like(out_of_turn(model, x)))
    return None


def _said(places: Places) -> str:
    why = [
        said
        for said, there in (
            ("charged and discharged at once", places.battery),
            ("ran converters where they can only start or stand still", places.converter),
            ("wasted power in converters", places.turn),
        )
        if there.any()
    ]
    slots = places.turn.shape[1]
    count = int(places.battery.sum() + slots * places.converter.sum() + places.turn.sum())
    return (
        f"relaxation {' and '.join(why)}: {count} binaries decide,"
        " and later stages keep to former ones within 1e-8"
    )


def _going(model: PoolModel, places: Places, chosen: Bools) -> PoolModel:
    """The program in which what binaries decided is a bound."""
    count, slots = int(places.battery.sum()), places.turn.shape[1]
    charges, chosen = chosen[:count], chosen[count:]
    charge, discharge = np.zeros((2, *places.battery.shape), dtype=bool)
    charge[places.battery], discharge[places.battery] = ~charges, charges
    model = barred(model, charge=charge, discharge=discharge)
    on = np.zeros(model.conversion.on.shape, dtype=bool)
    on[places.converter] = chosen[: int(places.converter.sum()) * slots].reshape(-1, slots)
    model = switched(model, places.converter, on)
    full = chosen[int(places.converter.sum()) * slots :]
    first, second, width, _ = order_places(model, places.turn)
    lower, upper = model.program.lower.copy(), model.program.upper.copy()
    lower[first[full]] = width[full]
    upper[second[~full]] = 0.0
    return replace(model, program=replace(model.program, lower=lower, upper=upper))


def _within(run: Run, stages: StagedSolver, model: PoolModel, deadline: float) -> Run | None:
    """The stages as linear programs; what the engines took so far is carried on in ``run``."""
    try:
        found = stages.within(model, max(deadline - time.monotonic(), LEAST_S), run.cpu_s)
    except PlannerFailed:
        return None
    run.cpu_s = found.cpu_s
    return found


def _with_switches(model: PoolModel, places: Places) -> LinearProgram:
    """With whole y: ``ch <= P_ch y`` and ``dis <= P_dis (1 - y)``, and the switches of converters.

    Segments in turn: ``p_q >= w_q z``, ``p_(q+1) <= w_(q+1) z`` with whole z.
    """
    program = _with_ways(model, places.battery)
    ways = program.whole
    first, second, filled, most = order_places(model, places.turn)
    count = len(first)
    wider = _in_pairs(program, (first, -filled), (second, -most))
    return replace(
        wider,
        row_lower=np.concatenate([program.row_lower, np.zeros(count), np.full(count, -np.inf)]),
        row_upper=np.concatenate([program.row_upper, np.full(count, np.inf), np.zeros(count)]),
        whole=np.concatenate([ways, model.conversion.on[places.converter].ravel(), wider.whole]),
    )


def _with_ways(model: PoolModel, places: Bools) -> LinearProgram:
    program, fleet = model.program, model.problem.batteries
    battery, _ = np.nonzero(places)
    count = len(battery)
    charge, discharge = fleet.charge_kw[battery], fleet.discharge_kw[battery]
    return replace(
        _in_pairs(
            program,
            (model.batteries.charge[places], -charge),
            (model.batteries.discharge[places], discharge),
        ),
        row_lower=np.append(program.row_lower, np.full(2 * count, -np.inf)),
        row_upper=np.concatenate([program.row_upper, np.zeros(count), discharge]),
    )


def _in_pairs(
    program: LinearProgram, first: tuple[Ints, Floats], second: tuple[Ints, Floats]
) -> LinearProgram:
    """A switch for each pair of columns, with the rows ``column + factor switch`` of both.

    The bounds of these rows are left to the caller, first those of all first columns.
    """
    count, width = len(first[0]), len(program.lower)
    index = np.arange(count)
    rows = np.concatenate([index, index, count + index, count + index])
    columns = np.concatenate([first[0], width + index, second[0], width + index])
    ones = np.ones(count)
    factors = np.concatenate([ones, first[1], ones, second[1]])
    switches = coo_array((factors, (rows, columns)), shape=(2 * count, width + count))
    wider = hstack([program.matrix, csc_array((program.matrix.shape[0], count))])
    return replace(
        program,
        matrix=csc_array(vstack([wider, switches])),
        lower=np.append(program.lower, np.zeros(count)),
        upper=np.append(program.upper, ones),
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
