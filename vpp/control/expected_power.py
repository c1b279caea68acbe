"""Power of controlled assets at any recent moment.

From measured history and, between samples, from commands through
dead time and ramp.
"""

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.sight import Sight
from vpp.control.state import Trace
from vpp.domain.arrays import Floats

MOST_TICKS = 64


def remembered(
    trace: tuple[Trace, ...], pool: CompiledPool, sight: Sight, told_kw: Floats, horizon_s: float
) -> tuple[Trace, ...]:
    """The trace with this tick's measurements added, and what was told up to now.

    Args:
        trace: Past ticks, oldest first.
        pool: The pool.
        sight: What this tick sees.
        told_kw: What each asset was told up to the tick before; NaN for nothing.
        horizon_s: How far back a meter may look.
    """
    measured_s = np.where(sight.power.good, sight.power.at_s, -np.inf)
    measured_kw = np.where(sight.power.good, sight.power.values, np.nan)
    if trace:
        last = trace[-1]
        older = measured_s <= last.measured_s  # nothing newer came: the sample before stands
        measured_s = np.where(older, last.measured_s, measured_s)
        measured_kw = np.where(older, last.measured_kw, measured_kw)
        before = expected(trace, pool, np.full(pool.count, sight.now_s))
        now_kw = np.where(np.isnan(told_kw), measured_kw, before)
    else:
        now_kw = np.where(np.isnan(told_kw), measured_kw, told_kw)
    now_kw = np.where(np.isnan(now_kw), measured_kw, now_kw)
    entry = Trace(
        time_s=sight.now_s,
        measured_s=measured_s,
        measured_kw=measured_kw,
        told_kw=np.where(np.isnan(told_kw), measured_kw, told_kw),
        expected_kw=now_kw,
    )
    kept = [t for t in trace if t.time_s >= sight.now_s - horizon_s]
    return (*kept[-MOST_TICKS + 1 :], entry)


def expected(trace: tuple[Trace, ...], pool: CompiledPool, when_s: Floats) -> Floats:
    """Power of each asset at its moment that follows from commands alone, kW, shape (assets,)."""
    times = np.array([t.time_s for t in trace])
    told = np.array([t.told_kw for t in trace])
    power = np.array([t.expected_kw for t in trace])
    every = np.arange(pool.count)
    tick = np.clip(np.searchsorted(times, when_s, side="right") - 1, 0, None)
    acting = np.clip(np.searchsorted(times, when_s - pool.dead_s, side="right") - 1, 0, None)
    from_kw, to_kw = power[tick, every], told[acting, every]
    passed_s = np.maximum(when_s - times[tick], 0.0)
    reach = np.multiply(pool.ramp_kw_s, passed_s, out=np.zeros(pool.count), where=passed_s > 0)
    return np.asarray(from_kw + np.clip(to_kw - from_kw, -reach, reach))


def power_at(trace: tuple[Trace, ...], pool: CompiledPool, when_s: Floats) -> Floats:
    """Power of each asset at its moment, kW, shape (assets,); NaN where it has never been measured.

    The newest sample not after the moment, moved on by what the commands since let expect, and not
    past what they aim at; before a later sample, not past that either.
    """
    sample_s = np.array([t.measured_s for t in trace])
    sample_kw = np.array([t.measured_kw for t in trace])
    every = np.arange(pool.count)
    after = (sample_s <= when_s).sum(axis=0)
    at = np.clip(after - 1, 0, None)
    later = np.minimum(after, len(trace) - 1)
    measured = sample_kw[at, every]
    aim = expected(trace, pool, when_s)
    seen_s = np.where(np.isfinite(sample_s[at, every]), sample_s[at, every], when_s)
    moved = measured + aim - expected(trace, pool, seen_s)
    next_kw = np.where(after < len(trace), sample_kw[later, every], aim)
    held = np.clip(moved, np.minimum(measured, next_kw), np.maximum(measured, next_kw))
    return np.asarray(np.where(np.isnan(held), measured, held))
