"""Devices that do not turn round in one write: from charging to discharging only through idle."""

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.safety import Range
from vpp.domain.arrays import Bools, Floats, zero_if_nan

IDLE_KW = 1e-6


def ranges(pool: CompiledPool, held_kw: Floats, before_kw: Floats) -> Range:
    """What each asset may be told without turning round.

    Its own direction or 0, until 0 is what it was told and has been seen to follow.

    Args:
        pool: The pool.
        held_kw: What each is held to; less than half a step of its device is 0 on the wire.
        before_kw: Power that may still flow beside it; NaN where that has been followed.
    """
    idle = ~(np.abs(held_kw) > np.maximum(pool.resolution_kw / 2, IDLE_KW))
    way_kw = np.where(idle, zero_if_nan(before_kw), held_kw)
    return Range(
        lo_kw=np.where(pool.through_idle & (way_kw > 0), 0.0, -np.inf),
        hi_kw=np.where(pool.through_idle & (way_kw < 0), 0.0, np.inf),
    )


def turning(pool: CompiledPool, one_way: Range, towards_kw: Floats) -> Bools:
    """Who is asked for the other direction and cannot be told it yet.

    Args:
        pool: The pool.
        one_way: From ``ranges``.
        towards_kw: What is asked of each.
    """
    against = ((towards_kw < 0) & (one_way.lo_kw == 0)) | ((towards_kw > 0) & (one_way.hi_kw == 0))
    return np.asarray(pool.through_idle & against)
