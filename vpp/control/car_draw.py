"""What a car leaves of its offer, so that others get it for as long as it does.

A car that lastingly draws less is offered a little more than it draws, and at least its station's
floor; drawing all of that, it is offered all again. Only what is measured counts: of a station that
nobody hears nothing is learned.
"""

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.sight import Sight
from vpp.control.standing import Standing
from vpp.domain.arrays import Bools, Floats, zero_if_nan

LASTING_S = 60.0
"""So long it must have drawn less, and have been offered what it is offered."""
NEAR_PART = 0.03
"""Of a station's rating: so close to its offer a car draws all of it."""
SPARE_PART = 0.1
"""Of a station's rating, by which a car's offer is above what it draws."""
RETRY_S = 1800.0
"""After so long without its turn a car that drew nothing is believed to be hungry again."""


def near_kw(pool: CompiledPool) -> Floats:
    """How close to a power counts as that power."""
    return np.maximum(NEAR_PART * pool.rating_kw, pool.resolution_kw)


def learned(pool: CompiledPool, sight: Sight, stood: Standing) -> tuple[Floats, Floats]:
    """What each car takes at most, and since when it has drawn less than offered.

    Both of shape (assets,): kW, infinite where nothing is known; city monotonic, infinite where it
    draws all.
    """
    memory, now_s, near = stood.memory, sight.now_s, near_kw(pool)
    offered = zero_if_nan(memory.told_kw)
    heard = stood.controlled & pool.car & sight.power.good & (offered > 0)
    drawn = np.where(heard, sight.power.values, 0.0)
    less = heard & (drawn < offered - near)
    short_s = np.where(less, np.minimum(memory.short_s, now_s), np.inf)
    lasting = less & (now_s - np.maximum(short_s, memory.told_s + pool.dead_s) >= LASTING_S)
    all_of_it = heard & ~less & (drawn > memory.takes_kw + near)
    idle = memory.takes_kw <= near
    tried = idle & ~(offered > 0) & (now_s - memory.switched_s >= RETRY_S)
    takes = np.where(all_of_it | tried, np.inf, memory.takes_kw)
    return np.where(lasting & (drawn < takes - near), np.maximum(drawn, 0.0), takes), short_s


def top_kw(pool: CompiledPool, takes_kw: Floats) -> Floats:
    """Most that each car is worth being offered."""
    return np.maximum(takes_kw + SPARE_PART * pool.rating_kw, pool.car_floor_kw)


def idle(pool: CompiledPool, takes_kw: Floats) -> Bools:
    """Cars that draw nothing of what they are offered: full, or not hungry yet."""
    return takes_kw <= near_kw(pool)
