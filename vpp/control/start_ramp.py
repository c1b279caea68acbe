"""After a start, and when much comes back at once: power beneath a feeder rises slowly.

What is under control there may together rise by a part of the feeder's rating a minute. Nothing is
ever lowered for it, and a car that plugs in at a station in operation begins none.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.standing import Standing
from vpp.control.state import RowMemory
from vpp.domain.arrays import Bools, Floats, zero_if_nan

MINUTE_S = 60.0


def followed(
    pool: CompiledPool,
    memory: RowMemory,
    stood: Standing,
    now_s: float,
    dt_s: float,
    per_min: float,
) -> RowMemory:
    """The memory with the most that what is controlled in each row may sum up to in this tick.

    A ramp begins anew where assets that could rise by more than one minute's part came under
    control within that minute: a meter, a link or an authority that comes back to many is a start.

    Args:
        pool: The pool.
        memory: Of the tick before.
        stood: Who is under control, and at what power.
        now_s: City monotonic.
        dt_s: Since the tick before.
        per_min: Part of the rating; of the sum of nameplates where no rating is stated. 0: no ramp.
    """
    feeders, none = _feeders(pool), np.full(len(pool.rows), np.inf)
    if per_min <= 0:
        return replace(memory, ramp_kw=none)
    length_s = MINUTE_S / per_min
    entered = stood.first & np.isfinite(stood.memory.enabled_kw)
    if not entered.any() and (now_s - memory.ramp_s >= length_s).all():
        return replace(memory, ramp_kw=none)
    minute_kw = per_min * feeders.rated_kw
    ramp_s = np.where(_begins(pool, stood, entered, now_s, minute_kw), now_s, memory.ramp_s)
    held = np.where(stood.controlled & ~pool.pv, zero_if_nan(stood.held_kw), 0.0)
    held_kw = pool.rows.sums(held)
    joined_kw = pool.rows.sums(np.where(entered, held, 0.0))
    risen_kw = memory.ramp_kw + minute_kw * dt_s / MINUTE_S + joined_kw
    level_kw = np.maximum(np.where(np.isfinite(memory.ramp_kw), risen_kw, held_kw), held_kw)
    level_kw = np.minimum(level_kw, held_kw + np.maximum(minute_kw, feeders.largest_kw))
    runs = feeders.feeds & (now_s - ramp_s < length_s)
    return replace(memory, ramp_s=ramp_s, ramp_kw=np.where(runs, level_kw, np.inf))


def _begins(
    pool: CompiledPool, stood: Standing, entered: Bools, now_s: float, minute_kw: Floats
) -> Bools:
    """Rows with a newcomer beneath which much has come under control within a minute."""
    memory = stood.memory
    young = stood.controlled & ~pool.pv & np.isfinite(memory.enabled_kw)
    young &= now_s - memory.enabled_s < MINUTE_S
    young_kw, now_kw = (pool.rows.sums(np.where(w, pool.rating_kw, 0.0)) for w in (young, entered))
    return (now_kw > 0) & (young_kw > minute_kw)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Feeders:
    """Arrays of shape (rows,)."""

    feeds: Bools
    """Has other nodes beneath it: what shares one connection is no feeder."""
    rated_kw: Floats
    """The sum of nameplates where no rating is stated."""
    largest_kw: Floats
    """Nameplate of the largest asset that a tick could decide: one may always begin."""


@lru_cache(maxsize=64)
def _feeders(pool: CompiledPool) -> _Feeders:
    rows = pool.rows
    feeds = np.zeros(len(rows), dtype=np.bool_)
    feeds[rows.parent[1:]] = True
    feeds[pool.site_row] = False
    stated = np.isfinite(rows.import_kw)
    largest_kw = np.zeros(len(rows))
    for row in rows.chain:
        held = (row >= 0) & pool.writable & ~pool.pv
        np.maximum.at(largest_kw, row[held], pool.rating_kw[held])
    return _Feeders(
        feeds=feeds,
        rated_kw=np.where(stated, rows.import_kw, rows.sums(pool.rating_kw)),
        largest_kw=largest_kw,
    )
