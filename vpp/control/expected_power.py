"""Power of controlled assets at any recent moment.

From measured history and, between samples, from commands through
dead time and ramp.
"""

from dataclasses import dataclass

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.sight import Sight
from vpp.control.state import Trace
from vpp.domain.arrays import Floats

MOST_TICKS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recall:
    """The trace side by side: arrays of shape (ticks, assets), times of shape (ticks,)."""

    pool: CompiledPool
    times: Floats
    told_kw: Floats
    expected_kw: Floats
    sample_s: Floats
    sample_kw: Floats
    net_s: Floats
    """Shape (ticks, rows), like the next."""
    net_kw: Floats

    @classmethod
    def of(cls, trace: tuple[Trace, ...], pool: CompiledPool) -> "Recall":
        return cls(
            pool=pool,
            times=np.array([t.time_s for t in trace]),
            told_kw=np.array([t.told_kw for t in trace]),
            expected_kw=np.array([t.expected_kw for t in trace]),
            sample_s=np.array([t.measured_s for t in trace]),
            sample_kw=np.array([t.measured_kw for t in trace]),
            net_s=np.array([t.net_s for t in trace]),
            net_kw=np.array([t.net_kw for t in trace]),
        )

    def expected(self, when_s: Floats) -> Floats:
        """Power of each asset at its moment that follows from commands alone, kW.

        Shape (assets,).
        """
        pool, every = self.pool, np.arange(self.pool.count)
        tick = np.maximum(np.searchsorted(self.times, when_s, side="right") - 1, 0)
        acting = np.maximum(np.searchsorted(self.times, when_s - pool.dead_s, side="right") - 1, 0)
        from_kw, to_kw = self.expected_kw[tick, every], self.told_kw[acting, every]
        passed_s = np.maximum(when_s - self.times[tick], 0.0)
        reach = np.multiply(pool.ramp_kw_s, passed_s, out=np.zeros(pool.count), where=passed_s > 0)
        return np.asarray(from_kw + np.minimum(np.maximum(to_kw - from_kw, -reach), reach))

    def power(self, when_s: Floats) -> Floats:
        """Power of each asset at its moment, kW, shape (assets,).

        NaN where it has never been measured.

        The newest sample not after the moment, moved on by what the commands since let expect, and
        not past what they aim at; before a later sample, not past that either.
        """
        every, ticks = np.arange(self.pool.count), len(self.times)
        after = (self.sample_s <= when_s).sum(axis=0)
        at = np.maximum(after - 1, 0)
        measured, since_s = self.sample_kw[at, every], self.sample_s[at, every]
        aim = self.expected(when_s)
        moved = measured + aim - self.expected(np.where(np.isfinite(since_s), since_s, when_s))
        later = self.sample_kw[np.minimum(after, ticks - 1), every]
        bound = np.where(after < ticks, later, aim)
        held = np.minimum(
            np.maximum(moved, np.minimum(measured, bound)), np.maximum(measured, bound)
        )
        return np.asarray(np.where(np.isnan(held), measured, held))


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
    net_s = np.where(sight.net.good, sight.net.at_s, -np.inf)
    net_kw = np.where(sight.net.good, sight.net.values, np.nan)
    if trace:
        last = trace[-1]
        seen = net_s <= last.net_s
        net_s, net_kw = np.where(seen, last.net_s, net_s), np.where(seen, last.net_kw, net_kw)
        older = measured_s <= last.measured_s  # nothing newer came: the sample before stands
        measured_s = np.where(older, last.measured_s, measured_s)
        measured_kw = np.where(older, last.measured_kw, measured_kw)
        before = Recall.of(trace, pool).expected(np.full(pool.count, sight.now_s))
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
        net_s=net_s,
        net_kw=net_kw,
    )
    kept = [t for t in trace if t.time_s >= sight.now_s - horizon_s]
    return (*kept[-MOST_TICKS + 1 :], entry)
