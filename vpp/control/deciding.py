"""What the pool wants of each asset: cars, then its storages as one, then who of them moves."""

from dataclasses import dataclass, replace

import numpy as np

from vpp.control import course, ledger, limits, movers, pool_power, safety, sharing
from vpp.control.car_offers import CHANGE_PART, Cars, offers
from vpp.control.compiled import CompiledPool
from vpp.control.counter_moves import Flight
from vpp.control.ledger import Flow
from vpp.control.merit import best_first
from vpp.control.movers import Moved
from vpp.control.pool_power import Terms
from vpp.control.reach import Reach
from vpp.control.scene import Scene
from vpp.control.serving import Served, Slot, Store
from vpp.control.sharing import Bounds
from vpp.control.state import ControlState, Ledger
from vpp.domain.arrays import Bools, Floats, zero_if_nan
from vpp.domain.order import Order


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """Powers as the pool wants them, before the last check."""

    terms: Terms
    served: Served
    slot: Slot
    store: Store
    fleet: sharing.Fleet
    bounds: Bounds
    """On the sum of the storages in each row."""
    members: Bools
    directed: Bools
    spoken_for: Bools
    """Somebody has a say on it, or had one on what it still holds."""
    power_kw: Floats
    urgent: Bools
    cars: Cars
    moved: Moved
    trim_kw: float
    course_kw: float
    residual_kw: float
    state: ControlState
    """With slot and ledger of this tick."""


def decided(scene: Scene, reach: Reach) -> Chosen:
    pool, stood, at = scene.pool, scene.standing, scene.inputs.snapshot.at
    directed = stood.controlled & np.isfinite(scene.verdict.asset_wish_kw) & ~pool.pv
    directed &= ~reach.overruled
    members = stood.controlled & pool.battery & ~directed
    capacity = pool_power.usable_kwh(members, scene.stored)
    terms = Terms.of(scene.inputs.plan, pool, at, capacity)
    wished = np.where(directed, reach.fresh.clip(zero_if_nan(scene.verdict.asset_wish_kw)), 0.0)
    nets = limits.planned_bounds(pool, reach.nets, terms.plan, at)
    fleet = pool_power.fleet(scene, members, reach, terms)
    offered = offers(scene, reach, terms, wished, fleet, nets)
    other = wished + offered.power_kw
    bounds = _room(scene, nets, other, members)
    store = pool_power.store(pool, members, scene.stored, fleet, bounds)
    drawn = _drawn(scene, other, directed)
    net_kw = pool_power.certain_net(scene.ground, drawn)
    residual_kw = (scene.ground.surplus_lo_kw + scene.ground.surplus_hi_kw) / 2
    course_kw = course.learnt(scene, residual_kw)
    flow = Flow(
        net_kw=scene.state.slot.served_kw,
        power_kw=float(scene.now_kw[members].sum()),
        dt_s=scene.dt_s,
    )
    twin = replace(fleet, lo_kw=-fleet.discharge_kw, hi_kw=fleet.charge_kw)
    rule = pool_power.store(pool, members, scene.stored, twin, bounds)
    state = _accounted(scene, terms, flow, rule, capacity)
    seen_kw = net_kw if _seen(scene) else np.nan
    state = replace(state, slot=replace(state.slot, served_kw=seen_kw))
    weight = _side_weight(scene, state.ledger)
    slot = terms.slot(state.slot, at, scene.timing.tick_s, weight)
    by = terms if weight else terms.without_side()
    served = pool_power.serve(course.ahead(net_kw, course_kw), store, slot, by)
    trim = _trim(scene, members)
    want = pool_power.with_trim(served.power_kw, trim, store)
    shares = shared(scene, want, fleet, bounds, terms)
    moved = _moved(scene, reach, want, shares, members, bounds)
    late = _let_go(scene, members) & (moved.waits | ~stood.free)
    return Chosen(
        terms=terms,
        served=served,
        slot=slot,
        store=store,
        fleet=fleet,
        bounds=bounds,
        members=members,
        directed=directed,
        spoken_for=_spoken_for(scene) | late,
        power_kw=np.where(members, moved.power_kw, other),
        urgent=(members & moved.urgent) | (pool.car & (offered.power_kw < stood.held_kw)),
        cars=offered,
        moved=moved,
        trim_kw=trim,
        course_kw=course_kw,
        residual_kw=residual_kw,
        state=state,
    )


def _seen(scene: Scene) -> bool:
    """Whether a net of this pool was ever measured; before that none counts for its slot."""
    residual_kw = scene.ground.memory.residual_kw
    return not scene.pool.metered.any() or bool(np.isfinite(residual_kw).any())


def _side_weight(scene: Scene, booked: Ledger) -> float:
    """Of side goals; only where local use comes first may they cost no more than so much of it."""
    goals, pool = scene.inputs.model.portfolio.goals, scene.pool
    if goals.order is not Order.LOCAL:
        return 1.0
    daily_kwh = 24 * float(pool.rating_kw[pool.battery].sum())
    return ledger.side_weight(booked, goals.allowance, daily_kwh)


def _room(scene: Scene, nets: Bounds, other: Floats, members: Bools) -> Bounds:
    """What the storages may sum up to in each row, the ramp after a start counted."""
    pool, stood = scene.pool, scene.standing
    bounds = safety.room_left(pool, nets, scene.ground, other)
    held = pool.rows.sums(np.where(members, zero_if_nan(stood.held_kw), 0.0))
    ramp = np.maximum(scene.ground.memory.ramp_kw - pool.rows.sums(other), held)
    return replace(bounds, most_kw=np.minimum(bounds.most_kw, ramp))


def _drawn(scene: Scene, other: Floats, directed: Bools) -> float:
    """What cars and directed assets will draw.

    A car at its ceiling takes more, one below it does not.
    """
    pool, stood = scene.pool, scene.standing
    cars_here = stood.controlled & pool.car & ~directed
    at_ceiling = scene.now_kw >= stood.held_kw - np.maximum(
        CHANGE_PART * pool.rating_kw, pool.resolution_kw
    )
    more = np.where(at_ceiling, np.maximum(other - stood.held_kw, 0.0), 0.0)
    draw = np.minimum(scene.now_kw + more, other)
    return float(draw[cars_here].sum() + other[directed].sum())


def _accounted(
    scene: Scene, terms: Terms, flow: Flow, store: Store, capacity: float
) -> ControlState:
    at = scene.inputs.snapshot.at
    return replace(
        scene.state,
        slot=ledger.slot_after(scene.state.slot, terms.grid, at, flow),
        ledger=ledger.booked(scene.state.ledger, flow, store, capacity, at),
    )


def _trim(scene: Scene, members: Bools) -> float:
    pool, memory, newest = scene.pool, scene.standing.memory, scene.trace[-1]
    settled = newest.measured_s > memory.told_s + pool.dead_s + scene.timing.tick_s
    steady = members & np.isnan(memory.before_kw) & ~memory.unknown & ~scene.standing.first
    steady &= settled & (scene.sight.now_s >= memory.cap_until_s)
    short = np.where(steady, memory.told_kw - newest.measured_kw, 0.0)
    age_s = float((scene.sight.now_s - newest.measured_s[steady]).max()) if steady.any() else 0.0
    return pool_power.trimmed(scene.state, pool, steady, short, scene.dt_s, age_s)


def shared(scene: Scene, want: float, fleet: sharing.Fleet, bounds: Bounds, terms: Terms) -> Floats:
    """By merit, then hours left; where exchange inside the pool has a price, sites first."""
    pool, ground = scene.pool, scene.ground
    if want == 0 or not _at_home(scene):
        merit = pool.eta_charge * pool.eta_discharge
        coming = pool_power.coming(terms.plan, scene.inputs.snapshot.at)
        return best_first(want, fleet, pool.rows, bounds, merit, coming)
    own = np.full(len(pool.rows), np.nan)
    own[pool.site_row] = -(ground.lo_kw + ground.hi_kw)[pool.site_row] / 2
    return sharing.own_first(want, fleet, pool.rows, bounds, own)


def _at_home(scene: Scene) -> bool:
    """Whether exchange has a price: a fee, or in ``grid`` CO2, which counts at sites' meters."""
    return scene.pool.fee_per_kwh > 0 or scene.inputs.model.portfolio.goals.order is Order.GRID


def _spoken_for(scene: Scene) -> Bools:
    """Assets that a proposal is about, alone or with all beneath their node."""
    verdict, rows = scene.verdict, scene.pool.rows
    found = rows.below(np.isfinite(verdict.row_lo_kw) & (verdict.row_lo_kw == verdict.row_hi_kw))
    found[list(verdict.asset_owner)] = True
    return found


def _let_go(scene: Scene, members: Bools) -> Bools:
    """Storages that hold what somebody had a say on, who has none any more."""
    return scene.standing.memory.directed & members & ~_spoken_for(scene)


def _eased(pool: CompiledPool, reach: Reach, members: Bools, bounds: Bounds) -> Bounds:
    """A power that the pool is held to is regulated by a few; a limit moves all at once."""
    if reach.nets.least_kw[0] != reach.nets.most_kw[0]:
        return bounds
    least, most = bounds.least_kw.copy(), bounds.most_kw.copy()
    held_kw, around_kw = reach.nets.most_kw[0], reach.around_kw
    band_kw = movers.AT_ONCE * movers.DEADBAND_PART * float(pool.rating_kw[members].sum())
    least[0] -= min(band_kw, max(held_kw - around_kw[0], 0.0))
    most[0] += min(band_kw, max(around_kw[1] - held_kw, 0.0))
    return Bounds(least_kw=least, most_kw=most)


def _moved(
    scene: Scene, reach: Reach, want: float, shares: Floats, members: Bools, bounds: Bounds
) -> Moved:
    stood = scene.standing
    keep = reach.keep
    fleet = movers.Fleet(
        member=members,
        held_kw=np.where(members, stood.held_kw, 0.0),
        share_kw=shares,
        lo_kw=np.where(members, reach.fresh.lo_kw, 0.0),
        hi_kw=np.where(members, reach.fresh.hi_kw, 0.0),
        keep_lo_kw=np.where(members, keep.lo_kw, 0.0),
        keep_hi_kw=np.where(members, keep.hi_kw, 0.0),
        bounds=_eased(scene.pool, reach, members, bounds),
        free=stood.free & ~stood.first,
        waited_s=scene.sight.now_s - stood.memory.told_s,
        let_go=_let_go(scene, members),
        at_home=_at_home(scene),
    )
    flight = Flight(recall=scene.recall, now_s=scene.sight.now_s, tick_s=scene.timing.tick_s)
    return movers.move(want, fleet, scene.pool, flight, scene.state.owed_kws, scene.dt_s)
