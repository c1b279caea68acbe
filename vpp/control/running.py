"""Assets that may not be switched at will: least time on, least time off, starts a day."""

from dataclasses import replace

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.safety import Range
from vpp.control.state import AssetMemory
from vpp.domain.arrays import Bools, Floats, zero_if_nan

ON_KW = 1e-6


def ranges(
    pool: CompiledPool, memory: AssetMemory, held_kw: Floats, now_s: float, exempt: Bools
) -> Range:
    """What each asset may be told without being switched too soon or too often.

    Args:
        pool: The pool.
        memory: When each was switched, and how often today.
        held_kw: What each is held to; running is what is not zero.
        now_s: City monotonic.
        exempt: May stop at once, since a limit above it is exceeded.
    """
    since_s, on = now_s - memory.switched_s, np.abs(held_kw) > ON_KW
    stays = on & (since_s < pool.min_on_s) & ~exempt
    rests = ~on & ((since_s < pool.min_off_s) | (memory.starts >= pool.starts))
    return Range(
        lo_kw=np.where(stays & (held_kw > 0), pool.least_on_kw, np.where(rests, 0.0, -np.inf)),
        hi_kw=np.where(stays & (held_kw < 0), -pool.least_on_kw, np.where(rests, 0.0, np.inf)),
    )


def remembered(memory: AssetMemory, told_kw: Floats, new: Bools, now_s: float) -> AssetMemory:
    """Starts and stops of this tick: powers newly told against those told before."""
    was, is_on = np.abs(zero_if_nan(memory.told_kw)) > ON_KW, np.abs(told_kw) > ON_KW
    return replace(
        memory,
        switched_s=np.where(new & (was != is_on), now_s, memory.switched_s),
        starts=memory.starts + (new & is_on & ~was),
    )
