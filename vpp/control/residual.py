"""The uncontrolled residual of every grid row.

What its meter saw, less what controlled assets took at that same moment.

``u(t_m) = net(t_m) - sum of controlled(t_m)``. Never the newest meter against the newest asset
power: with a dead time and an
old meter that is a limit cycle (section 4 of the design's control page).
"""

from dataclasses import dataclass, replace

import numpy as np

from vpp.control.blind_spots import Rest, widened
from vpp.control.compiled import CompiledPool
from vpp.control.expected_power import Recall
from vpp.control.rows import totals
from vpp.control.sight import Sight
from vpp.control.state import RowMemory
from vpp.domain.arrays import Bools, Floats

LOOKS = 8
"""So many of the newest measurements of a row may be the one that is taken."""
DRIFT_PART_S = 0.02 / 60
"""Of the rated power beneath a row, per second: by how much its residual may move with its age."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What flows without us, as intervals of shape (rows,), kW, positive is import."""

    lo_kw: Floats
    """For limits: unmeasured power at its static worst case."""
    hi_kw: Floats
    surplus_lo_kw: float
    """For the pool's surplus: blind rows left out."""
    surplus_hi_kw: float
    stale: Bools
    """A meter of the row is stale and nothing replaces it: no increase beneath."""
    memory: RowMemory


def aligned(
    pool: CompiledPool, sight: Sight, recall: Recall, controlled: Bools, slack_s: float
) -> tuple[Floats, Floats]:
    """Residual of each row with a good meter, taken at the meter's own time; NaN for the others."""
    rows = pool.rows
    taken = np.zeros(len(rows))
    net_s, net_kw = _settled(pool, sight, recall, controlled, slack_s)
    for row in rows.chain:
        within = (row >= 0) & controlled
        within[within] = sight.net.good[row[within]]
        if within.any():
            when = np.where(within, net_s[row], sight.now_s)
            power = recall.power(when)
            taken += totals(row[within], power[within], len(rows))
    return np.where(sight.net.good, net_kw - taken, np.nan), net_s


def _settled(
    pool: CompiledPool, sight: Sight, recall: Recall, controlled: Bools, slack_s: float
) -> tuple[Floats, Floats]:
    """The newest measurement of each row that no command in flight blurs: its time and value.

    While an asset has not been measured at what it was told, its power after its newest sample is
    a guess, however good the model of its dead time: the wire has delays of its own. So is the
    moment at which it moved between two samples. Where every measurement is blurred, it is the one
    that is least so.
    """
    rows, looks = pool.rows, recall.net_s[-LOOKS:][::-1]
    unsure = recall.unsure(LOOKS)
    unsure = unsure[controlled[unsure]]
    each = np.arange(len(looks))[:, None] * len(rows)
    doubt_kw = np.zeros(looks.shape)
    for row in rows.chain[:, unsure]:
        assets, here = np.tile(unsure[row >= 0], len(looks)), row[row >= 0]
        guessed_kw = recall.doubt_kw(assets, looks[:, here].ravel(), slack_s)
        doubt_kw += totals((here + each).ravel(), guessed_kw, looks.size).reshape(looks.shape)
    rated_kw = rows.sums(np.where(controlled, pool.rating_kw, 0.0))
    drift_kw = DRIFT_PART_S * np.maximum(rated_kw, 1.0) * (sight.now_s - looks)
    at, every = len(recall.times) - 1 - (doubt_kw + drift_kw).argmin(axis=0), np.arange(len(rows))
    return recall.net_s[at, every], recall.net_kw[at, every]


def watched(
    pool: CompiledPool, sight: Sight, memory: RowMemory, freshness_s: float
) -> tuple[RowMemory, Bools]:
    """Which rows have been measured since when, and which are dark."""
    good, now_s = sight.net.good, sight.now_s
    good_since_s = np.where(good, np.minimum(memory.good_since_s, now_s), np.inf)
    good_s = np.where(good, now_s, memory.good_s)
    leaf = pool.metered & ~pool.metered_below
    lost = now_s - good_s > 2 * freshness_s  # quality has let one freshness limit pass already
    recovering = memory.blind & (now_s - good_since_s < freshness_s)
    blind = leaf & (lost | recovering)
    never = np.isnan(memory.residual_kw) & ~good
    memory = replace(memory, good_s=good_s, good_since_s=good_since_s, blind=blind)
    return memory, leaf & (blind | never)


def ground(
    pool: CompiledPool, sight: Sight, memory: RowMemory, measured_kw: Floats, rest: Rest
) -> Ground:
    """The residual of every row as an interval, and the memory that goes with it.

    Args:
        pool: The pool.
        sight: What this tick sees.
        memory: From ``watched``.
        measured_kw: From ``aligned``.
        rest: Uncontrolled assets and forecast bands, for what no meter sees.
    """
    memory = replace(
        memory,
        residual_kw=np.where(np.isfinite(measured_kw), measured_kw, memory.residual_kw),
    )
    lost = pool.metered & ~pool.metered_below & ~sight.net.good
    usable = lost & ~memory.blind & np.isfinite(memory.residual_kw)
    lo, hi = widened(memory, usable, rest, sight.now_s)
    known_lo = np.where(sight.net.good, measured_kw, lo)
    known_hi = np.where(sight.net.good, measured_kw, hi)
    own_lo, own_hi = (
        totals(pool.rows.asset_row, side, len(pool.rows)) for side in (rest.lo_kw, rest.hi_kw)
    )
    out = lost & ~usable
    surplus_lo = pool.rows.gathered(own_lo, np.where(out, 0.0, known_lo))[0]
    surplus_hi = pool.rows.gathered(own_hi, np.where(out, 0.0, known_hi))[0]
    extra_lo = np.where(sight.net.good, pool.rows.sums(rest.fall_kw), 0.0)
    extra_hi = np.where(sight.net.good, pool.rows.sums(rest.rise_kw), 0.0)
    uncertain = pool.rows.gathered(np.zeros(len(pool.rows)), _flags(sight.net.good, lost))
    return Ground(
        lo_kw=pool.rows.gathered(own_lo, known_lo) + extra_lo,
        hi_kw=pool.rows.gathered(own_hi, known_hi) + extra_hi,
        surplus_lo_kw=float(surplus_lo),
        surplus_hi_kw=float(surplus_hi),
        stale=pool.metered & (uncertain > 0),
        memory=memory,
    )


def _flags(good: Bools, lost: Bools) -> Floats:
    return np.where(good, 0.0, np.where(lost, 1.0, np.nan))
