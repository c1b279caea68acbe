"""The dispatch problem a second time: row by row, with binaries that exclude what physics excludes.

Written apart from the planner and solved by another door (scipy), so that a wrong sign or a wrong
relaxation cannot be wrong in both. Only data are shared: the hard bounds of the nodes, the segments
of the terminal value and the weights of the order ``grid``.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import coo_array, csr_array

from optimizer.model.terminal import TerminalValue
from optimizer.stages.objectives import grid_weights
from vpp.domain.arrays import Floats
from vpp.domain.plan_check import flow_bounds
from vpp.domain.problem import Problem

Row = dict[str, float]
BIG = 200.0
SCALE = 1000.0
"""Of costs: HiGHS ends within 1e-6 of the optimum, whatever relative gap is asked."""
KEEN: Any = {"primal_feasibility_tolerance": 1e-10}
MISSED = (1e-8, 1e-6)
"""By how much former optima may be missed: HiGHS keeps rows to 1e-6 and at times calls a program
with tighter caps infeasible."""


class Exact:
    """Variables by name; stages by cap rows."""

    def __init__(self, problem: Problem, terminal: TerminalValue, *, presolve: bool = True) -> None:
        """Presolved, HiGHS now and then takes a point for the best that is not: look twice."""
        self.problem = problem
        self._index: dict[str, int] = {}
        self._low: list[float] = []
        self._high: list[float] = []
        self._whole: list[int] = []
        self._rows: list[tuple[float, float]] = []
        self._entries: list[tuple[int, int, float]] = []
        self._caps: list[int] = []
        self._presolve = presolve
        self._x = np.zeros(0)
        self.hours = problem.grid.hours
        self._storage()
        self._sun_and_cars()
        self._shared()
        self._network()
        self._end(terminal)

    def var(self, name: str, low: float, high: float, *, whole: bool = False) -> str:
        self._index[name] = len(self._low)
        self._low.append(low)
        self._high.append(high)
        self._whole.append(int(whole))
        return name

    def row(self, terms: Mapping[str, float], low: float, high: float) -> None:
        at = len(self._rows)
        self._entries += [(at, self._index[name], factor) for name, factor in terms.items()]
        self._rows.append((low, high))

    def minimise(self, cost: Mapping[str, float]) -> float:
        """The optimum, which every later call keeps (see ``MISSED``)."""
        if not cost:
            return 0.0
        vector, rows = self._vector(cost), self._matrix()
        low, high = np.array(self._rows).T
        said = []
        for missed in MISSED:
            high[self._caps] = [self._rows[i][1] + missed for i in self._caps]
            found = milp(
                vector * SCALE,
                constraints=LinearConstraint(rows, low, high),
                bounds=Bounds(self._low, self._high),
                integrality=np.array(self._whole),
                options={"mip_rel_gap": 0.0, "presolve": self._presolve},
            )
            if found.status == 0:
                self._caps.append(len(self._rows))
                self._x = found.x
                self.row(cost, -np.inf, float(vector @ found.x))
                return float(vector @ found.x)
            said.append(found.message)
        raise AssertionError("; ".join(said))

    def reachable(self) -> float:
        """What the last call's whole numbers reach where former optima are missed by 1e-9 alone.

        A small slack may be worth much to a later stage: ``minimise`` is a bound there.
        """
        whole = np.array(self._whole, dtype=bool)[: len(self._x)]
        low, high = np.array(self._low), np.array(self._high)
        low[whole] = high[whole] = np.round(self._x[whole])
        matrix, optimum = self._matrix().toarray(), np.inf
        least, most = np.array(self._rows).T
        most[self._caps] = np.inf
        for cap in self._caps:
            above, below = np.isfinite(most), np.isfinite(least)
            found = linprog(
                matrix[cap],
                A_ub=np.vstack([matrix[above], -matrix[below]]),
                b_ub=np.concatenate([most[above], -least[below]]),
                bounds=list(zip(low.tolist(), high.tolist(), strict=True)),
                method="highs-ds",
                options=KEEN,
            )
            assert found.status == 0, found.message
            optimum = float(matrix[cap] @ found.x)
            most[cap] = optimum + 1e-9
        return optimum

    def _vector(self, cost: Mapping[str, float]) -> Floats:
        vector = np.zeros(len(self._low))
        for name, factor in cost.items():
            vector[self._index[name]] += factor
        return vector

    def _matrix(self) -> csr_array:
        """Entries of the same place add up."""
        row, column, factor = (np.array(part) for part in zip(*self._entries, strict=True))
        shape = (len(self._rows), len(self._low))
        return coo_array((factor, (row.astype(int), column.astype(int))), shape=shape).tocsr()

    def _storage(self) -> None:
        fleet = self.problem.batteries
        for b in range(len(fleet.ids)):
            reserve = min(max(fleet.reserve_kwh[b], fleet.min_kwh[b]), fleet.max_kwh[b])
            start, passed, before = fleet.energy_kwh[b], 0.0, None
            for t, h in enumerate(self.hours):
                passed += h
                charge = self.var(f"ch{b},{t}", 0, fleet.charge_kw[b])
                discharge = self.var(f"dis{b},{t}", 0, fleet.discharge_kw[b])
                way = self.var(f"way{b},{t}", 0, 1, whole=True)
                self.row({charge: 1, way: -fleet.charge_kw[b]}, -np.inf, 0)
                self.row({discharge: 1, way: fleet.discharge_kw[b]}, -np.inf, fleet.discharge_kw[b])
                energy = self.var(
                    f"E{b},{t}", min(fleet.min_kwh[b], start), max(fleet.max_kwh[b], start)
                )
                terms = {
                    energy: 1.0,
                    charge: -fleet.eta_charge[b] * h,
                    discharge: h / fleet.eta_discharge[b],
                }
                if before is not None:
                    terms[before] = -1.0
                self.row(terms, 0 if before else start, 0 if before else start)
                low = min(reserve, start + fleet.eta_charge[b] * fleet.charge_kw[b] * passed)
                high = max(
                    fleet.max_kwh[b],
                    start - fleet.discharge_kw[b] * passed / fleet.eta_discharge[b],
                )
                self.row({energy: 1, self.var(f"short{b},{t}", 0, BIG): 1}, low, np.inf)
                self.row({energy: 1, self.var(f"over{b},{t}", 0, BIG): -1}, -np.inf, high)
                before = energy

    def _sun_and_cars(self) -> None:
        plants, sessions = self.problem.pv, self.problem.sessions
        for g in range(len(plants.ids)):
            for t, most in enumerate(plants.available_kw[g]):
                self.var(f"u{g},{t}", 0.0 if plants.curtailable[g] else most, most)
        for v in range(len(sessions.ids)):
            terms = {}
            for t, h in enumerate(self.hours):
                terms[
                    self.var(f"ev{v},{t}", sessions.guaranteed_kw[v, t], sessions.max_kw[v, t])
                ] = h
            need = min(sessions.need_kwh[v], float(sessions.max_kw[v] @ self.hours))
            most = max(need, float(sessions.guaranteed_kw[v] @ self.hours))
            self.row(terms, -np.inf, most + 1e-9)
            self.row({**terms, self.var(f"unmet{v}", 0, BIG): 1}, need, np.inf)

    def _shared(self) -> None:
        for rating in self.problem.shared:
            for t in range(len(self.hours)):
                terms: Row = defaultdict(float)
                fixed = 0.0
                for b in rating.batteries:
                    terms[f"ch{b},{t}"], terms[f"dis{b},{t}"] = 1.0, -1.0
                for g in rating.pv:
                    terms[f"u{g},{t}"] = -1.0
                    if not self.problem.pv.curtailable[g]:
                        fixed += self.problem.pv.available_kw[g, t]
                self.row(terms, -max(rating.out_kw, fixed), rating.in_kw)

    def _site(self, s: int, t: int) -> tuple[Row, float]:
        problem, terms = self.problem, dict[str, float]()
        for b in np.flatnonzero(problem.batteries.site == s):
            terms[f"ch{b},{t}"], terms[f"dis{b},{t}"] = 1.0, -1.0
        for g in np.flatnonzero(problem.pv.site == s):
            terms[f"u{g},{t}"] = -1.0
        for v in np.flatnonzero(problem.sessions.site == s):
            terms[f"ev{v},{t}"] = 1.0
        return terms, float(problem.load_kw[s, t])

    def _beneath(self, node: int) -> list[int]:
        """Sites whose way up to the pool's node goes through this one."""
        found = []
        for s in range(len(self.problem.sites)):
            at = int(self.problem.site_node[s])
            while at not in (node, -1):
                at = int(self.problem.nodes.parent[at])
            if at == node:
                found.append(s)
        return found

    def _network(self) -> None:
        nodes = self.problem.nodes
        lower, upper = flow_bounds(self.problem)
        limits = [
            ("rating", 1, nodes.import_kw),
            ("rating", -1, nodes.export_kw),
            ("contract", 1, nodes.contract_import_kw),
            ("contract", -1, nodes.contract_export_kw),
        ]
        if nodes.margin_import_kw.any() or nodes.margin_export_kw.any():
            limits += [("margin", way, self._cap_kw(way)) for way in (1, -1)]
        beneath = [self._beneath(n) for n in range(len(nodes.ids))]
        for t in range(len(self.hours)):
            for n in range(len(nodes.ids)):
                terms, load = dict[str, float](), 0.0
                for s in beneath[n]:
                    part, demand = self._site(s, t)
                    terms |= part
                    load += demand
                flow = self.var(f"F{n},{t}", max(lower[n, t], -BIG), min(upper[n, t], BIG))
                self.row({**terms, flow: -1.0}, -load, -load)
                for kind, way, limit in limits:
                    if np.isfinite(limit[n, t]):
                        over = self.var(f"{kind}{way}{n},{t}", 0, BIG)
                        self.row({flow: way, over: -1.0}, -np.inf, limit[n, t])
            buy = self.var(f"I{t}", 0, BIG)
            sell = self.var(f"X{t}", 0, BIG)
            side = self.var(f"side{t}", 0, 1, whole=True)
            self.row({buy: 1, side: -BIG}, -np.inf, 0)
            self.row({sell: 1, side: BIG}, -np.inf, BIG)
            self.row({buy: 1, sell: -1, f"F0,{t}": -1}, 0, 0)
            if self.problem.prices.fee_per_kwh > 0:
                for s in range(len(self.problem.sites)):
                    terms, load = self._site(s, t)
                    taken = {self.var(f"i{s},{t}", 0, BIG): 1.0}
                    self.row(taken | {name: -f for name, f in terms.items()}, load, np.inf)

    def _cap_kw(self, way: int) -> Floats:
        """A contract less its margin, but never less than what can be reached at all."""
        problem, nodes = self.problem, self.problem.nodes
        contract = nodes.contract_import_kw if way > 0 else nodes.contract_export_kw
        margin = nodes.margin_import_kw if way > 0 else nodes.margin_export_kw
        site = np.stack([self._rigid_kw(s, way) for s in range(len(problem.sites))])
        rigid = np.stack([way * site[self._beneath(n)].sum(0) for n in range(len(nodes.ids))])
        return np.asarray(
            np.minimum(contract, np.maximum(contract - margin, np.maximum(rigid, 0.0)))
        )

    def _rigid_kw(self, s: int, way: int) -> Floats:
        """A site's net with all that can give way doing so, shape (slots,)."""
        problem = self.problem
        fleet, plants, cars = problem.batteries, problem.pv, problem.sessions
        fixed = ~np.array(plants.curtailable, dtype=bool)
        if way > 0:
            net = problem.load_kw[s] + cars.guaranteed_kw[cars.site == s].sum(0)
            net = net - fleet.discharge_kw[fleet.site == s].sum()
            return np.asarray(net - plants.available_kw[plants.site == s].sum(0))
        net = problem.load_kw[s] + cars.max_kw[cars.site == s].sum(0)
        net = net + fleet.charge_kw[fleet.site == s].sum()
        return np.asarray(net - plants.available_kw[(plants.site == s) & fixed].sum(0))

    def _end(self, terminal: TerminalValue) -> None:
        fleet, last = self.problem.batteries, len(self.hours) - 1
        terms, base = dict[str, float](), 0.0
        for b in range(len(fleet.ids)):
            terms[f"E{b},{last}"] = fleet.eta_discharge[b]
            base += fleet.eta_discharge[b] * min(fleet.min_kwh[b], fleet.energy_kwh[b])
        for k, length in enumerate(terminal.length_kwh):
            terms[self.var(f"w{k}", 0, length)] = -1.0
        self.row(terms, base, base)

    def service(self) -> dict[str, float]:
        """Ratings, contracts, cars, reserve: each at its least before the next; kWh, the last one
        kWh h."""
        least = {kind: self.beyond(kind) for kind in ("rating", "contract", "margin")}
        names = list(self._index)
        least["unmet"] = self.minimise({n: 1.0 for n in names if n.startswith("unmet")})
        least |= self._lacking()
        least["reserve"] = self.minimise(
            {n: self.hours[int(n.split(",")[1])] for n in names if n.startswith(("short", "over"))}
        )
        return least | self._below_least()

    def _lacking(self) -> dict[str, float]:
        """Of hydrogen, then of heat."""
        return {}

    def _below_least(self) -> dict[str, float]:
        """Of stores begun below what they are to keep."""
        return {}

    def _beside(self, imports: Floats, later: float, money: float) -> dict[str, float]:
        """Fuel, starts and contents left, at what a kWh of import costs now and later."""
        return {}

    def _from_outside(self) -> dict[str, float]:
        """The same where only what is brought in counts."""
        return {}

    def beyond(self, kind: str) -> float:
        """Least kWh beyond limits of a kind."""
        names = [name for name in self._index if name.startswith(kind)]
        return self.minimise({n: self.hours[int(n.split(",")[1])] for n in names})

    def local(self, terminal: TerminalValue) -> float:
        cost = {f"I{t}": h for t, h in enumerate(self.hours)}
        cost |= self._from_outside()
        return self.minimise(cost | {f"w{k}": -slope for k, slope in enumerate(terminal.slope)})

    def money(self, terminal: TerminalValue, *, clamp: bool) -> float:
        prices, cost = self.problem.prices, dict[str, float]()
        buy = prices.import_per_kwh + self.problem.goals.co2_per_kg * prices.co2_kg_per_kwh
        sell = np.minimum(prices.export_per_kwh, buy) if clamp else prices.export_per_kwh
        for t, h in enumerate(self.hours):
            cost[f"I{t}"], cost[f"X{t}"] = h * buy[t], -h * sell[t]
            if prices.fee_per_kwh > 0:
                for s in range(len(self.problem.sites)):
                    cost[f"i{s},{t}"] = h * prices.fee_per_kwh
        if prices.peak_per_kw > 0:
            cost[self._peak()] = prices.peak_per_kw
        for k, slope in enumerate(terminal.slope):
            cost[f"w{k}"] = -slope * terminal.price
        return self.minimise(cost | self._beside(buy, terminal.price, 1.0))

    def weighted(self, terminal: TerminalValue) -> float:
        """The order ``grid``; its weights are data here."""
        weights, cost = grid_weights(self.problem), dict[str, float]()
        buy, sell = weights.import_weight(self.problem), weights.export_weight(self.problem)
        highest, power = self.var("highest", 0, 5 * BIG), list[Row]()
        cost[highest] = weights.highest
        for t, h in enumerate(self.hours):
            cost[f"I{t}"], cost[f"X{t}"] = h * buy[t], -h * sell[t]
            self.row({highest: 1, f"I{t}": -1}, 0, np.inf)
            power.append({f"I{t}": 1.0, f"X{t}": -1.0})
        for t in range(1, len(power)):
            step = {name: -factor for name, factor in power[t - 1].items()} | power[t]
            ramp = self.var(f"ramp{t}", 0, 5 * BIG)
            cost[ramp] = weights.ramp
            for way in (1.0, -1.0):
                self.row({ramp: 1.0} | {n: way * f for n, f in step.items()}, 0, np.inf)
        mean = max(float(np.average(buy, weights=self.hours)), 0.0)
        for k, slope in enumerate(terminal.slope):
            cost[f"w{k}"] = -mean * slope
        return self.minimise(cost | self._beside(buy, mean, weights.cost))

    def _peak(self) -> str:
        """Minute by minute: the mean of each quarter hour, the first partly measured."""
        prices, edges = self.problem.prices, self.problem.grid.edges_s
        peak = self.var("P", prices.peak_paid_kw, BIG)
        step = prices.billing_interval_s
        first = edges[0] // step * step
        for begin in np.arange(first, edges[-1], step):
            minutes = begin + 30.0 + 60.0 * np.arange(int(step // 60))
            inside = minutes[(minutes > edges[0]) & (minutes < edges[-1])]
            slot = np.searchsorted(edges, inside, side="right") - 1
            past = prices.running_part if begin == first else 0.0
            terms: Row = defaultdict(float)
            for t in slot:
                terms[f"I{t}"] -= (1.0 - past) / len(slot)
            terms[peak] = 1.0
            self.row(terms, past * prices.running_import_kw, np.inf)
        return peak
