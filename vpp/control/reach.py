"""What each asset may be told in this tick, and what may stay as it is."""

from dataclasses import dataclass

import numpy as np

from vpp.control import issuing, limits, safety
from vpp.control.safety import Range
from vpp.control.scene import Scene
from vpp.control.sharing import Bounds
from vpp.domain.arrays import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reach:
    """What may be told, and what may stay."""

    rated: Range
    fresh: Range
    """For a new setpoint of full life."""
    keep: Range
    """For a setpoint that runs on."""
    lives_s: Floats
    due: Bools
    """Must be renewed in this tick."""
    nets: Bounds
    """Hard, on the net of each row."""


def reach_of(scene: Scene) -> Reach:
    pool, memory, now_s = scene.pool, scene.standing.memory, scene.sight.now_s
    lives = issuing.life_s(pool, scene.timing)
    due = issuing.refresh_due(pool, scene.timing, now_s - memory.sent_s) & ~memory.unknown
    rated = safety.ratings(pool, scene.sight)
    left = np.where(due, lives, np.clip(memory.expires_s - now_s, 0.0, lives))
    verdict = scene.verdict
    fresh = rated.cut(*_ends(safety.inside_energy(pool, scene.stored, lives)))
    keep = rated.cut(*_ends(safety.inside_energy(pool, scene.stored, left)))
    fresh = fresh.cut(verdict.asset_lo_kw, verdict.asset_hi_kw)
    keep = keep.cut(verdict.asset_lo_kw, verdict.asset_hi_kw)
    age_s = now_s - memory.enabled_s
    fresh = fresh.cut(*_ends(safety.enabling(pool, memory.enabled_kw, age_s)))
    frozen = pool.rows.below(scene.ground.stale)
    fresh = fresh.cut(*_ends(safety.towards_zero(scene.standing.held_kw, frozen)))
    capped = now_s < memory.cap_until_s
    fresh = fresh.cut(
        np.where(capped, memory.cap_lo_kw, -np.inf), np.where(capped, memory.cap_hi_kw, np.inf)
    )
    nets = limits.row_bounds(pool, verdict, scene.inputs.limit_band_kw)
    return Reach(
        rated=rated,
        fresh=fresh,
        keep=keep,
        lives_s=lives,
        due=due,
        nets=nets,
    )


def _ends(of: Range) -> tuple[Floats, Floats]:
    return of.lo_kw, of.hi_kw
