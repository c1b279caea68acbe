"""PV is held back only where a hard export limit would be exceeded otherwise."""

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.domain.arrays import Bools, Floats

RAISE_PART = 0.1
"""Of the peak power, by which a ceiling rises per write once there is room."""
FREE_PART = 0.02
"""Room beyond a limit that is kept while ceilings rise, as a part of the plants."""
SAME_KW = 1e-6


def ceilings(
    pool: CompiledPool,
    able: Bools,
    produced_kw: Floats,
    told_kw: Floats,
    room_kw: Floats,
    due: Bools,
) -> Floats:
    """Largest production of each plant, magnitude, shape (assets,); NaN where it is free.

    Args:
        pool: The pool.
        able: Plants that can be told.
        produced_kw: Measured production, magnitude, 0 for what is no plant.
        told_kw: Ceiling in force, magnitude; NaN for none.
        room_kw: What each row may still export beyond the measured state, after all else is
            decided; negative where it is exceeded.
        due: Plants whose ceiling may rise now.
    """
    expected = np.where(np.isnan(told_kw), produced_kw, np.fmin(produced_kw, told_kw))
    room = room_kw + pool.rows.sums(np.where(able, produced_kw - expected, 0.0))
    ceiling = _cut(pool, able, expected, room, told_kw)
    peak = -pool.least_kw
    held = able & np.isfinite(told_kw) & due & ~(ceiling < told_kw)
    asked = np.where(held, np.minimum(RAISE_PART * peak, np.maximum(peak - told_kw, 0.0)), 0.0)
    kept = FREE_PART * pool.rows.sums(np.where(able, peak, 0.0))
    raised = told_kw + asked * _granted(pool, asked, room - kept)
    return np.where(held, np.where(raised >= peak - SAME_KW, np.nan, raised), ceiling)


def _granted(pool: CompiledPool, asked: Floats, spare: Floats) -> Floats:
    """Part of what each plant asks for with which all together stay inside every row."""
    sums = pool.rows.sums(asked)
    some = sums > SAME_KW
    part = np.where(some, np.clip(spare, 0.0, sums) / np.where(some, sums, 1.0), 1.0)
    return pool.rows.least(part)


def _cut(pool: CompiledPool, able: Bools, expected: Floats, room: Floats, told: Floats) -> Floats:
    """Ceilings after every exceeded row has taken its excess from the plants beneath, pro rata.

    The deepest first.
    """
    left, ceiling, room = np.where(able, expected, 0.0), told.copy(), room.copy()
    exceeded = np.flatnonzero(room < -1e-6)
    for row in sorted(exceeded, key=lambda r: -int(pool.rows.depth[r])):
        if room[row] >= -1e-6:
            continue
        inside = (pool.rows.chain == row).any(axis=0) & able
        total = float(left[inside].sum())
        if total <= 0:
            continue
        less = np.where(inside, left * min(-float(room[row]) / total, 1.0), 0.0)
        left = left - less
        ceiling = np.where(less > 0, left, ceiling)
        room = room + pool.rows.sums(less)
    return ceiling
