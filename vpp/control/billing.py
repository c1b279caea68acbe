"""What of the running billing interval is settled already: the import since it began."""

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.ids import PoolId
from vpp.domain.pool_net import pool_net_kw
from vpp.domain.portfolio import Portfolio
from vpp.domain.snapshot import Snapshot
from vpp.domain.tariff import DemandCharge

USUAL_S = 900.0
"""Interval of a pool whose tariff names none: its contract is read as means of quarter hours."""
HOLD_S = 120.0
"""City seconds for which a measured net counts, if no newer one comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """What of the demand charge is settled already."""

    peak_paid_kw: float = 0.0
    """Highest interval mean of import that is billed now, whatever follows."""
    peak_reached_kw: float = 0.0
    """The same in the last year."""
    interval_s: float = USUAL_S
    """Intervals lie on multiples of their length, counted from 1970 UTC."""
    running_import_kw: float = 0.0
    """Mean import since the running interval began."""
    running_part: float = 0.0
    """Part of it that is past, 0..1; 0 too where nothing of it was measured."""

    def left_kw(self, limit_kw: Floats, edges_s: Floats) -> Floats:
        """A limit on the interval's mean, as one on the slots that are left of it.

        Args:
            limit_kw: Per slot, shape (slots,).
            edges_s: Of the slots, the first of which begins within the running interval.
        """
        end_s = (edges_s[0] // self.interval_s + 1) * self.interval_s
        past = self.running_part
        if past <= 0.0 or past >= 1.0:
            return limit_kw
        left = np.maximum((limit_kw - past * self.running_import_kw) / (1.0 - past), 0.0)
        return np.where(edges_s[1:] <= end_s + 1e-6, left, limit_kw)


@dataclass(slots=True, kw_only=True)
class _Interval:
    start_s: float
    import_kws: float = 0.0
    covered_s: float = 0.0


class RunningImport:
    """Adds up what every pool imports in its running billing interval, tick by tick."""

    def __init__(self, portfolio: Portfolio) -> None:
        self._portfolio = portfolio
        self._held_kw: dict[PoolId, float | None] = {}
        self._running: dict[PoolId, _Interval] = {}
        self._counted_s = float("inf")

    def add(self, snapshot: Snapshot) -> None:
        """What was measured a tick ago held up to now; what was not measured does not count."""
        now_s = snapshot.at.timestamp()
        held_until_s = min(now_s, self._counted_s + HOLD_S)
        for pool in self._portfolio.pools:
            interval = self._interval(pool, snapshot.at)
            held_kw = self._held_kw.get(pool)
            seconds = held_until_s - max(self._counted_s, interval.start_s)
            if held_kw is not None and seconds > 0:
                interval.import_kws += max(held_kw, 0.0) * seconds
                interval.covered_s += seconds
            self._held_kw[pool] = pool_net_kw(self._portfolio, pool, snapshot)
        self._counted_s = now_s

    def billing(self, pool: PoolId, at: datetime, peak_paid_kw: float) -> Billing:
        """Of a pool at an instant of its running interval.

        What of the interval was not measured counts as what was.
        """
        length_s, running = interval_s(self._portfolio, pool, at), self._running.get(pool)
        into_s = at.timestamp() % length_s
        settled = Billing(peak_paid_kw=peak_paid_kw, interval_s=length_s)
        if running is None or running.covered_s <= 0:
            return settled
        if running.start_s != at.timestamp() - into_s:
            return settled
        return replace(
            settled,
            running_import_kw=running.import_kws / running.covered_s,
            running_part=into_s / length_s,
        )

    def _interval(self, pool: PoolId, at: datetime) -> _Interval:
        length_s, running = interval_s(self._portfolio, pool, at), self._running.get(pool)
        start_s = at.timestamp() // length_s * length_s
        if running is None or running.start_s != start_s:
            running = self._running[pool] = _Interval(start_s=start_s)
        return running


def interval_s(portfolio: Portfolio, pool: PoolId, at: datetime) -> float:
    """Length of a pool's billing intervals."""
    demand = _demand(portfolio, pool, at)
    return USUAL_S if demand is None else demand.interval_s


def ratchet_months(portfolio: Portfolio, pool: PoolId, at: datetime) -> frozenset[int]:
    """Months of the last twelve whose peak a pool still pays for, beside the running one."""
    demand = _demand(portfolio, pool, at)
    return frozenset() if demand is None else demand.ratchet_months


def _demand(portfolio: Portfolio, pool: PoolId, at: datetime) -> DemandCharge | None:
    """None where no peak is billed."""
    node = portfolio.nodes[portfolio.pools[pool].node]
    return None if node.tariff is None else portfolio.tariffs[node.tariff].demand_at(at)
