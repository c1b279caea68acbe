"""Time-weighted means per slot, with how much of the slot was really measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from vpp.control.marks import WHY_AWAY, Mark
from vpp.domain.arrays import Bools, Floats, Ints
from vpp.domain.assets import Battery, Pv
from vpp.domain.history import Mean
from vpp.domain.points import Quantity
from vpp.domain.pool_net import pool_net_kw
from vpp.domain.portfolio import Portfolio
from vpp.domain.quality import Quality
from vpp.domain.snapshot import Column, Snapshot

SLOT_S = 900.0
_OF_ASSETS = (Quantity.POWER_KW, Quantity.AVAILABLE_KW, Quantity.SOC)


@dataclass(frozen=True, slots=True)
class _Series:
    subject: str
    quantity: Quantity


class SlotMeans:
    """Of every asset, meter and pool, and the setpoints that batteries hold.

    Slots lie on multiples of their length in UTC.
    """

    def __init__(self, portfolio: Portfolio, *, hold_s: float, step_s: float = SLOT_S) -> None:
        """A value counts from its tick to the next, but no longer than ``hold_s`` city seconds."""
        self._portfolio, self._hold_s, self._step_s = portfolio, hold_s, step_s
        self._series: tuple[_Series, ...] = (
            *(_Series(asset, quantity) for quantity in _OF_ASSETS for asset in portfolio.assets),
            *(_Series(meter, Quantity.POWER_KW) for meter in portfolio.meters),
            *(_Series(pool, Quantity.POWER_KW) for pool in portfolio.pools),
        )
        batteries = [i for i, a in enumerate(portfolio.assets.values()) if isinstance(a, Battery)]
        self._batteries: Ints = np.array(batteries, np.int64)
        ids = tuple(portfolio.assets)
        self._series += tuple(_Series(ids[i], Quantity.SETPOINT_KW) for i in batteries)
        marks = tuple(_marks(portfolio))
        self._mark_at = {mark: at for at, mark in enumerate(marks)}
        measured = len(self._series)
        self._series += tuple(_Series(*mark) for mark in marks)
        self._row = {(one.subject, one.quantity): i for i, one in enumerate(self._series)}
        self._at_end: Bools = np.array([s.quantity is Quantity.SOC for s in self._series])
        self._rare: Bools = np.arange(len(self._series)) >= measured
        self._held = np.full(len(self._series), np.nan)
        self._counted_s = float("inf")
        self._begin(self._counted_s)

    def add(self, snapshot: Snapshot, marks: frozenset[Mark] = frozenset()) -> tuple[Mean, ...]:
        """Take in one tick and what holds at it; the means of the slots that ended since the last.

        Of a mark only what is not 0 is a mean.
        """
        now_s, ended = snapshot.at.timestamp(), list[Mean]()
        if now_s < self._counted_s:  # the first tick, or the clock was set back
            self._begin(now_s)
        hold_until_s = min(now_s, self._counted_s + self._hold_s)
        while now_s >= self._start_s + self._step_s:
            end_s = self._start_s + self._step_s
            self._count(min(hold_until_s, end_s))
            ended.extend(self._means())
            self._begin(end_s)
        self._count(hold_until_s)
        holds = np.zeros(len(self._mark_at))
        holds[[self._mark_at[mark] for mark in marks]] = 1.0
        self._held = np.concatenate([self._values(snapshot), holds])
        self._counted_s = now_s
        return tuple(ended)

    def running(self, subject: str, quantity: Quantity) -> tuple[float, float]:
        """Mean of the slot that runs, as far as it is measured, and for how many seconds that is.

        NaN and 0 where nothing of it is.
        """
        i = self._row[subject, quantity]
        covered_s = float(self._covered_s[i])
        return (float(self._sum[i]) / covered_s if covered_s > 0 else np.nan), covered_s

    def _begin(self, at_s: float) -> None:
        self._start_s = at_s - at_s % self._step_s
        self._counted_s = at_s
        self._sum: Floats = np.zeros(len(self._series))
        self._covered_s: Floats = np.zeros(len(self._series))
        self._newest: Floats = np.full(len(self._series), np.nan)

    def _count(self, until_s: float) -> None:
        """What was measured at the last tick holds up to here."""
        elapsed_s = until_s - self._counted_s
        known = np.isfinite(self._held)
        if elapsed_s <= 0:
            return
        self._sum[known] += self._held[known] * elapsed_s
        self._covered_s[known] += elapsed_s
        self._newest[known] = self._held[known]
        self._counted_s = until_s

    def _means(self) -> Iterator[Mean]:
        start = datetime.fromtimestamp(self._start_s, UTC)
        for i in np.flatnonzero((self._covered_s > 0) & ~(self._rare & (self._sum == 0))):
            mean = self._newest[i] if self._at_end[i] else self._sum[i] / self._covered_s[i]
            yield Mean(
                subject=self._series[i].subject,
                quantity=self._series[i].quantity,
                start=start,
                step_s=self._step_s,
                value=float(mean),
                coverage=min(float(self._covered_s[i] / self._step_s), 1.0),
            )

    def _values(self, snapshot: Snapshot) -> Floats:
        """Good values in the order of the series, NaN for any other."""
        assets, meters = len(snapshot.layout.assets), len(snapshot.layout.meters)
        nets = (pool_net_kw(self._portfolio, pool, snapshot) for pool in self._portfolio.pools)
        return np.concatenate(
            [
                *(_good(snapshot.assets.get(quantity), assets) for quantity in _OF_ASSETS),
                _good(snapshot.meters.get(Quantity.POWER_KW), meters),
                np.array([np.nan if net is None else net for net in nets]),
                _good(snapshot.assets.get(Quantity.SETPOINT_KW), assets)[self._batteries],
            ]
        )


def _marks(portfolio: Portfolio) -> Iterator[Mark]:
    for asset in portfolio.assets.values():
        if isinstance(asset, Pv):
            yield asset.id, Quantity.HELD_BACK
        elif isinstance(asset, Battery):
            yield from ((asset.id, why) for why in WHY_AWAY)
    yield from ((pool, Quantity.LIMITED) for pool in portfolio.pools)


def _good(column: Column | None, count: int) -> Floats:
    if column is None:
        return np.full(count, np.nan)
    return np.where(column.quality == Quality.GOOD, column.values, np.nan)
