"""Converters by rule: what the stores will be asked for is made of surplus, else as late as can be.

Of two the smaller comes first: it leaves the most to the other. What draws on a store to give power
stands still: without prices nothing says when it is worth it.
"""

import numpy as np

from optimizer.simulated_flows import Fitting
from vpp.domain.arrays import Floats
from vpp.domain.plan_check import RestFlows
from vpp.domain.problem import Problem
from vpp.domain.stores import RUNNING_KW, content_bounds, gained, kept_part


class ConversionRule:
    """Slot after slot: power of the converters, and what of the demand is not served."""

    def __init__(self, problem: Problem, rest: RestFlows) -> None:
        self._problem, self._stores, self._makers = problem, problem.stores, problem.converters
        self._hours = problem.grid.hours
        self._kept = kept_part(self._stores, self._hours)
        self._low, self._high = content_bounds(self._stores, self._hours)
        self._needed, self._wanted = self._ahead()
        self._fitting = [
            Fitting(problem, rest, self._makers.site[[c]]) for c in range(len(self._makers.ids))
        ]
        fills = np.all(self._makers.per_kwh >= 0, axis=1)
        order = np.lexsort((self._makers.max_kw, self._makers.gives))
        self._order = [c for c in order if fills[c]]

    def run(self, site_kw: Floats) -> tuple[Floats, Floats]:
        """Power (C, T) and unmet demand (K, T); adds the power to the sites' net ``site_kw``."""
        makers, stores = self._makers, self._stores
        run, unmet = np.zeros((len(makers.ids), len(self._hours))), np.zeros(stores.demand.shape)
        held, before = stores.content, makers.now_kw
        for slot in range(len(self._hours)):
            left = held * self._kept[:, slot]
            for c in self._order:
                k = makers.store[c]
                kw = self._power(c, slot, float(left[k]), float(before[c]), site_kw[:, slot])
                run[c, slot] = kw
                left[k] += self._gain(c, slot, kw)
                site_kw[makers.site[c], slot] += makers.sign[c] * kw
            served = np.minimum(stores.demand[:, slot], np.maximum(left - self._low[:, slot], 0.0))
            unmet[:, slot] = stores.demand[:, slot] - served
            held, before = left - served, run[:, slot]
        return run, unmet

    def _ahead(self) -> tuple[Floats, Floats]:
        """Content needed at each slot's end, (K, T): with full power afterwards, and with none."""
        stores, makers = self._stores, self._makers
        fills = (makers.per_kwh >= 0).all(axis=1)
        full_kw = np.where(fills, makers.max_kw, 0.0)[:, None] * np.ones(len(self._hours))
        full = gained(stores, makers, full_kw, self._hours)
        needed, wanted = self._low.copy(), self._low.copy()
        for slot in range(len(self._hours) - 1, 0, -1):
            asked, kept = stores.demand[:, slot], np.maximum(self._kept[:, slot], 1e-9)
            least = (needed[:, slot] + asked - full[:, slot]) / kept
            needed[:, slot - 1] = np.maximum(needed[:, slot - 1], least)
            whole = (wanted[:, slot] + asked) / kept
            wanted[:, slot - 1] = np.maximum(wanted[:, slot - 1], whole)
        return needed, np.minimum(wanted, self._high)

    def _power(self, c: int, slot: int, left: float, before: float, site_kw: Floats) -> float:
        makers, k = self._makers, self._makers.store[c]
        asked = float(self._stores.demand[k, slot])
        room = float(self._high[k, slot]) + min(asked, max(left - self._low[k, slot], 0.0)) - left
        must = self._for(c, slot, float(self._needed[k, slot]) + asked - left)
        likes = 0.0
        if not makers.gives[c]:
            surplus = max(-float(site_kw.sum()), 0.0)
            likes = min(self._for(c, slot, float(self._wanted[k, slot]) + asked - left), surplus)
        least, step = float(makers.min_kw[c]), float(makers.ramp_kw_per_h[c] * self._hours[slot])
        most = min(self._for(c, slot, room), (before if before > 0 else least) + step)
        kw = max(must, likes)
        if before > 0 and kw > RUNNING_KW:
            kw = max(kw, before - step)
        if RUNNING_KW < kw < least:
            kw = least if must > RUNNING_KW else 0.0
        kw = min(kw, most)
        wish = np.array([makers.sign[c] * kw])
        kw *= float(self._fitting[c].part(slot, site_kw, wish)[0])
        steep = before > 0 and kw < before - step - RUNNING_KW
        return 0.0 if kw < max(least, RUNNING_KW) or steep else kw

    def _for(self, c: int, slot: int, amount: float) -> float:
        """Power that makes an amount within a slot, at most full power."""
        makers, total = self._makers, 0.0
        per_kw = self._hours[slot] * makers.factor[c, slot] * makers.per_kwh[c]
        for width, makes in zip(makers.segment_kw[c].tolist(), per_kw.tolist(), strict=True):
            if amount <= 0 or makes <= 0:
                break
            part = min(width, amount / makes)
            total, amount = total + part, amount - part * makes
        return total

    def _gain(self, c: int, slot: int, kw: float) -> float:
        makers = self._makers
        per_kw = self._hours[slot] * makers.factor[c, slot] * makers.per_kwh[c]
        before = np.cumsum(makers.segment_kw[c]) - makers.segment_kw[c]
        return float(per_kw @ np.clip(kw - before, 0.0, makers.segment_kw[c]))
