"""What the bill counts beside energy at the boundary: the billed peak and local fees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.model.blocks import Blocks
from optimizer.model.injection import Injection
from optimizer.model.network import MARGIN_KW, NetworkBlock
from vpp.domain.arrays import Floats, Ints
from vpp.domain.plan_check import fixed_pv_kw
from vpp.domain.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intervals:
    """Mean import per billing interval: ``weight @ import + realised``."""

    weight: Floats
    """Shape (intervals, slots)."""
    realised_kw: Floats
    """Part of the mean that is past, shape (intervals,)."""

    def peak_kw(self, problem: Problem, imported: Floats) -> float:
        """Highest mean of the period so far and of this import (slots,)."""
        means = self.weight @ imported + self.realised_kw
        return max(problem.prices.peak_paid_kw, float(means.max(initial=0.0)))


def billing_intervals(problem: Problem) -> Intervals:
    """Intervals count from 1970 UTC, as meters do in every zone with whole quarter hours.

    An interval that the horizon covers in part is judged by that part; the running one holds the
    mean so far as a constant.
    """
    prices, edges = problem.prices, problem.grid.edges_s
    step = prices.billing_interval_s
    first, last = int(edges[0] // step), int(np.ceil(edges[-1] / step))
    begin = step * np.arange(first, last)[:, None]
    overlap = np.minimum(begin + step, edges[1:]) - np.maximum(begin, edges[:-1])
    overlap = np.maximum(overlap, 0.0)
    weight = overlap / overlap.sum(1, keepdims=True)
    realised = np.zeros(len(weight))
    realised[0] = prices.running_part * prices.running_import_kw
    weight[0] *= 1.0 - prices.running_part
    rows, where = np.unique(np.column_stack([weight, realised]), axis=0, return_index=True)
    order = np.argsort(where)
    return Intervals(weight=rows[order, :-1], realised_kw=rows[order, -1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChargesBlock:
    """Columns of the billed peak (one, or none) and of site imports (sites, slots; or none)."""

    peak: Ints
    intervals: Intervals | None
    """None where no peak is billed."""
    site_import: Ints

    def fill(self, x: Floats, problem: Problem, site_kw: Floats) -> None:
        net = site_kw.sum(0)
        if self.intervals is not None:
            x[self.peak] = self.intervals.peak_kw(problem, np.maximum(net, 0.0))
        if self.site_import.size:
            x[self.site_import] = np.maximum(site_kw, 0.0)


def add_charges(
    blocks: Blocks,
    problem: Problem,
    network: NetworkBlock,
    injections: Sequence[Injection],
    upper_import_kw: Floats,
) -> ChargesBlock:
    """``P >= mean of import per interval`` if a peak is billed; ``i_s >= net_s`` if a fee is."""
    intervals, peak = None, np.zeros(0, dtype=np.int64)
    if problem.prices.peak_per_kw > 0:
        intervals = billing_intervals(problem)
        paid = problem.prices.peak_paid_kw
        most = intervals.peak_kw(problem, upper_import_kw) + MARGIN_KW
        peak = blocks.columns("billed peak", (1,), paid, most)
        row, slot = np.nonzero(intervals.weight)
        means = blocks.rows(
            "billed mean", intervals.realised_kw.shape, intervals.realised_kw, np.inf
        )
        blocks.add(means, peak, 1.0)
        blocks.add(means[row], network.imported[slot], -intervals.weight[row, slot])
    site_import = np.zeros((0, len(problem.grid)), dtype=np.int64)
    if problem.prices.fee_per_kwh > 0:
        site_import = _add_site_imports(blocks, problem, injections)
    return ChargesBlock(peak=peak, intervals=intervals, site_import=site_import)


def _add_site_imports(blocks: Blocks, problem: Problem, injections: Sequence[Injection]) -> Ints:
    """The export of a site is the slack of its row, so that both at once cannot be stated."""
    demand = problem.load_kw.copy()
    np.subtract.at(demand, problem.pv.site, fixed_pv_kw(problem))
    most = demand.copy()
    fleet, sessions = problem.batteries, problem.sessions
    np.add.at(most, fleet.site, np.broadcast_to(fleet.charge_kw, (most.shape[1], len(fleet.ids))).T)
    np.add.at(most, sessions.site, sessions.max_kw)
    takes = ~problem.converters.gives
    np.add.at(most, problem.converters.site[takes], problem.converters.max_kw[takes, None])
    bound = np.maximum(most, 0.0) + MARGIN_KW
    site_import = blocks.columns("site import", demand.shape, 0.0, bound)
    rows = blocks.rows("site import", demand.shape, demand, np.inf, (1.0, site_import))
    for part in injections:
        blocks.add(rows[part.site, part.slot], part.column, -part.sign)
    return site_import
