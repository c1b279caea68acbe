"""What each asset may be told in this tick, and what may stay as it is."""

from dataclasses import dataclass

import numpy as np

from vpp.control import corridors, issuing, limits, phase_currents, reversal, running, safety
from vpp.control.safety import Range
from vpp.control.scene import Scene
from vpp.control.sharing import Bounds
from vpp.domain.arrays import Bools, Floats, zero_if_nan

TOLERANCE_KW = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reach:
    """What may be told, and what may stay."""

    rated: Range
    physical: Range
    """What ratings, phases and stored energy allow for a full life: nothing is told outside it."""
    one_way: Range
    """What needs no change of direction that its device cannot make at once."""
    fresh: Range
    """For a new setpoint of full life."""
    keep: Range
    """For a setpoint that runs on."""
    lives_s: Floats
    due: Bools
    """Must be renewed in this tick."""
    nets: Bounds
    """Hard, on the net of each row; a power that the pool is held to with its correction."""
    limit_kw: Floats
    """Most net of each row, as it was stated, shape (rows,)."""
    around_kw: tuple[float, float]
    """Least and most net of the pool around a power that is wished of it."""
    overruled: Bools
    """Bounds and wishes on these assets cannot be met inside a row above them."""


def reach_of(scene: Scene) -> Reach:
    pool, memory, now_s = scene.pool, scene.standing.memory, scene.sight.now_s
    lives = issuing.life_s(pool, scene.timing)
    due = issuing.refresh_due(pool, scene.timing, now_s - memory.sent_s) & ~memory.unknown
    rated = safety.ratings(pool, scene.sight)
    left = np.where(due, lives, np.clip(memory.expires_s - now_s, 0.0, lives))
    verdict = scene.verdict
    physical = rated.cut(*_ends(safety.inside_energy(pool, scene.stored, lives)))
    keep = rated.cut(*_ends(safety.inside_energy(pool, scene.stored, left)))
    phases = _ends(_inside_phases(scene))
    physical, keep = physical.cut(*phases), keep.cut(*phases)
    one_way = reversal.ranges(pool, scene.standing.held_kw, memory.before_kw)
    physical = physical.cut(*_ends(one_way))
    frozen = pool.rows.below(scene.ground.stale)
    fresh = physical.cut(*_ends(safety.towards_zero(scene.standing.held_kw, frozen)))
    limit = limits.row_bounds(pool, verdict, scene.inputs.handed)
    around = limits.around_wish(pool, verdict, scene.inputs.handed)
    nets = limits.followed_bounds(limit, around, scene.state.trim_kw)
    fresh = fresh.cut(*_ends(_running(scene, nets)))
    overruled = _overruled(scene, fresh, nets)
    asked = (
        np.where(overruled, -np.inf, verdict.asset_lo_kw),
        np.where(overruled, np.inf, verdict.asset_hi_kw),
    )
    fresh, keep = fresh.cut(*asked), keep.cut(*asked)
    fresh = fresh.cut(*_ends(corridors.ranges(scene, lives)))
    keep = keep.cut(*_ends(corridors.ranges(scene, left, corridors.SLACK_PART)))
    age_s = now_s - memory.enabled_s
    fresh = fresh.cut(*_ends(safety.enabling(pool, memory.enabled_kw, age_s)))
    capped = now_s < memory.cap_until_s
    fresh = fresh.cut(
        np.where(capped, memory.cap_lo_kw, -np.inf), np.where(capped, memory.cap_hi_kw, np.inf)
    )
    return Reach(
        rated=rated,
        physical=physical,
        one_way=one_way,
        fresh=fresh,
        keep=keep,
        lives_s=lives,
        due=due,
        nets=nets,
        limit_kw=limit.most_kw,
        around_kw=around,
        overruled=overruled,
    )


def _inside_phases(scene: Scene) -> Range:
    """Cars that nobody directs take turns inside the phases, so none is bound by itself."""
    steered = scene.standing.controlled & ~scene.pool.pv
    held = zero_if_nan(scene.standing.held_kw)
    found = phase_currents.ranges(scene.pool, held, steered, scene.currents)
    turns = scene.pool.car & np.isnan(scene.verdict.asset_wish_kw)
    return Range(lo_kw=found.lo_kw, hi_kw=np.where(turns, np.inf, found.hi_kw))


def _running(scene: Scene, nets: Bounds) -> Range:
    pool, stood = scene.pool, scene.standing
    held = np.where(stood.controlled & ~pool.pv, zero_if_nan(stood.held_kw), 0.0)
    left = safety.room_left(pool, nets, scene.ground, np.zeros(pool.count))
    sums = pool.rows.sums(held)
    beyond = (sums > left.most_kw + TOLERANCE_KW) | (sums < left.least_kw - TOLERANCE_KW)
    exempt = pool.rows.below(beyond)
    return running.ranges(pool, stood.memory, held, scene.sight.now_s, exempt)


def _ends(of: Range) -> tuple[Floats, Floats]:
    return of.lo_kw, of.hi_kw


def _overruled(scene: Scene, free: Range, nets: Bounds) -> Bools:
    """Assets whose bounds and wishes give way.

    Because a row above them could not be held otherwise.
    """
    pool, verdict = scene.pool, scene.verdict
    named = np.isfinite(verdict.asset_wish_kw) | np.isfinite(verdict.asset_lo_kw)
    named |= np.isfinite(verdict.asset_hi_kw)
    asked = free.cut(verdict.asset_lo_kw, verdict.asset_hi_kw)
    wish = np.isfinite(verdict.asset_wish_kw)
    steered = scene.standing.controlled & ~pool.pv
    least = np.where(wish, asked.clip(zero_if_nan(verdict.asset_wish_kw)), asked.lo_kw)
    most = np.where(wish, least, asked.hi_kw)
    left = safety.room_left(pool, nets, scene.ground, np.zeros(pool.count))
    over = pool.rows.sums(np.where(steered, least, 0.0)) > left.most_kw + TOLERANCE_KW
    under = pool.rows.sums(np.where(steered, most, 0.0)) < left.least_kw - TOLERANCE_KW
    return named & pool.rows.below(over | under)
