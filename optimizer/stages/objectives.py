"""What each stage minimises, as cost vectors over the columns of the pool's program."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from optimizer.model.charges import billing_intervals
from optimizer.model.pool import PoolModel
from vpp.domain.arrays import Bools, Floats
from vpp.domain.order import Order
from vpp.domain.problem import Problem
from vpp.domain.stores import Substance

PREFER_USE = 1.0
PREFER_EARLY = 0.02
"""Weights of the last ties: PV rather used or exported than curtailed, stores rather full early."""
TIES = "S4 ties"
LESS_LEFT = "less what stays in store"
"""Said of a value from which the worth of the energy at the horizon's end is taken."""
DAY_S, HOUR_S = 86400.0, 3600.0
POOLED_CO2 = 0.7
"""Part of a kWh less at the pool's boundary that is less at the meters of its sites, too, where CO2
is counted in this order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """One objective of an order."""

    name: str
    unit: str
    cost: Floats
    constant: float = 0.0
    """Part of the value that no column decides."""


def service_stages(model: PoolModel) -> Iterator[Stage]:
    """S0: limits (ratings, contracts, their margins), then service.

    Energy for vehicles, hydrogen, heat, reserve and window.
    """
    hours = model.problem.grid.hours
    for kind in ("rating", "contract", "contract margin"):
        cost = np.zeros(len(model.program.lower))
        for part in model.network.excess:
            if part.kind == kind:
                cost[part.column] = hours[part.slot]
        if cost.any():
            yield Stage(name=f"S0 {kind} excess", unit="kWh", cost=cost)
    cost = np.zeros(len(model.program.lower))
    cost[model.sessions.unmet] = 1.0
    if cost.any():
        yield Stage(name="S0 EV energy unmet", unit="kWh", cost=cost)
    yield from _unmet_stages(model)
    cost = np.zeros(len(model.program.lower))
    cost[model.batteries.short] = hours[model.batteries.short_at[1]]
    cost[model.batteries.over] = hours[model.batteries.over_at[1]]
    if cost.any():
        yield Stage(name="S0 reserve shortfall", unit="kWh h", cost=cost)
    yield from _least_stages(model)


def _unmet_stages(model: PoolModel) -> Iterator[Stage]:
    """One for each substance: a kilogram is not weighed against a kWh. Who comes first is served.

    What cannot be served is as little as can be, and then as late.
    """
    edges_s, unmet = model.problem.grid.edges_s, model.conversion.unmet
    left = (edges_s[-1] - edges_s[:-1]) / (edges_s[-1] - edges_s[0])
    for substance, mine in _by_substance(model):
        for what, weight in (("unmet", np.ones(len(left))), ("unmet early", left)):
            cost = np.zeros(len(model.program.lower))
            cost[unmet[mine]] = weight
            yield Stage(name=f"S0 {substance} {what}", unit=substance.unit, cost=cost)


def _least_stages(model: PoolModel) -> Iterator[Stage]:
    """Of what stores are to keep, one for each substance."""
    store, slot = model.conversion.short_at
    for substance, kept in _by_substance(model):
        mine = kept[store]
        if mine.any():
            cost = np.zeros(len(model.program.lower))
            cost[model.conversion.short[mine]] = model.problem.grid.hours[slot[mine]]
            yield Stage(name=f"S0 {substance} below least", unit=f"{substance.unit} h", cost=cost)


def _by_substance(model: PoolModel) -> Iterator[tuple[Substance, Bools]]:
    held = model.problem.stores.substance
    for substance in Substance:
        if substance in held:
            yield substance, np.array([one is substance for one in held], dtype=bool)


def ordered_stages(model: PoolModel) -> Iterator[Stage]:
    """S1 to S4 in the order that the portfolio names."""
    order = model.problem.goals.order
    if order is Order.LOCAL:
        yield local_stage(model)
        yield cost_stage(model, export=model.problem.prices.export_per_kwh)
    elif order is Order.COST:
        yield cost_stage(model, export=export_not_above_import(model.problem))
        yield local_stage(model)
    else:
        yield grid_stage(model)
        yield local_stage(model)
    yield wear_stage(model)
    if model.change is not None:
        yield change_stage(model)
    yield tie_stage(model)


def local_stage(model: PoolModel) -> Stage:
    """S1: ``sum of h I - value of what is stored at the end`` (formulation 5.3, kappa_b = 1).

    Hydrogen and heat are credited where they are left in store, not where they are made. What a
    fuel gives counts as import: it comes from outside as that does.
    """
    problem, conversion = model.problem, model.conversion
    cost = np.zeros(len(model.program.lower))
    cost[model.network.imported] = problem.grid.hours
    cost[conversion.segment[problem.converters.fuelled]] = problem.grid.hours
    cost[conversion.start] = problem.converters.start_kwh[conversion.switched, None]
    cost[model.terminal.segment] = -model.terminal.value.slope
    cost[conversion.left] = -problem.stores.worth_kwh
    return Stage(name=f"S1 import {LESS_LEFT}", unit="kWh", cost=cost)


def import_price(problem: Problem) -> Floats:
    """Money per imported kWh with its CO2, shape (slots,)."""
    prices = problem.prices
    return np.asarray(prices.import_per_kwh + problem.goals.co2_per_kg * prices.co2_kg_per_kwh)


def export_not_above_import(problem: Problem) -> Floats:
    """Export prices where nothing but money counts: buying and selling at once earns nothing."""
    return np.asarray(np.minimum(problem.prices.export_per_kwh, import_price(problem)))


def cost_stage(model: PoolModel, export: Floats) -> Stage:
    """S2: ``sum of h (pi_imp I - pi_exp X) + peak price P + fees - value of what is left``."""
    problem, prices = model.problem, model.problem.prices
    hours = problem.grid.hours
    cost = np.zeros(len(model.program.lower))
    cost[model.network.imported] = hours * import_price(problem)
    cost[model.network.exported] = -hours * export
    cost[model.charges.peak] = prices.peak_per_kw
    cost[model.charges.site_import] = prices.fee_per_kwh * hours
    cost[model.terminal.segment] = -model.terminal.value.price * model.terminal.value.slope
    _add_conversion(cost, model, import_price(problem), model.terminal.value.price, 1.0)
    return Stage(name=f"S2 cost {LESS_LEFT}", unit=prices.currency, cost=cost)


def _add_conversion(
    cost: Floats, model: PoolModel, imports: Floats, later: float, money: float
) -> None:
    """Fuel, starts and what hydrogen and heat are worth at the end.

    Args:
        cost: To which they are added.
        model: Of the pool.
        imports: What a kWh of import costs in each slot.
        later: What one costs after the horizon.
        money: What a unit of money weighs.
    """
    makers, stores, conversion = model.problem.converters, model.problem.stores, model.conversion
    fuel = money * makers.fuel_per_kwh[:, None] * model.problem.grid.hours
    cost[conversion.segment] = fuel[:, None, :]
    which = conversion.switched
    begun = money * makers.start_cost[which, None] + makers.start_kwh[which, None] * imports
    cost[conversion.start] = np.maximum(begun, 0.0)
    cost[conversion.left] = -np.maximum(
        later * stores.worth_kwh, money * stores.worth_money[:, None]
    )


def wear_stage(model: PoolModel) -> Stage:
    """S3: ``sum of w h (ch + dis) / 2``; w is at least 1 % of the largest, so that ties end."""
    wear = model.problem.batteries.wear_per_kwh
    largest = float(wear.max(initial=0.0)) or 1.0
    weight = np.maximum(wear, 0.01 * largest)[:, None] * model.problem.grid.hours / 2.0
    cost = np.zeros(len(model.program.lower))
    cost[model.batteries.charge] = cost[model.batteries.discharge] = weight
    return Stage(name="S3 wear", unit=model.problem.prices.currency, cost=cost)


def change_stage(model: PoolModel) -> Stage:
    """S4: least change from the last schedule."""
    cost = np.zeros(len(model.program.lower))
    if model.change is not None:
        cost[model.change.battery] = 1.0
        cost[model.change.session] = 1.0
        cost[model.change.converter] = 1.0
    return Stage(name="S4 change", unit="kW", cost=cost)


def tie_stage(model: PoolModel) -> Stage:
    """S4, last ties: no needless curtailment, then energy, hydrogen and heat stored early."""
    hours, stores = model.problem.grid.hours, model.problem.stores
    cost = np.zeros(len(model.program.lower))
    cost[model.plants.used] = -PREFER_USE * hours[model.plants.slot]
    cost[model.batteries.energy] = -PREFER_EARLY * hours
    cost[model.conversion.content] = (
        -PREFER_EARLY * hours * stores.worth_kwh.max(axis=1, initial=0.0)[:, None]
    )
    return Stage(name=TIES, unit="kWh", cost=cost)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridWeights:
    """Weights of the declared weighted order: one over each figure's value without storage."""

    cost: float
    co2: float
    ramp: float
    highest: float
    """Of the highest import, which with the energy given is the load factor's counterpart."""

    def import_weight(self, problem: Problem) -> Floats:
        """Weighted sum per imported kWh, shape (slots,)."""
        prices = problem.prices
        return np.asarray(self.cost * prices.import_per_kwh + self.co2 * prices.co2_kg_per_kwh)

    def export_weight(self, problem: Problem) -> Floats:
        """Earned per exported kWh, not above what importing it costs."""
        earned = self.cost * problem.prices.export_per_kwh
        return np.asarray(np.minimum(earned, self.import_weight(problem)))


def grid_weights(problem: Problem) -> GridWeights:
    """A figure that is 0 without storage gets no weight.

    What is usual without storage is that of the last weeks, at the horizon's prices: what a single
    day has would weigh a cloudy day otherwise than a clear one. Before a week is on record it is
    what the forecast has.
    """
    net, hours, prices = problem.net_kw, problem.grid.hours, problem.prices
    imported, exported = np.maximum(net, 0.0), np.maximum(-net, 0.0)
    emitting, moved = imported, float(np.abs(np.diff(net)).sum())
    highest = float(imported.max())
    if (lately := problem.lately) is not None:
        hour = (problem.grid.edges_s[:-1] % DAY_S // HOUR_S).astype(np.int64)
        imported, exported = lately.import_kw[hour], np.zeros(len(hour))
        emitting = lately.site_import_kw[hour]
        moved = lately.moved_kw_per_h * float(hours.sum())
    cost = hours @ (imported * prices.import_per_kwh - exported * prices.export_per_kwh)
    return GridWeights(
        cost=_inverse(float(cost)),
        co2=(1.0 if lately is None else POOLED_CO2)
        * _inverse(float(hours @ (emitting * prices.co2_kg_per_kwh))),
        ramp=_inverse(moved),
        highest=_inverse(highest),
    )


def grid_stage(model: PoolModel) -> Stage:
    """Cost, CO2, ramp and load factor, each over its value without storage, in one sum.

    Energy left at the end is worth the mean weight of import over the horizon.
    """
    problem, weights = model.problem, grid_weights(model.problem)
    hours = problem.grid.hours
    imports = weights.import_weight(problem)
    cost = np.zeros(len(model.program.lower))
    cost[model.network.imported] = hours * imports
    cost[model.network.exported] = -hours * weights.export_weight(problem)
    if model.shape is not None:
        cost[model.shape.ramp] = weights.ramp
        cost[model.shape.highest] = weights.highest
    mean = max(float(hours @ imports / hours.sum()), 0.0)
    cost[model.terminal.segment] = -mean * model.terminal.value.slope
    _add_conversion(cost, model, imports, mean, weights.cost)
    return Stage(name="SG weighted sum", unit="of no storage", cost=cost)


def highest_mean_kw(problem: Problem, net: Floats) -> float:
    """Billed peak of a net power, kW, with what is paid already."""
    return billing_intervals(problem).peak_kw(problem, np.maximum(net, 0.0))


def _inverse(value: float) -> float:
    return 0.0 if abs(value) < 1e-6 else 1.0 / abs(value)
