"""Converters by segments of load, and the stores they fill or draw on: content as a recursion."""

from dataclasses import dataclass

import numpy as np

from optimizer.model.blocks import Blocks
from optimizer.model.decisions import Decisions
from optimizer.model.injection import Injection
from vpp.domain.arrays import Bools, Floats, Ints
from vpp.domain.problem import Problem
from vpp.domain.stores import RUNNING_KW, content, content_bounds, gained, kept_part


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConversionBlock:
    """Columns of converters (C, Q, T), stores (K, T), and what the stores are worth (K, L).

    Those of switches are of converters that have a least power, a ramp or a price of starting.
    """

    segment: Ints
    switched: Ints
    """Which converters have switches, shape (C',)."""
    on: Ints
    """Shape (C', T): 1 where it runs; between 0 and 1 in the relaxation."""
    start: Ints
    content: Ints
    recursion: Ints
    """Rows, shape (K, T)."""
    unmet: Ints
    """Shape (K, T); empty in the rigid model."""
    short: Ints
    """Content missing to ``floor``, by (store, slot) pairs; empty in the rigid model."""
    short_at: tuple[Ints, Ints]
    floor: Floats
    """What is to be kept, or as much of it as full power reaches."""
    left: Ints

    def injections(self, problem: Problem) -> tuple[Injection, ...]:
        makers, slot = problem.converters, np.arange(len(problem.grid))
        return tuple(
            Injection(
                site=makers.site[mine, None, None],
                slot=slot,
                column=self.segment[mine],
                sign=sign,
            )
            for sign, mine in (
                (1.0, np.flatnonzero(~makers.gives)),
                (-1.0, np.flatnonzero(makers.gives)),
            )
            if len(mine)
        )

    def fill(self, x: Floats, problem: Problem, decisions: Decisions) -> None:
        """Write the values that follow from the decisions."""
        makers, stores = problem.converters, problem.stores
        if not stores.ids:
            return
        held = decisions.content(problem)
        x[self.segment] = makers.split(decisions.run)
        on = running(problem, decisions.run)[self.switched]
        x[self.on] = on[:, 1:]
        x[self.start] = on[:, 1:] & ~on[:, :-1]
        x[self.content] = held
        if self.unmet.size:
            x[self.unmet] = decisions.unmet
        x[self.short] = np.maximum(self.floor - held, 0.0)[self.short_at]
        length = stores.worth_length
        above = held[:, -1:] - content_bounds(stores, problem.grid.hours)[0][:, -1:]
        x[self.left] = np.clip(above - (np.cumsum(length, axis=1) - length), 0.0, length)


def running(problem: Problem, run_kw: Floats) -> Bools:
    """Which converters run, now and in every slot, shape (C, T + 1)."""
    power_kw = np.column_stack([problem.converters.now_kw, run_kw])
    return np.asarray(power_kw > RUNNING_KW)


def floor(problem: Problem) -> Floats:
    """``least`` of every store, or as much of it as full power reaches without demand, (K, T)."""
    stores, makers, hours = problem.stores, problem.converters, problem.grid.hours
    fills = (makers.per_kwh >= 0).all(axis=1)
    full_kw = np.where(fills, makers.max_kw, 0.0)[:, None] * np.ones(len(hours))
    reached = content(
        stores, hours, gained(stores, makers, full_kw, hours), np.zeros(stores.demand.shape)
    )
    low, _ = content_bounds(stores, hours)
    return np.asarray(np.minimum(stores.least[:, None], np.maximum(reached, low)))


def add_conversion(blocks: Blocks, problem: Problem, *, elastic: bool) -> ConversionBlock:
    """``H_t - kept H_(t-1) - sum of h y p (- unmet) = -demand``, one segment of p after the other.

    A yield that falls from segment to segment is concave: the better segment goes first by itself
    wherever more content is no worse.
    """
    stores, makers, hours = problem.stores, problem.converters, problem.grid.hours
    slots, (count, parts) = len(hours), makers.segment_kw.shape
    low, high = content_bounds(stores, hours)
    kept_from = floor(problem)
    segment = blocks.columns(
        "converter power", (count, parts, slots), 0.0, makers.segment_kw[:, :, None]
    )
    held = blocks.columns("content", stores.demand.shape, low if elastic else kept_from, high)
    begin = -stores.demand
    kept = kept_part(stores, hours)
    begin[:, 0] += kept[:, 0] * stores.content
    recursion = blocks.rows("content recursion", stores.demand.shape, begin, begin, (1.0, held))
    blocks.add(recursion[:, 1:], held[:, :-1], -kept[:, 1:])
    blocks.add(
        recursion[makers.store][:, None, :],
        segment,
        -hours * makers.factor[:, None, :] * makers.per_kwh[:, :, None],
    )
    nowhere = np.zeros(0, dtype=np.int64)
    unmet, short, short_at = nowhere, nowhere, (nowhere, nowhere)
    if elastic:
        unmet = blocks.columns("unmet", stores.demand.shape, 0.0, stores.demand)
        blocks.add(recursion, unmet, -1.0)
        store, slot = np.nonzero(kept_from > low)
        short_at = (store, slot)
        short = blocks.columns("store below least", store.shape, 0.0, (kept_from - low)[short_at])
        blocks.rows(
            "store below least", store.shape, kept_from[short_at], np.inf,
            (1.0, held[short_at]), (1.0, short),
        )  # fmt: skip
    left = blocks.columns("left in store", stores.worth_kwh.shape, 0.0, stores.worth_length)
    rows = blocks.rows("left in store", (len(stores.ids),), low[:, -1], np.inf, (1.0, held[:, -1]))
    blocks.add(rows[:, None], left, -1.0)
    switched, on, start = _add_switches(blocks, problem, segment)
    return ConversionBlock(
        segment=segment,
        switched=switched,
        on=on,
        start=start,
        content=held,
        recursion=recursion,
        unmet=unmet,
        short=short,
        short_at=short_at,
        floor=kept_from,
        left=left,
    )


def _add_switches(blocks: Blocks, problem: Problem, segment: Ints) -> tuple[Ints, Ints, Ints]:
    """``min on <= p <= max on``, ramps between slots in which it runs, ``start >= on - on before``.

    A stop is always possible, and a start goes to the least power at once.
    """
    makers, hours = problem.converters, problem.grid.hours
    needed = (
        (makers.min_kw > 0)
        | (makers.start_kwh > 0)
        | (makers.start_cost > 0)
        | (makers.ramp_kw_per_h * hours.min() < makers.max_kw)
    )
    which = np.flatnonzero(needed)
    shape = (len(which), len(hours))
    on = blocks.columns("converter on", shape, 0.0, 1.0)
    start = blocks.columns("converter start", shape, 0.0, 1.0)
    if not len(which):
        return which, on, start
    least, most = makers.min_kw[which, None], makers.max_kw[which, None]
    before_kw = makers.now_kw[which]
    was_on = before_kw > RUNNING_KW
    power = np.moveaxis(segment[which], 1, 2)
    rows = blocks.rows("converter most", shape, -np.inf, 0.0, (1.0, power))
    blocks.add(rows, on, -most)
    rows = blocks.rows("converter least", shape, 0.0, np.inf, (1.0, power))
    blocks.add(rows, on, -least)
    begun = np.zeros(shape)
    begun[:, 0] = -1.0 * was_on
    rows = blocks.rows("converter start", shape, begun, np.inf, (1.0, start))
    blocks.add(rows, on, -1.0)
    blocks.add(rows[:, 1:], on[:, :-1], 1.0)
    step = makers.ramp_kw_per_h[which, None] * hours
    step = np.minimum(step, most)
    up = step.copy()
    up[:, 0] += before_kw + np.where(was_on, 0.0, least[:, 0])
    up[:, 1:] += least
    rows = blocks.rows("converter ramp up", shape, -np.inf, up, (1.0, power))
    blocks.add(rows[:, 1:, None], power[:, :-1], -1.0)
    blocks.add(rows[:, 1:], on[:, :-1], least)
    down = step + most
    down[:, 0] -= before_kw
    rows = blocks.rows("converter ramp down", shape, -np.inf, down, (-1.0, power))
    blocks.add(rows, on, most)
    blocks.add(rows[:, 1:, None], power[:, :-1], 1.0)
    return which, on, start
