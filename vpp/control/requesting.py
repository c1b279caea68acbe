"""What a pool asks of the nodes above it, after it has decided."""

from collections.abc import Callable

import numpy as np

from vpp.control import limits, pool_power, safety
from vpp.control.allotment import Request
from vpp.control.deciding import Chosen
from vpp.control.inputs import Handed
from vpp.control.scene import Scene
from vpp.control.state import AssetMemory
from vpp.domain.arrays import Bools, Floats


def request_of(scene: Scene, chosen: Chosen, memory: AssetMemory) -> Request:
    """The pool's nets if it were left alone, and what it may be while commands are in flight.

    Args:
        scene: What the tick stands on.
        chosen: What was decided.
        memory: With this tick's commands.
    """
    pool, ground, cars = scene.pool, scene.ground, chosen.cars
    directed = np.where(chosen.directed, chosen.power_kw, 0.0)
    residual_kw = float(ground.lo_kw[0] + ground.hi_kw[0]) / 2 + float(directed.sum())
    fleet = chosen.fleet
    base_kw = residual_kw + float(np.minimum(cars.asked_kw, cars.guaranteed_kw).sum())
    drawn_kw = residual_kw + float(cars.asked_kw.sum())
    steered = scene.standing.controlled & ~pool.pv
    held_back = np.where(scene.standing.controlled & pool.pv, scene.now_kw, 0.0)
    return Request(
        least_kw=residual_kw + float(fleet.lo_kw.sum()),
        base_kw=base_kw,
        want_kw=drawn_kw + _unbound_kw(scene, chosen, directed + cars.asked_kw),
        most_kw=drawn_kw + float(fleet.hi_kw.sum()) - float(np.minimum(held_back, 0.0).sum()),
        worst_lo_kw=float(ground.lo_kw[0]) + _sum(memory, steered, np.fmin, scene.now_kw),
        worst_hi_kw=float(ground.hi_kw[0]) + _sum(memory, steered, np.fmax, scene.now_kw),
    )


def _unbound_kw(scene: Scene, chosen: Chosen, other: Floats) -> float:
    """What the storages would do if no node above bound the pool."""
    if scene.inputs.handed == Handed():
        return chosen.served.power_kw
    pool, terms = scene.pool, chosen.terms
    own = limits.row_bounds(pool, scene.verdict, Handed())
    own = limits.planned_bounds(pool, own, terms.plan, scene.inputs.snapshot.at)
    room = safety.room_left(pool, own, scene.ground, other)
    store = pool_power.store(pool, chosen.members, scene.stored, chosen.fleet, room)
    net_kw = pool_power.certain_net(scene.ground, float(other.sum()))
    return pool_power.serve(net_kw, store, chosen.slot, terms).power_kw


def _sum(
    memory: AssetMemory, steered: Bools, worse: Callable[[Floats, Floats], Floats], now_kw: Floats
) -> float:
    """Of what each asset was told, or may still have from before."""
    told = np.where(np.isfinite(memory.told_kw), memory.told_kw, now_kw)
    return float(np.where(steered, worse(told, memory.before_kw), 0.0).sum())
