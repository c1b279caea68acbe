"""The heart of control: one pure step from what is known to what is written.

``step(state, inputs)``: observe, decide (cars, then the pool's storages, then who of them moves),
check, issue. The same state and inputs give
the same commands; so a recorded tick can be replayed, also from a state that has been written to
disk between.
"""

from dataclasses import replace

import numpy as np

from vpp.control import (
    curtailment,
    issuing,
    ladder,
    overloads,
    phase_currents,
    reversal,
    running,
    wording,
)
from vpp.control.deciding import Chosen, decided
from vpp.control.final_check import checked
from vpp.control.inputs import Decision, TickInputs, TickResult
from vpp.control.issuing import Orders, Voice
from vpp.control.reach import Reach, reach_of
from vpp.control.requesting import request_of
from vpp.control.scene import Scene, observe
from vpp.control.serving import Served
from vpp.control.state import AssetMemory, ControlState
from vpp.domain.arrays import Bools, Floats, zero_if_nan
from vpp.domain.ladder import Rung

SAME_KW = 1e-6


def step(state: ControlState, inputs: TickInputs) -> TickResult[ControlState]:
    """One tick of one pool.

    Args:
        state: Of the tick before; ``vpp.control.state.start`` gives the first.
        inputs: What is known now.
    """
    scene = observe(state, inputs)
    reach = reach_of(scene)
    return concluded(scene, reach, decided(scene, reach))


def concluded(scene: Scene, reach: Reach, chosen: Chosen) -> TickResult[ControlState]:
    """The last check of what was chosen, and what is told, said and remembered of it."""
    power = checked(scene, reach, chosen)
    orders = _orders(scene, reach, chosen, power)
    return _result(scene, reach, chosen, orders)


def _orders(scene: Scene, reach: Reach, chosen: Chosen, power: Floats) -> Orders:
    pool, stood, memory = scene.pool, scene.standing, scene.standing.memory
    steered = stood.controlled & ~pool.pv
    changed = np.abs(power - stood.held_kw) > np.maximum(pool.resolution_kw / 2, SAME_KW)
    held_back = _ceilings(scene, reach, power)
    cut = pool.pv & stood.controlled & np.isfinite(held_back)
    eased = pool.pv & stood.controlled & np.isnan(held_back) & np.isfinite(memory.told_kw)
    held_back = np.where(cut, held_back, np.where(eased, pool.least_kw, np.nan))
    new_pv = (cut | eased) & ~(
        np.abs(held_back - memory.told_kw) <= np.maximum(pool.resolution_kw, 0.01)
    )
    new = (steered & (changed | stood.first)) | new_pv
    tells = steered | cut
    ending = ~np.isfinite(pool.refresh_s) & (
        memory.expires_s - scene.sight.now_s <= 2 * scene.timing.tick_s
    )
    new |= steered & ending
    refresh = tells & reach.due & ~new & np.isfinite(memory.told_kw) & stood.door
    return Orders(
        power_kw=np.where(steered, power, held_back),
        new=new,
        refresh=refresh & ~_put_off(scene, chosen),
        urgent=chosen.urgent | (cut & (held_back > np.nan_to_num(memory.told_kw, nan=-np.inf))),
        safe=stood.leaving,
    )


def _put_off(scene: Scene, chosen: Chosen) -> Bools:
    """Whose refresh leaves the next write to a move that waits; for as long as writes are apart."""
    timing, memory = scene.timing, scene.standing.memory
    since_s = scene.sight.now_s - memory.sent_s - timing.write_interval_s
    return chosen.moved.waits & ~issuing.refresh_due(scene.pool, timing, since_s)


def _ceilings(scene: Scene, reach: Reach, power: Floats) -> Floats:
    """Ceiling of each plant that is held back, negative; NaN where it is free."""
    pool, stood = scene.pool, scene.standing
    able = stood.controlled & pool.pv
    if not able.any():
        return np.full(pool.count, np.nan)
    steered = np.where(stood.controlled & ~pool.pv, power, 0.0)
    room = scene.ground.lo_kw + pool.rows.sums(steered) - reach.nets.least_kw
    room = np.minimum(room, phase_currents.export_room_kw(pool, scene.currents, steered))
    produced = np.where(able, np.maximum(-zero_if_nan(scene.sight.power.values), 0.0), 0.0)
    return -curtailment.ceilings(pool, able, produced, -stood.memory.told_kw, room, stood.free)


def _result(scene: Scene, reach: Reach, chosen: Chosen, orders: Orders) -> TickResult[ControlState]:
    pool, stood = scene.pool, scene.standing
    memory = _remembering(scene, reach, chosen, orders)
    told = np.where(np.isfinite(memory.told_kw), memory.told_kw, scene.trace[-1].measured_kw)
    fresh = orders.new | orders.safe
    newest = replace(
        scene.trace[-1],
        told_kw=told,
        told_s=np.where(fresh, scene.sight.now_s, scene.trace[-1].told_s),
        left_s=np.where(fresh, np.nan, scene.trace[-1].left_s),
        residual_kw=chosen.residual_kw,
    )
    trace = (*scene.trace[:-1], newest)
    rungs = ladder.rungs(
        pool, Rung.SAFE_STATE if scene.dark[0] else chosen.terms.rung, scene.dark, stood.controlled
    )
    request = request_of(scene, chosen, memory)
    over = overloads.found(scene, reach, orders.power_kw)
    state = replace(
        chosen.state,
        last_s=scene.sight.now_s,
        memory=memory,
        row_memory=over.remembered(scene.ground.memory),
        trace=trace,
        trim_kw=chosen.trim_kw,
        course_kw=chosen.course_kw,
        owed_kws=chosen.moved.owed_kws,
        limits=scene.verdict.limits,
        lapsed=scene.verdict.lapsed,
        sessions=chosen.cars.sessions,
    )
    return TickResult(
        state=state,
        commands=_decisions(scene, reach, chosen, orders),
        wanted_kw=_for_layout(scene, orders),
        decided=frozenset(pool.devices[d] for d in set(pool.device_of[stood.controlled].tolist())),
        reasons=(
            wording.of_pool(pool, _said(scene, reach, chosen), chosen.terms, chosen.store),
            *wording.of_directed(pool, scene.verdict, orders.power_kw, chosen.terms.rung),
            *wording.of_handed(pool, scene.inputs.handed, request, chosen.terms.rung),
            *wording.of_dark(pool, scene.ground.memory.blind),
        ),
        rungs=rungs,
        alarms=wording.alarms(
            scene,
            overloads.alarms(scene, reach, over),
            reach.overruled & ~pool.rows.below(over.awaited),
        ),
        served_kw=chosen.served.net_kw,
        request=request,
        held=scene.stored.held(pool.assets),
    )


def _turning(scene: Scene, reach: Reach, chosen: Chosen) -> Bools:
    """Who is asked for the other direction and cannot be told it yet."""
    towards = np.where(chosen.directed, scene.verdict.asset_wish_kw, -chosen.served.net_kw)
    asked = chosen.members | chosen.directed
    return asked & reversal.turning(scene.pool, reach.one_way, towards)


def _said(scene: Scene, reach: Reach, chosen: Chosen) -> Served:
    """What was decided for the pool; where all it could do is to turn round, in those words."""
    waits = chosen.served.power_kw == 0 and _turning(scene, reach, chosen)[chosen.members].any()
    return replace(chosen.served, binding="turning round") if waits else chosen.served


def _decisions(scene: Scene, reach: Reach, chosen: Chosen, orders: Orders) -> tuple[Decision, ...]:
    pool, now_s = scene.pool, scene.sight.now_s
    return issuing.decisions(
        pool, orders, now_s, reach.lives_s, _voice(scene, reach, chosen, orders)
    )


def _voice(scene: Scene, reach: Reach, chosen: Chosen, orders: Orders) -> Voice:
    pool, directed = scene.pool, scene.verdict.asset_owner
    idles = _turning(scene, reach, chosen) & (orders.power_kw == 0)
    devices = scene.inputs.model.portfolio.devices

    def reason(at: int) -> str:
        if idles[at]:
            return "idle first: its device does not turn round in one write"
        if at in directed:
            return directed[at].reason
        if scene.standing.first[at]:
            return "taken over at its measured power"
        if pool.car[at]:
            return "car: guaranteed minimum, appointment and surplus"
        if pool.pv[at]:
            return "export limit"
        return "limit" if orders.urgent[at] else chosen.served.binding

    return Voice(
        usual="plan" if chosen.terms.plan is not None else "rule",
        owners={at: by.owner for at, by in directed.items()},
        reason=reason,
        safe={
            at: devices[pool.devices[pool.device_of[at]]].safe
            for at in np.flatnonzero(orders.safe).tolist()
        },
    )


def _remembering(scene: Scene, reach: Reach, chosen: Chosen, orders: Orders) -> AssetMemory:
    """What the next tick must know of this one's writes."""
    memory, now_s, stood = scene.standing.memory, scene.sight.now_s, scene.standing
    written = orders.new | orders.refresh | orders.safe
    pending = np.where(np.isfinite(memory.before_kw), memory.before_kw, stood.held_kw)
    further = np.abs(pending - orders.power_kw) >= np.abs(stood.held_kw - orders.power_kw)
    memory = running.remembered(memory, orders.power_kw, orders.new, now_s)
    return replace(
        memory,
        told_kw=np.where(orders.new, orders.power_kw, memory.told_kw),
        before_kw=np.where(orders.new, np.where(further, pending, stood.held_kw), memory.before_kw),
        told_s=np.where(orders.new, now_s, memory.told_s),
        sent_s=np.where(written, now_s, memory.sent_s),
        expires_s=np.where(orders.new | orders.refresh, now_s + reach.lives_s, memory.expires_s),
        writes=memory.writes + written,
        directed=chosen.spoken_for & stood.controlled,
        safe=(memory.safe & ~orders.new) | orders.safe,
        carried_kwh=chosen.cars.carried_kwh,
        fair_kw=chosen.cars.fair_kw,
        share_kw=chosen.cars.shares_kw,
        takes_kw=chosen.cars.takes_kw,
        short_s=chosen.cars.short_s,
    )


def _for_layout(scene: Scene, orders: Orders) -> Floats:
    """What every asset of the snapshot is told or expected to do."""
    pool, layout = scene.pool, scene.inputs.snapshot.layout
    wanted = np.full(len(layout.assets), np.nan)
    own = np.where(scene.standing.controlled & ~pool.pv, orders.power_kw, scene.sight.power.values)
    wanted[[layout.asset_at[asset] for asset in pool.assets]] = own
    return wanted
