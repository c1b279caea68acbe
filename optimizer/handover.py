"""What of a plan the tick gets beside the value curve: costs, bands, corridors, envelopes.

All planners share it: the rule planner hands over the same, without duals.
"""

from collections.abc import Sequence

import numpy as np

from optimizer.model.battery import energy_targets
from optimizer.model.decisions import Decisions
from optimizer.model.sessions import deliverable_kwh
from optimizer.side_goals import side_goals
from optimizer.stages.objectives import export_not_above_import, grid_weights, import_price
from vpp.domain.arrays import Floats
from vpp.domain.curve import SlotCosts
from vpp.domain.order import Order
from vpp.domain.plan import Band, Corridor, Envelope, Schedule, Stock
from vpp.domain.plan_check import flow_bounds, node_flows
from vpp.domain.problem import Problem

RECENT_PART = 0.85
"""Part of the largest unmanaged net of the last 28 days up to which a peak is not defended."""
GRID_PART = 0.6
"""The same in ``grid``, where all months count, not only that of the year's highest."""
MONTH_H = 730.0
UNUSED = 0.75
"""What 1 - load factor usually is without storage."""
PEAK_PART = 0.25
"""Of a peak's weight that each hour above the threshold has: once shaved, it is some hours wide."""
LEAST_PART, LEAST_PEAK_PART = 0.05, 0.25
"""Of the largest net: the least that mean and peak are taken for."""


def schedule(problem: Problem, decisions: Decisions) -> Schedule:
    """Expected power and stored energy: batteries, plants, chargers, then converters; stocks."""
    makers, stores = problem.converters, problem.stores
    fleet, sessions = problem.batteries, problem.sessions
    chargers = tuple(dict.fromkeys(sessions.assets))
    charging = np.zeros((len(chargers), len(problem.grid)))
    np.add.at(charging, [chargers.index(asset) for asset in sessions.assets], decisions.ev)
    converting = makers.sign[:, None] * decisions.run + 0.0
    power = np.concatenate(
        [decisions.charge - decisions.discharge, 0.0 - decisions.used, charging, converting]
    )
    energy = np.full(power.shape, np.nan)
    energy[: len(fleet.ids)] = decisions.energy(problem)
    return Schedule(
        assets=(*fleet.ids, *problem.pv.ids, *chargers, *makers.ids),
        power_kw=power,
        energy_kwh=energy,
        grid_kw=decisions.site_kw(problem).sum(0),
        stocks=tuple(
            Stock(store=store, unit=substance.unit, content=content, served=served)
            for store, substance, content, served in zip(
                stores.ids,
                stores.substance,
                decisions.content(problem),
                stores.demand - decisions.unmet,
                strict=True,
            )
        ),
    )


def bands(problem: Problem, decisions: Decisions) -> tuple[Band, ...]:
    """Ratings and contract limits per limited node; where the plan itself is beyond, up to it."""
    nodes = problem.nodes
    hard_low, hard_high = flow_bounds(problem)
    flow = node_flows(problem, decisions.site_kw(problem))
    high = np.minimum(hard_high, np.maximum(nodes.contract_import_kw, flow))
    low = np.maximum(hard_low, np.minimum(-nodes.contract_export_kw, flow))
    return tuple(
        Band(node=node, lo_kw=low[n], hi_kw=high[n])
        for n, node in enumerate(nodes.ids)
        if np.isfinite(low[n]).any() or np.isfinite(high[n]).any()
    )


def corridors(problem: Problem, decisions: Decisions) -> tuple[Corridor, ...]:
    """Reserve and the way back into the window: service only, no economics."""
    targets, energy = energy_targets(problem), decisions.energy(problem)
    low, high = np.minimum(targets.floor, energy), np.maximum(targets.ceiling, energy)
    return tuple(
        Corridor(asset=asset, lo_kwh=low[b], hi_kwh=high[b])
        for b, asset in enumerate(problem.batteries.ids)
    )


def envelopes(problem: Problem, worth: Sequence[float]) -> tuple[Envelope, ...]:
    """Per session the earliest charging, and the latest that meets its need at the least price.

    Both respect the session's power and its guaranteed part; a need beyond what charger and stay
    can deliver counts as far as it can be met.
    """
    sessions, hours = problem.sessions, problem.grid.hours
    guaranteed = np.cumsum(sessions.guaranteed_kw * hours, axis=1)
    reach = np.cumsum(sessions.max_kw * hours, axis=1)
    need = deliverable_kwh(problem)[:, None]
    latest = np.cumsum(_cheapest_kwh(problem, need), axis=1)
    least = np.minimum(np.maximum(np.maximum(latest, 0.0), guaranteed), reach)
    most = np.maximum(np.minimum(reach, np.maximum(need, guaranteed[:, -1:])), least)
    return tuple(
        Envelope(
            asset=sessions.assets[v],
            appointment=session,
            least_kwh=least[v],
            most_kwh=most[v],
            worth=worth[v],
        )
        for v, session in enumerate(sessions.ids)
    )


def _cheapest_kwh(problem: Problem, need_kwh: Floats) -> Floats:
    """Energy by session and slot: the cheapest slots first, and of equal ones the latest.

    So a car waits for surplus as long as that costs nothing.
    """
    weight = slot_costs(problem).import_weight
    order = np.lexsort((-np.arange(len(weight)), weight))
    most = (problem.sessions.max_kw * problem.grid.hours)[:, order]
    before = np.cumsum(most, axis=1) - most
    found = np.empty_like(most)
    found[:, order] = np.clip(need_kwh - before, 0.0, most)
    return found


def slot_costs(problem: Problem) -> SlotCosts:
    """Import weight 1 in ``local``, money in ``cost``, the weighted sum in ``grid``."""
    goals, slots = problem.goals, len(problem.grid)
    imports, exports, unit = np.ones(slots), np.zeros(slots), "kWh of import"
    side = side_goals(problem)
    ramp, peak = side.ramp_per_kw, side.peak_per_kw
    if goals.order is Order.COST:
        imports = import_price(problem) + problem.prices.fee_per_kwh
        unit = problem.prices.currency
        exports = export_not_above_import(problem)
    elif goals.order is Order.GRID:
        weights = grid_weights(problem)
        imports, unit = weights.import_weight(problem), "weighted sum"
        exports = weights.export_weight(problem)
        ramp = max(ramp, weights.ramp)
        peak = max(peak, load_factor_weight(problem))
    return SlotCosts(
        unit=unit,
        import_weight=imports,
        export_weight=exports,
        flatten=np.full(slots, side.flatten_per_kw2),
        peak_threshold_kw=peak_threshold_kw(problem),
        peak_weight=np.full(slots, peak),
        ramp_weight=np.full(slots, ramp),
    )


def load_factor_weight(problem: Problem) -> float:
    """Weighted sum per kW and hour above the peak threshold in ``grid``, for the load factor.

    The load factor of a month falls by ``mean / peak^2`` for a kW more of peak. It counts by half,
    over what ``1 - load factor`` usually is without storage, in a month as in the hours planned.
    """
    if (lately := problem.lately) is None:
        return 0.0
    mean_kw = max(lately.mean_kw, LEAST_PART * lately.largest_kw)
    peak_kw = float(peak_threshold_kw(problem).max())
    factor = 0.5 * mean_kw / max(peak_kw, LEAST_PEAK_PART * lately.largest_kw) ** 2
    return PEAK_PART * factor / UNUSED * MONTH_H / float(problem.grid.hours.sum())


def peak_threshold_kw(problem: Problem) -> Floats:
    """Above this, import is a peak; the greatest of what is reached, contracted and usual.

    With neither a contract nor 7 days of measurements: none in ``local``, and where the plan may
    charge from the grid the largest net measured so far; before any, the largest foreseen.
    """
    contract = problem.nodes.contract_import_kw[0]
    stated = np.where(np.isfinite(contract), contract, 0.0)
    floor = np.maximum(stated, _reached_kw(problem))
    if problem.lately is not None:
        part = GRID_PART if problem.goals.order is Order.GRID else RECENT_PART
        return np.maximum(floor, part * problem.lately.largest_kw)
    if np.isfinite(contract).all():
        return floor
    if problem.goals.order is Order.LOCAL:
        return np.full(len(problem.grid), np.inf)
    measured = problem.largest_kw
    return np.maximum(floor, float(problem.net_kw.max()) if measured is None else measured)


def _reached_kw(problem: Problem) -> float:
    """What is paid in the running period; where none is billed, what the connection had to carry.

    In ``grid`` every month counts.
    """
    prices = problem.prices
    if prices.peak_per_kw > 0 or problem.goals.order is Order.GRID:
        return prices.peak_paid_kw
    return max(prices.peak_paid_kw, prices.peak_reached_kw)
