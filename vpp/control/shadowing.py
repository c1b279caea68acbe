"""What devices in shadow would be told: the same tick, thought through once more.

It begins from the memory of the real tick, in which what is in shadow counts as under control; each
storage gets the share by hours left that it would have were it ``auto``, the others theirs. Nothing
of it flows back: the real tick is over by then, and knows of no shadow.
"""

from dataclasses import replace

import numpy as np

from vpp.control import deciding, movers
from vpp.control.car_offers import CHANGE_PART
from vpp.control.compiled import CompiledPool
from vpp.control.deciding import Chosen
from vpp.control.inputs import Rehearsed, TickInputs
from vpp.control.reach import Reach, reach_of
from vpp.control.scene import Scene, observe
from vpp.control.state import AssetMemory, ControlState, fitted, overlaid
from vpp.control.tick import concluded
from vpp.domain.arrays import Bools, Floats
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId
from vpp.domain.snapshot import Snapshot


def rehearse(
    real: ControlState, last: Rehearsed[ControlState] | None, inputs: TickInputs
) -> Rehearsed[ControlState] | None:
    """What the pool's devices in shadow would be told in this tick; None where it has none.

    Args:
        real: The state that the real tick began with.
        last: What came of the rehearsal one tick before.
        inputs: Of the real tick.
    """
    pool = inputs.model.compiled
    shadows = _in_shadow(pool, inputs.snapshot)
    if not shadows.any():
        return None
    names = frozenset(pool.assets[at] for at in np.flatnonzero(shadows))
    begun = _begun(fitted(real, pool, inputs.snapshot.now_s), last, pool, names)
    scene = observe(begun, replace(inputs, snapshot=_under_control(inputs.snapshot)))
    reach = reach_of(scene)
    chosen = deciding.decided(scene, reach)
    thought = _levelled(scene, reach, chosen, shadows)
    result = concluded(_arrived(scene, thought, shadows), reach, thought)
    return Rehearsed(
        state=result.state,
        assets=names,
        commands=tuple(one for one in result.commands if one.asset in names),
    )


def _in_shadow(pool: CompiledPool, snapshot: Snapshot) -> Bools:
    states = [snapshot.devices.get(device) for device in pool.devices]
    of_device = [state is not None and state.authority is Authority.SHADOW for state in states]
    by_device: Bools = np.array([*of_device, False], dtype=np.bool_)
    return np.asarray(by_device[pool.device_of])  # the last entry stands for "nobody"


def _under_control(snapshot: Snapshot) -> Snapshot:
    """The same world, but for the devices in shadow, which are ``auto``."""
    devices = {
        name: state._replace(authority=Authority.AUTO)
        if state.authority is Authority.SHADOW
        else state
        for name, state in snapshot.devices.items()
    }
    return replace(snapshot, devices=devices)


def _begun(
    real: ControlState,
    last: Rehearsed[ControlState] | None,
    pool: CompiledPool,
    names: frozenset[AssetId],
) -> ControlState:
    """The real memory; of what was in shadow before, what was thought then.

    What is only thought lands at once: nothing is ever in flight.
    """
    memory, sessions = real.memory, dict(real.sessions)
    if last is not None:
        again = names & last.assets
        before = fitted(last.state, pool, real.last_s)
        where = np.array([asset in again for asset in pool.assets], dtype=np.bool_)
        memory = overlaid(memory, before.memory, where)
        sessions |= {asset: kept for asset, kept in before.sessions.items() if asset in again}
    return replace(real, memory=_landed(memory), sessions=sessions)


def _landed(memory: AssetMemory) -> AssetMemory:
    return replace(memory, before_kw=np.full_like(memory.before_kw, np.nan))


def _levelled(scene: Scene, reach: Reach, chosen: Chosen, shadows: Bools) -> Chosen:
    """Every storage at its share of what the pool wants.

    Who moves first is left to the real tick, in which the others have to make up for the shadows.
    """
    shares = deciding.shared(
        scene, chosen.served.power_kw, chosen.fleet, chosen.bounds, chosen.terms
    )
    power = np.where(chosen.members, shares, chosen.power_kw)
    for at in np.flatnonzero(shadows & chosen.members & ~scene.standing.first):
        power[at] = _told(scene, reach, int(at), float(shares[at]))
    return replace(chosen, power_kw=power)


def _told(scene: Scene, reach: Reach, at: int, share_kw: float) -> float:
    """Its share; what it was told before, while a change is not worth a write."""
    pool, held_kw = scene.pool, float(scene.standing.held_kw[at])
    least_kw = max(float(pool.resolution_kw[at]), CHANGE_PART * float(pool.rating_kw[at]))
    stays = reach.keep.lo_kw[at] <= held_kw <= reach.keep.hi_kw[at]
    turns = np.sign(share_kw) != np.sign(held_kw)
    if stays and not turns and abs(share_kw - held_kw) <= least_kw:
        return held_kw
    lo_kw, hi_kw = float(reach.fresh.lo_kw[at]), float(reach.fresh.hi_kw[at])
    return movers.holdable(share_kw, at, pool, lo_kw, hi_kw)


def _arrived(scene: Scene, thought: Chosen, shadows: Bools) -> Scene:
    """The others are where they would be, so that they are not in the shadows' way."""
    held: Floats = np.where(shadows, scene.standing.held_kw, thought.power_kw)
    return replace(scene, standing=replace(scene.standing, held_kw=held))
