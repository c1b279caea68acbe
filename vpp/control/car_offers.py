"""What every car is offered, inside every limit, and the memory that goes with it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vpp.control import car_draw, car_turns, cars, lanes, safety
from vpp.control.car_shares import shares
from vpp.control.car_turns import Ask, Line, Room
from vpp.control.cars import Most, Occasion, Wishes
from vpp.control.pool_power import Terms
from vpp.control.reach import Reach
from vpp.control.scene import DAY_S, Scene
from vpp.control.sharing import Bounds, Fleet
from vpp.control.state import SessionMemory
from vpp.domain.arrays import Bools, Floats, zero_if_nan

CHANGE_PART = 0.02
"""Of a car's rating: a smaller change is not worth a write."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cars:
    """Power offered to each car, kW, shape (assets,), and the memory that goes with it."""

    power_kw: Floats
    asked_kw: Floats
    """Before any limit of a node cut it."""
    guaranteed_kw: Floats
    fair_kw: Floats
    """Were any power possible; what is directed where somebody directs: nobody owes that."""
    shares_kw: Floats
    carried_kwh: Floats
    takes_kw: Floats
    short_s: Floats
    sessions: Mapping[str, SessionMemory]


def offers(
    scene: Scene, reach: Reach, terms: Terms, wished: Floats, fleet: Fleet, nets: Bounds
) -> Cars:
    """What every car is offered.

    Args:
        scene: What the tick stands on.
        reach: What each may be told.
        terms: By which values the pool is served.
        wished: What somebody directs, kW, shape (assets,).
        fleet: The storages.
        nets: Least and most net of each row.
    """
    pool, stood = scene.pool, scene.standing
    if not pool.chargers:
        return _none(wished)
    occasion = Occasion(
        at=scene.inputs.snapshot.at,
        now_s=scene.sight.now_s,
        dt_s=scene.dt_s,
        plan=terms.plan,
        late_part=scene.timing.late_part,
    )
    decided = stood.controlled & pool.car
    decided &= np.isnan(scene.verdict.asset_wish_kw) | reach.overruled
    takes_kw, short_s = car_draw.learned(pool, scene.sight, stood)
    wanted = cars.wishes(
        pool,
        decided,
        Most(told_kw=reach.fresh.hi_kw, worth_kw=car_draw.top_kw(pool, takes_kw)),
        scene.inputs.snapshot.sessions,
        scene.state.sessions,
        occasion,
    )
    takes_kw = np.where(wanted.same, takes_kw, np.inf)
    extra = _shares(scene, terms, wanted, wished, fleet)
    ask = _ask(scene, reach, wanted, extra, car_draw.idle(pool, takes_kw))
    all_lanes, room = lanes.lanes_of(pool), _room(scene, wished, fleet, nets)
    hungry = (wanted.most_kw > 0) & ~ask.idle
    fair_kw = car_turns.fair(ask, all_lanes, room)
    line = _line(scene, wanted.same, ~decided | hungry, ask, fair_kw)
    wanted_kw = _wanted(scene, ask, line)
    on = car_turns.chosen(pool, ask, line, all_lanes, room)
    power = car_turns.powers(pool, wanted_kw, on, ask.guaranteed, all_lanes, room)
    asks = ask.able & (ask.guaranteed | (ask.kw >= pool.car_floor_kw) | on)
    return Cars(
        power_kw=power,
        asked_kw=np.where(asks, wanted_kw, 0.0),
        guaranteed_kw=np.where(ask.guaranteed & ask.able, wanted_kw, 0.0),
        fair_kw=np.where(decided, fair_kw, wished),
        shares_kw=extra,
        carried_kwh=line.owed_kwh,
        takes_kw=takes_kw,
        short_s=short_s,
        sessions=wanted.sessions,
    )


def _none(wished: Floats) -> Cars:
    """Where there is no station."""
    nothing, endless = np.zeros_like(wished), np.full_like(wished, np.inf)
    return Cars(
        power_kw=nothing,
        asked_kw=nothing,
        guaranteed_kw=nothing,
        fair_kw=wished,
        shares_kw=nothing,
        carried_kwh=nothing,
        takes_kw=endless,
        short_s=endless,
        sessions={},
    )


def _shares(scene: Scene, terms: Terms, wanted: Wishes, wished: Floats, fleet: Fleet) -> Floats:
    pool, members = scene.pool, fleet.member
    surplus_kw = max(-(scene.ground.surplus_hi_kw + float(wished.sum())), 0.0)
    energy = float(np.where(members, scene.stored.middle_kwh, 0.0).sum())
    slot = terms.grid.index(scene.inputs.snapshot.at) or 0
    eta = float(pool.eta_charge[members].mean() if members.any() else 1.0)
    storage = terms.curve.worth(slot, energy) * eta, float(fleet.hi_kw.sum())
    return shares(wanted, scene.standing.memory, surplus_kw, storage, scene.sight.now_s)


def _ask(scene: Scene, reach: Reach, wanted: Wishes, extra: Floats, idle: Bools) -> Ask:
    """A car that takes less than its station's floor is offered the floor."""
    pool, floor_kw = scene.pool, scene.pool.car_floor_kw
    kw = wanted.least_kw + extra
    kw = np.where(idle, 0.0, np.where(wanted.guaranteed, np.maximum(kw, floor_kw), kw))
    hi_kw = np.maximum(reach.fresh.hi_kw, 0.0)
    able = (wanted.most_kw > 0) | (scene.standing.held_kw > 0)
    able &= scene.standing.controlled & pool.car & (hi_kw >= floor_kw)
    return Ask(
        kw=kw,
        top_kw=np.minimum(np.maximum(wanted.top_kw, floor_kw), hi_kw),
        guaranteed=wanted.guaranteed & ~idle,
        idle=idle & (wanted.most_kw > 0),
        able=able,
        left_kwh=wanted.left_kwh,
        stay_h=wanted.stay_h,
    )


def _line(scene: Scene, same: Bools, hungry: Bools, ask: Ask, fair_kw: Floats) -> Line:
    """Nothing is owed to a car that is full, and nobody pays back what was there for all."""
    pool, stood = scene.pool, scene.standing
    memory, at = stood.memory, scene.inputs.snapshot.at
    told = np.isfinite(memory.told_kw)
    on = pool.car & (zero_if_nan(stood.held_kw) > car_turns.ON_KW)
    missed_kw = np.where(told & ask.able, memory.fair_kw - zero_if_nan(memory.told_kw), 0.0)
    owed = np.where(same, memory.carried_kwh, 0.0) + missed_kw * scene.dt_s / 3600.0
    content = (fair_kw >= ask.kw - car_turns.ON_KW) & (fair_kw >= pool.car_floor_kw)
    owed = np.where(content, np.maximum(owed, 0.0), owed)
    day_left_s = DAY_S - at.timestamp() % DAY_S
    dwell_s = car_turns.dwell_s(pool, memory, on, day_left_s)
    return Line(
        on=on,
        dwells=told & (scene.sight.now_s - memory.switched_s < dwell_s),
        owed_kwh=np.where(hungry, owed, 0.0),
        block_kwh=pool.car_floor_kw * car_turns.DWELL_S / 3600.0 / 2,
    )


def _wanted(scene: Scene, ask: Ask, line: Line) -> Floats:
    """What is owed counted in; what was told before, while a change is not worth a write.

    Where ticks are seldom, writes are too, and each one counts.
    """
    pool, stood = scene.pool, scene.standing
    kw = ask.kw + line.owed_kwh / car_turns.PAY_BACK_H
    kw = np.clip(kw, np.minimum(pool.car_floor_kw, ask.top_kw), ask.top_kw)
    least = np.maximum(pool.resolution_kw, CHANGE_PART * pool.rating_kw)
    held = zero_if_nan(stood.held_kw)
    same = (np.abs(kw - held) <= least) & (held >= pool.car_floor_kw) & (held <= ask.top_kw)
    same &= scene.dt_s < car_turns.DWELL_S
    return np.where(same & line.on & ~stood.first, held, kw)


def _room(scene: Scene, wished: Floats, fleet: Fleet, nets: Bounds) -> Room:
    """What cars may take of each row and phase; no storage is told to give for a phase's sake."""
    pool, stood = scene.pool, scene.standing
    held = zero_if_nan(stood.held_kw)
    storages = pool.rows.sums(np.where(fleet.member, held, 0.0) + wished)
    mine = np.where(stood.controlled & pool.car, held, 0.0)
    ramp_kw = np.maximum(scene.ground.memory.ramp_kw - storages, pool.rows.sums(mine))
    left = safety.room_left(pool, nets, scene.ground, wished)
    help_kw = np.minimum(fleet.lo_kw, 0.0)
    steered = np.where(stood.controlled & ~pool.pv, held, 0.0)
    currents = scene.currents.bounded(pool.phases.sums(steered))
    helped_kw = left.most_kw - pool.rows.sums(help_kw)
    return Room(
        alone=lanes.room_of(pool, left.most_kw, currents, wished),
        helped=lanes.room_of(pool, helped_kw, currents, wished),
        rising=np.concatenate([ramp_kw, np.full(len(pool.phases), np.inf)]),
    )
