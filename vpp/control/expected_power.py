"""Power of controlled assets at any recent moment.

From measured history and, between samples, from commands through
dead time and ramp.
"""

from dataclasses import dataclass

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.sight import Sight
from vpp.control.state import Trace
from vpp.domain.arrays import Bools, Floats, Ints

MOST_TICKS = 64
IN_FLIGHT_KW = 0.5
"""An asset measured so close to what it was told has arrived there."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recall:
    """The trace side by side: arrays of shape (ticks, assets), times of shape (ticks,)."""

    pool: CompiledPool
    times: Floats
    told_kw: Floats
    left_s: Floats
    """When what was told by each tick came into force."""
    told_s: Floats
    """When each asset was told that."""
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
            left_s=_in_force_s(trace),
            told_s=np.array([t.told_s for t in trace]),
            expected_kw=np.array([t.expected_kw for t in trace]),
            sample_s=np.array([t.measured_s for t in trace]),
            sample_kw=np.array([t.measured_kw for t in trace]),
            net_s=np.array([t.net_s for t in trace]),
            net_kw=np.array([t.net_kw for t in trace]),
        )

    def in_force(self, when_s: Floats) -> Floats:
        """What each asset's newest command that acts by its moment told it, kW, shape (assets,)."""
        acting = np.maximum((self.left_s <= when_s - self.pool.dead_s).sum(axis=0) - 1, 0)
        return np.asarray(self.told_kw[acting, np.arange(self.pool.count)])

    def expected(self, when_s: Floats) -> Floats:
        """Power of each asset at its moment that follows from commands alone, kW.

        Shape (assets,).
        """
        pool, every = self.pool, np.arange(self.pool.count)
        tick = np.maximum(np.searchsorted(self.times, when_s, side="right") - 1, 0)
        from_kw, to_kw = self.expected_kw[tick, every], self.in_force(when_s)
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

    def unsure(self, looks: int) -> Ints:
        """Assets that have not arrived at what they were told, or moved in the newest samples."""
        lately = self.sample_kw[-looks - 1 :]
        moved_kw = lately.max(axis=0) - lately.min(axis=0)
        away_kw = np.abs(self.told_kw[-1] - lately[-1])
        return np.flatnonzero((moved_kw > IN_FLIGHT_KW) | (away_kw > IN_FLIGHT_KW))

    def doubt_kw(self, assets: Ints, when_s: Floats, slack_s: float) -> Floats:
        """By how much the power of each of these assets at its moment is a guess, kW.

        It is, between two samples that differ, unless a command that lies between them tells the
        moment, give or take the slack; and after the newest sample of an asset that has not arrived
        at what it was told.
        """
        before, after, last = self._around(assets, when_s)
        before_kw, since_s = self.sample_kw[before, assets], self.sample_s[before, assets]
        after_kw = np.where(last, self.told_kw[-1, assets], self.sample_kw[after, assets])
        until_s = np.where(last, np.inf, self.sample_s[after, assets])
        apart_kw = np.abs(after_kw - before_kw)
        dead_s, ramp_kw_s = self.pool.dead_s[assets], self.pool.ramp_kw_s[assets]
        acting = np.maximum((self.left_s[:, assets] <= until_s - dead_s).sum(axis=0) - 1, 0)
        begins_s = self.left_s[acting, assets] + dead_s
        ends_s = begins_s + apart_kw / ramp_kw_s
        told = (begins_s >= since_s) & (ends_s <= until_s) & ~last
        clear = told & ((when_s <= self.told_s[acting, assets]) | (when_s >= ends_s + slack_s))
        guessed = ~clear & (when_s > since_s) & (apart_kw > IN_FLIGHT_KW)
        return np.where(guessed, apart_kw, 0.0)

    def _around(self, assets: Ints, when_s: Floats) -> tuple[Ints, Ints, Bools]:
        """Positions of the samples before and after a moment, and whether there is none after."""
        after = (self.sample_s[:, assets] <= when_s).sum(axis=0)
        last = after == len(self.times)
        return np.maximum(after - 1, 0), np.where(last, after - 1, after), last


def _in_force_s(trace: tuple[Trace, ...]) -> Floats:
    """Shape (ticks, assets); nothing comes into force before what was told earlier has left."""
    left_s = np.array([t.left_s for t in trace])
    times = np.array([t.time_s for t in trace])[:, None]
    return np.asarray(np.maximum.accumulate(np.where(np.isnan(left_s), times, left_s), axis=0))


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
        told_s, left_s = last.told_s, last.left_s
    else:
        told_s, left_s = np.full(pool.count, -np.inf), np.full(pool.count, np.nan)
        now_kw = np.where(np.isnan(told_kw), measured_kw, told_kw)
    now_kw = np.where(np.isnan(now_kw), measured_kw, now_kw)
    entry = Trace(
        time_s=sight.now_s,
        measured_s=measured_s,
        measured_kw=measured_kw,
        told_kw=np.where(np.isnan(told_kw), measured_kw, told_kw),
        told_s=told_s,
        left_s=left_s,
        expected_kw=now_kw,
        net_s=net_s,
        net_kw=net_kw,
    )
    kept = [t for t in trace if t.time_s >= sight.now_s - horizon_s]
    return (*kept[-MOST_TICKS + 1 :], entry)
