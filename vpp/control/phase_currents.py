"""Limits in A per phase: what flows on each phase without us, and what that leaves for assets.

Meters give the magnitude of a current. Its direction is the one with which the three phases add up
to the power that the same node's meter measures; where several fit, the worse one counts.
"""

from itertools import product

import numpy as np

from vpp.control.compiled import PHASE_KV, CompiledPool
from vpp.control.expected_power import Recall
from vpp.control.rows import Currents, totals
from vpp.control.safety import Range
from vpp.control.sight import Sight
from vpp.domain.arrays import Bools, Floats

DIRECTIONS = np.array(list(product((1.0, -1.0), repeat=3)))
FITS_PART = 0.05
"""Of the apparent power, by which directions may miss the measured power and still be believed."""


def left(pool: CompiledPool, sight: Sight, recall: Recall, steered: Bools) -> Currents:
    """What is left after the uncontrolled residual, which is taken at the meter's own time."""
    if not len(pool.phases):
        return Currents(least_a=np.zeros(0), most_a=np.zeros(0))
    low, high = _directed(pool, sight)
    taken = _taken(pool, sight, recall, steered)
    limit = pool.phases.limit_a
    return Currents(least_a=-limit - (low - taken), most_a=limit - (high - taken))


def unmeasured(pool: CompiledPool, sight: Sight) -> Bools:
    """Rows of which no meter tells the currents, and that hold what is steered for it.

    Shape (rows,). A meter that tells nothing at all is another matter.
    """
    found = np.zeros(len(pool.rows), dtype=np.bool_)
    told = sight.phase_a.good.reshape(-1, 3).all(axis=1)
    found[pool.phases.node_row[::3][~told]] = True
    steered = pool.writable & ~pool.pv & (sight.auto | sight.manual)
    heard = sight.net.good | ~pool.metered
    return np.asarray(found & heard & (pool.rows.sums(steered.astype(np.float64)) > 0))


def _directed(pool: CompiledPool, sight: Sight) -> tuple[Floats, Floats]:
    """Least and most current of each phase with its direction; NaN where it is not measured."""
    nodes = pool.phases.node_row[::3]
    net_kw = np.where(sight.net.good, sight.net.values, np.nan)[nodes]
    seen_a = np.where(sight.phase_a.good, np.abs(sight.phase_a.values), np.nan).reshape(-1, 1, 3)
    flows_a = seen_a * DIRECTIONS
    miss_kw = np.abs(flows_a.sum(axis=2) * PHASE_KV - net_kw[:, None])
    slack_kw = FITS_PART * PHASE_KV * seen_a.sum(axis=2)
    fits = ~(miss_kw > miss_kw.min(axis=1, keepdims=True) + slack_kw)[..., None]
    low = np.where(fits, flows_a, np.inf).min(axis=1)
    high = np.where(fits, flows_a, -np.inf).max(axis=1)
    return low.ravel(), high.ravel()


def _taken(pool: CompiledPool, sight: Sight, recall: Recall, steered: Bools) -> Floats:
    """Current of steered assets when each phase was measured."""
    phases = pool.phases
    at_s = np.full(len(pool.rows), np.nan)
    at_s[phases.node_row] = sight.phase_a.at_s
    depth = pool.rows.depth[phases.node_row[phases.member_row]]
    taken = np.zeros(len(phases))
    for level in np.unique(depth):
        row = pool.rows.chain[level]
        when = np.where(row >= 0, at_s[row], np.nan)
        power = recall.power(np.where(np.isfinite(when), when, sight.now_s))
        power = np.where(steered & np.isfinite(power), power, 0.0)
        here = depth == level
        flows = power[phases.member[here]] * phases.a_per_kw[here]
        taken += totals(phases.member_row[here], flows, len(phases))
    return taken


def ranges(pool: CompiledPool, held_kw: Floats, steered: Bools, currents: Currents) -> Range:
    """Range of each asset with which no phase is over its limit, kW, shape (assets,).

    Where there is room each asset may use all of it: ``safety.without_overload`` shares it. Where
    there is none charging stops first, then storages discharge, then cars stop; and for export the
    same the other way round.
    """
    phases = pool.phases
    if not len(phases):
        return Range(lo_kw=np.full(pool.count, -np.inf), hi_kw=np.full(pool.count, np.inf))
    held = np.where(steered, held_kw, 0.0)
    bounds = currents.bounded(phases.sums(held))
    base = np.where(pool.car, np.minimum(pool.guaranteed_kw, np.maximum(held, 0.0)), 0.0)
    down = (base, np.where(pool.battery, pool.least_kw, base), np.minimum(pool.least_kw, 0.0))
    up = (np.zeros(pool.count), np.where(pool.battery, pool.most_kw, 0.0))
    high = _relieved(pool, held, steered, bounds.most_a, down)
    low = -_relieved(pool, -held, steered, -bounds.least_a, tuple(-end for end in up))
    spare_up = _spare(pool, bounds.most_a - phases.sums(high))
    spare_down = _spare(pool, phases.sums(low) - bounds.least_a)
    high, low = high + spare_up, low - spare_down
    return Range(lo_kw=np.minimum(low, high), hi_kw=high)


def _relieved(
    pool: CompiledPool, power: Floats, steered: Bools, most_a: Floats, ends: tuple[Floats, ...]
) -> Floats:
    """Powers after every phase over its limit has taken its excess from those beneath, pro rata.

    Down to the first ends, then down to the second.
    """
    phases, power = pool.phases, power.copy()
    for row in np.flatnonzero(phases.sums(power) > most_a + 1e-6):
        of = phases.member_row == row
        member, per_kw = phases.member[of], phases.a_per_kw[of]
        for end in ends:
            over = float(phases.sums(power)[row] - most_a[row])
            give = np.where(steered, np.maximum(power - end, 0.0), 0.0)[member]
            total = float((give * per_kw).sum())
            if over > 0 and total > 0:
                power[member] -= give * min(over / total, 1.0)
    return power


def _spare(pool: CompiledPool, spare_a: Floats) -> Floats:
    """Power for which each asset alone has room on all of its phases, kW."""
    phases = pool.phases
    room = np.full(pool.count, np.inf)
    np.minimum.at(
        room, phases.member, np.maximum(spare_a[phases.member_row], 0.0) / phases.a_per_kw
    )
    return room


def export_room_kw(pool: CompiledPool, currents: Currents, steered_kw: Floats) -> Floats:
    """What each row may still export by its phases, kW, shape (rows,); negative where exceeded.

    Counted as if the worst phase were all three, so that plants of one phase are cut enough.
    """
    phases, room = pool.phases, np.full(len(pool.rows), np.inf)
    spare_kw = 3 * PHASE_KV * (phases.sums(steered_kw) - currents.least_a)
    np.minimum.at(room, phases.node_row, np.where(np.isnan(spare_kw), np.inf, spare_kw))
    return room
