"""Converters that run or stand still: where the relaxation does neither, and what is done then."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from optimizer.model.conversion import running
from optimizer.model.pool import PoolModel
from vpp.domain.arrays import Bools, Floats, Ints
from vpp.domain.stores import RUNNING_KW

TOLERANCE = 1e-6
"""kW, or a part of a start."""


def undecided(model: PoolModel, x: Floats) -> Bools:
    """Converters with switches, shape (C',), that the point leaves between standing and running.

    Below their least power, or with a change or a start that only half a switch allows.
    """
    problem, block = model.problem, model.conversion
    makers, which = problem.converters, block.switched
    run = model.decisions(x).run
    on, run = running(problem, run)[which], run[which]
    below = ((run > 0) & (run < makers.min_kw[which, None] - TOLERANCE)).any(axis=1)
    starts = (on[:, 1:] & ~on[:, :-1]).sum(axis=1)
    priced = (makers.start_kwh + makers.start_cost)[which] > 0
    cheaper = priced & (x[block.start].sum(axis=1) < starts - TOLERANCE)
    before = np.column_stack([makers.now_kw[which], run[:, :-1]])
    step = makers.ramp_kw_per_h[which, None] * problem.grid.hours
    most = np.where(on[:, :-1], before, makers.min_kw[which, None]) + step
    steep = (run > most + TOLERANCE) | (on[:, 1:] & (run < before - step - TOLERANCE))
    return np.asarray(below | cheaper | steep.any(axis=1))


def out_of_turn(model: PoolModel, x: Floats) -> Bools:
    """Where a later segment is used before an earlier one is full, shape (C, T).

    That wastes power, and only a store that is full or a limit on export asks for it.
    """
    makers, segment = model.problem.converters, model.conversion.segment
    given = np.clip(x, model.program.lower, model.program.upper)[segment]
    turn = makers.split(given.sum(axis=1))
    return np.asarray((np.abs(given - turn) > TOLERANCE).any(axis=1))


def switched(model: PoolModel, which: Bools, on: Bools) -> PoolModel:
    """The program in which these converters run and stand still as ``on`` says, shape (C', T)."""
    lower, upper = model.program.lower.copy(), model.program.upper.copy()
    lower[model.conversion.on[which]] = on[which]
    upper[model.conversion.on[which]] = on[which]
    return replace(model, program=replace(model.program, lower=lower, upper=upper))


def first_segment(model: PoolModel, where: Bools) -> PoolModel:
    """The program in which converters stay within their first segment, ``where`` is (C, T)."""
    upper = model.program.upper.copy()
    converter, slot = np.nonzero(where)
    upper[model.conversion.segment[converter, 1:, slot]] = 0.0
    return replace(model, program=replace(model.program, upper=upper))


def patterns(model: PoolModel, x: Floats) -> Iterator[tuple[Bools, Bools]]:
    """Ways to decide without binaries, the better first; the last one is always possible.

    Each as the converters decided and ``on``. Power below the least is gathered until it fills a
    slot, by those that are undecided, then by all; else all stand still.
    """
    problem, block = model.problem, model.conversion
    some, least = undecided(model, x), problem.converters.min_kw[block.switched]
    on = _gathered(model.decisions(x).run[block.switched], least, problem.grid.hours)
    every = np.ones(some.shape, dtype=bool)
    yield some, on
    yield every, on
    yield every, np.zeros(on.shape, dtype=bool)


def _gathered(run: Floats, least: Floats, hours: Floats) -> Bools:
    on, kept = np.zeros(run.shape, dtype=bool), np.zeros(len(run))
    for slot, h in enumerate(hours):
        wanted = kept + run[:, slot] * h
        on[:, slot] = (wanted >= 0.5 * least * h) & (wanted > RUNNING_KW)
        taken = np.where(on[:, slot], np.maximum(run[:, slot], least) * h, 0.0)
        kept = wanted - taken
    return on


def order_places(model: PoolModel, where: Bools) -> tuple[Ints, Ints, Floats, Floats]:
    """Columns of neighbouring segments and their widths, for every place and pair of segments."""
    widths, segment = model.problem.converters.segment_kw, model.conversion.segment
    converter, slot = np.nonzero(where)
    first, second = segment[converter, :-1, slot], segment[converter, 1:, slot]
    return (
        first.ravel(), second.ravel(),
        widths[converter, :-1].ravel(), widths[converter, 1:].ravel(),
    )  # fmt: skip
