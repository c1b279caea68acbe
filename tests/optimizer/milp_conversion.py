"""The dispatch problem with hydrogen and heat a second time, row by row and with binaries.

A converter runs or stands still in every slot; its segments of load are filled one after the other.
"""

import numpy as np

from tests.optimizer.milp import Exact, Row
from vpp.domain.arrays import Floats
from vpp.domain.stores import Substance


class ExactConversion(Exact):
    """Converters and stores beside everything else."""

    def _sun_and_cars(self) -> None:
        super()._sun_and_cars()
        for c in range(len(self.problem.converters.ids)):
            self._converter(c)
        for k in range(len(self.problem.stores.ids)):
            self._store(k)

    def _converter(self, c: int) -> None:
        makers = self.problem.converters
        widths = [w for w in makers.segment_kw[c] if w > 0]
        least, most = makers.min_kw[c], sum(widths)
        before: dict[str, float] = {}
        ran = float(makers.power_kw[c] > 1e-6)
        before_kw, before_on = ran * min(max(makers.power_kw[c], least), most), None
        for t, h in enumerate(self.hours):
            on, start = self.var(f"on{c},{t}", 0, 1, whole=True), self.var(f"start{c},{t}", 0, 1)
            power = {self.var(f"p{c},{q},{t}", 0, w): 1.0 for q, w in enumerate(widths)}
            self.row(power | {on: -most}, -np.inf, 0)
            self.row(power | {on: -least}, 0, np.inf)
            for q, w in enumerate(widths[:-1]):
                full = self.var(f"full{c},{q},{t}", 0, 1, whole=True)
                self.row({f"p{c},{q},{t}": 1, full: -w}, 0, np.inf)
                self.row({f"p{c},{q + 1},{t}": 1, full: -widths[q + 1]}, -np.inf, 0)
            was: Row = {} if before_on is None else {before_on: 1.0}
            known = ran if before_on is None else 0.0
            self.row({start: 1.0, on: -1.0} | was, -known, np.inf)
            if np.isfinite(makers.ramp_kw_per_h[c]):
                step = makers.ramp_kw_per_h[c] * h
                less = {name: -f for name, f in before.items()}
                up = power | less | dict.fromkeys(was, least)
                self.row(up, -np.inf, step + least * (1 - known) + before_kw)
                down = {name: -f for name, f in power.items()} | before | {on: most}
                self.row(down, -np.inf, step + most - before_kw)
            before, before_on, before_kw = power, on, 0.0

    def _store(self, k: int) -> None:
        stores, makers = self.problem.stores, self.problem.converters
        resting = filled = stores.content[k]
        before, decayed, low = None, 1.0, 0.0
        for t, h in enumerate(self.hours):
            kept = (1 - stores.loss_per_h[k]) ** h
            resting, filled = kept * resting, kept * filled
            terms: Row = {}
            for c in np.flatnonzero(makers.store == k):
                wide = makers.segment_kw[c] > 0
                made = h * makers.factor[c, t] * makers.per_kwh[c]
                if (makers.per_kwh[c] >= 0).all():
                    filled += float(made @ makers.segment_kw[c])
                terms |= {f"p{c},{q},{t}": -made[q] for q in np.flatnonzero(wide)}
            decayed *= kept
            low = min(stores.least[k], stores.content[k]) * decayed
            held = self.var(f"H{k},{t}", low, max(stores.capacity[k], resting))
            lack = self.var(f"lack{stores.substance[k]}{k},{t}", 0, stores.demand[k, t])
            terms |= {held: 1.0, lack: -1.0}
            given = -stores.demand[k, t]
            if before is None:
                given += kept * stores.content[k]
            else:
                terms[before] = -kept
            self.row(terms, given, given)
            below = self.var(f"below{stores.substance[k]}{k},{t}", 0, stores.capacity[k])
            floor = min(stores.least[k], max(filled, low))
            self.row({held: 1, below: 1}, floor, np.inf)
            before = held
        ends = {f"H{k},{len(self.hours) - 1}": 1.0}
        for piece, length in enumerate(stores.worth_length[k]):
            ends[self.var(f"left{k},{piece}", 0, length)] = -1.0
        self.row(ends, low, np.inf)

    def _site(self, s: int, t: int) -> tuple[Row, float]:
        terms, load = super()._site(s, t)
        makers = self.problem.converters
        for c in np.flatnonzero(makers.site == s):
            way = -1.0 if makers.gives[c] else 1.0
            terms |= {f"p{c},{q},{t}": way for q in np.flatnonzero(makers.segment_kw[c] > 0)}
        return terms, load

    def _rigid_kw(self, s: int, way: int) -> Floats:
        makers = self.problem.converters
        mine = (makers.site == s) & (makers.gives if way > 0 else ~makers.gives)
        return super()._rigid_kw(s, way) - way * float(makers.segment_kw[mine].sum())

    def _lacking(self) -> dict[str, float]:
        least, edges = dict[str, float](), self.problem.grid.edges_s
        for one in Substance:
            cost = self._named(f"lack{one}")
            least[one] = self.minimise(cost)
            for name in cost:
                begin = edges[int(name.split(",")[1])]
                cost[name] = (edges[-1] - begin) / (edges[-1] - edges[0])
            least[f"{one} early"] = self.minimise(cost)
        return least

    def _below_least(self) -> dict[str, float]:
        least = {}
        for one in Substance:
            cost = self._named(f"below{one}")
            cost = {n: self.hours[int(n.split(",")[1])] for n in cost}
            least[f"below {one}"] = self.minimise(cost)
        return least

    def _named(self, begin: str) -> dict[str, float]:
        return {name: 1.0 for name in self._index if name.startswith(begin)}

    def _from_outside(self) -> dict[str, float]:
        makers, stores, cost = self.problem.converters, self.problem.stores, dict[str, float]()
        for c in range(len(makers.ids)):
            for t, h in enumerate(self.hours):
                cost[f"start{c},{t}"] = makers.start_kwh[c]
                if makers.fuelled[c]:
                    cost |= dict.fromkeys(self._power(c, t), h)
        for k in range(len(stores.ids)):
            cost |= {f"left{k},{p}": -w for p, w in enumerate(stores.worth_kwh[k])}
        return cost

    def _beside(self, imports: Floats, later: float, money: float) -> dict[str, float]:
        makers, stores, cost = self.problem.converters, self.problem.stores, dict[str, float]()
        for c in range(len(makers.ids)):
            for t, h in enumerate(self.hours):
                begun = money * makers.start_cost[c] + imports[t] * makers.start_kwh[c]
                cost[f"start{c},{t}"] = max(begun, 0.0)
                cost |= dict.fromkeys(self._power(c, t), money * makers.fuel_per_kwh[c] * h)
        for k in range(len(stores.ids)):
            for p, w in enumerate(stores.worth_kwh[k]):
                cost[f"left{k},{p}"] = -max(later * w, money * stores.worth_money[k])
        return cost

    def _power(self, c: int, t: int) -> list[str]:
        wide = np.flatnonzero(self.problem.converters.segment_kw[c] > 0)
        return [f"p{c},{q},{t}" for q in wide]
