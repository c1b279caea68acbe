"""The last check of every power before it is told: interval, budget, range, rows, flight."""

import numpy as np

from vpp.control import safety
from vpp.control.deciding import Chosen
from vpp.control.reach import Reach
from vpp.control.safety import Flight
from vpp.control.scene import Scene
from vpp.domain.arrays import Floats, zero_if_nan


def checked(scene: Scene, reach: Reach, chosen: Chosen) -> Floats:
    """The last check of every power.

    Interval and budget, own range, every row with what is in flight.
    """
    pool, stood, memory = scene.pool, scene.standing, scene.standing.memory
    steered = stood.controlled & ~pool.pv
    held = np.where(steered, zero_if_nan(stood.held_kw), 0.0)
    may = stood.free | stood.first | chosen.urgent
    wanted = np.where(may, chosen.power_kw, held)
    stays = (wanted == held) & (reach.keep.clip(held) == held)
    wanted = np.where(stays, held, reach.fresh.clip(wanted))
    wanted = np.where(steered & ~memory.unknown, wanted, held)
    flight = Flight(
        held_kw=held,
        worst_lo_kw=np.where(steered, np.fmin(held, memory.before_kw), 0.0),
        worst_hi_kw=np.where(steered, np.fmax(held, memory.before_kw), 0.0),
    )
    power = safety.without_overload(
        pool,
        wanted,
        flight,
        scene.ground,
        reach.nets,
        scene.currents.bounded(pool.phases.sums(held)),
    )
    told = steered & ((power != held) | reach.due) & ~memory.unknown
    return _on_sets(scene, np.where(told, reach.physical.clip(power), power), held)


def _on_sets(scene: Scene, power: Floats, held: Floats) -> Floats:
    """A power in a hole of the allowed set falls back to what was held.

    Or to the next allowed one towards zero.
    """
    pool = scene.pool
    power = power.copy()
    for at in np.flatnonzero(pool.gapped & scene.standing.controlled & (power != held)):
        kw = float(power[at])
        if kw not in pool.allowed[at]:
            inner = pool.allowed[at].within(min(kw, 0.0), max(kw, 0.0))
            keeps = float(held[at]) in pool.allowed[at] and abs(held[at]) <= abs(kw)
            power[at] = held[at] if keeps else (inner.nearest(kw) if inner else 0.0)
    return power
