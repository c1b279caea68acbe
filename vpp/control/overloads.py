"""Nodes whose import is over its limit: by how much, since when, and whether that is an alarm."""

from dataclasses import dataclass, replace

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.inputs import Alarm
from vpp.control.movers import DEADBAND_PART
from vpp.control.reach import Reach
from vpp.control.scene import Scene
from vpp.control.state import RowMemory
from vpp.domain.arrays import Bools, Floats
from vpp.domain.network import Layer
from vpp.domain.proposal import Proposal, Rank

METER_PART = 0.005
"""Of the limit: so much a meter of class 0.5 may be wrong there."""
SHORT_KW = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overloads:
    """Arrays of shape (rows,)."""

    over_kw: Floats
    """Import above the limit once all that is told has been followed."""
    since_s: Floats
    """Since when that is more than meters and devices can tell; infinite while it is not."""
    stuck: Bools
    """It would be so whatever was told to what is beneath."""
    alarming: Bools
    awaited: Bools
    """A meter of the row, or an asset beneath, has not spoken yet nor had the time to do so."""

    def remembered(self, memory: RowMemory) -> RowMemory:
        return replace(memory, over_since_s=self.since_s)


def found(scene: Scene, reach: Reach, power_kw: Floats) -> Overloads:
    """Judge every row.

    A limit that nothing beneath can keep is an alarm at once, a power that an operator fixed only
    after the time that devices take to reach it; so is a limit that could be kept and is not.

    Args:
        scene: What the tick stands on.
        reach: What assets may be told.
        power_kw: What they are told, shape (assets,).
    """
    pool, memory, most_kw = scene.pool, scene.ground.memory, reach.nets.most_kw
    steered = scene.standing.controlled & ~pool.pv
    told_kw = np.where(steered, power_kw, 0.0)
    movable = steered & ~scene.standing.memory.unknown
    room_kw = np.where(movable, np.maximum(told_kw - reach.fresh.lo_kw, 0.0), 0.0)
    over_kw = np.maximum(scene.ground.hi_kw + pool.rows.sums(told_kw) - most_kw, 0.0)
    awaited = _awaited(scene)
    over_kw = np.where(awaited, np.minimum(over_kw, _measured(scene, most_kw)), over_kw)
    slack_kw = _slack_kw(pool, most_kw, steered)
    over = over_kw > slack_kw
    stuck = over_kw - pool.rows.sums(room_kw) > slack_kw
    since_s = np.where(over, np.minimum(memory.over_since_s, scene.sight.now_s), np.inf)
    lasts = scene.sight.now_s - since_s > _patience_s(scene, steered)
    at_once = stuck & ~_fixed(scene, reach.limit_kw)
    return Overloads(
        over_kw=over_kw,
        since_s=since_s,
        stuck=stuck,
        alarming=over & (at_once | lasts),
        awaited=awaited,
    )


def alarms(scene: Scene, reach: Reach, overloads: Overloads) -> list[Alarm]:
    return [
        Alarm(
            code="SHORTFALL",
            subject=f"node:{scene.pool.rows.names[row]}",
            text=f"{overloads.over_kw[row]:.1f} kW over {_limit(scene, reach, row)}, and "
            + (
                "nothing beneath is left to move"
                if overloads.stuck[row]
                else "what moves beneath does not bring it back"
            ),
        )
        for row in np.flatnonzero(overloads.alarming).tolist()
    ]


def _slack_kw(pool: CompiledPool, most_kw: Floats, steered: Bools) -> Floats:
    """What a meter at the limit may be wrong by, and what is not worth a move beneath it."""
    band_kw = np.where(pool.battery, DEADBAND_PART * pool.rating_kw, 0.0) + pool.resolution_kw
    wrong_kw = METER_PART * np.where(np.isfinite(most_kw), np.abs(most_kw), 0.0)
    return np.asarray(SHORT_KW + wrong_kw + pool.rows.sums(np.where(steered, band_kw, 0.0)))


def _patience_s(scene: Scene, steered: Bools) -> float:
    """From a limit or residual that is new to the devices' following it."""
    timing = scene.timing
    dead_s = float(scene.pool.dead_s[steered].max(initial=0.0))
    return max(timing.freshness_s, timing.write_interval_s + dead_s + 2 * timing.tick_s)


def _fixed(scene: Scene, limit_kw: Floats) -> Bools:
    """Rows held to a power that somebody wishes, rather than below one."""
    by = scene.verdict
    return np.asarray((by.row_lo_kw == by.row_hi_kw) & (limit_kw == by.row_hi_kw))


def _awaited(scene: Scene) -> Bools:
    """Rows of which a meter, or an asset beneath, has not spoken yet nor had the time to do so.

    One freshness limit. Until then what has not spoken counts at its worst case, and a worst case
    is no overload.
    """
    pool, rows, now_s = scene.pool, scene.ground.memory, scene.sight.now_s
    good, heard = scene.sight.net.good, np.isfinite(rows.residual_kw)
    early = pool.metered & ~heard & (now_s - rows.good_s <= scene.timing.freshness_s)
    waiting = np.where(good, 0.0, np.where(early, 1.0, np.where(heard, 0.0, np.nan)))
    unheard = pool.writable & np.isnan(scene.sight.power.values)
    unheard &= now_s - scene.state.started_s <= scene.timing.freshness_s
    meters = pool.rows.gathered(np.zeros(len(pool.rows)), waiting) > 0
    return np.asarray(meters | (pool.rows.sums(unheard.astype(np.float64)) > 0))


def _measured(scene: Scene, most_kw: Floats) -> Floats:
    """By how much each row's meter itself reads more than it may; 0 where none does."""
    net = scene.sight.net
    return np.maximum(np.where(net.good, net.values, -np.inf) - most_kw, 0.0)


def _limit(scene: Scene, reach: Reach, row: int) -> str:
    most_kw, verdict = float(reach.limit_kw[row]), scene.verdict
    by = verdict.row_owner.get(row)
    if by is not None and most_kw == verdict.row_hi_kw[row]:
        kind = "the power" if verdict.row_lo_kw[row] == verdict.row_hi_kw[row] else _kind(by)
        return f"{kind} of {most_kw:g} kW by {by.owner}'s {by.id} ({by.reason})"
    if row == 0 and most_kw < scene.pool.rows.import_kw[row]:
        return f"the {most_kw:.1f} kW left to it: {scene.inputs.handed.source}"
    own = scene.pool.row_import[row]
    return f"its {own.layer} limit of {most_kw:g} kW ({own.source})"


def _kind(by: Proposal) -> str:
    return f"the {Layer.GRID} limit" if by.rank is Rank.GRID_OPERATOR else "the limit"
