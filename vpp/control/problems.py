"""From what is measured and expected to what the planner is asked: one pool, as arrays."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from vpp.control.cars_ahead import Arrivals, expected_arrivals, known_sessions
from vpp.control.conversion import conversion
from vpp.control.limits_ahead import tightened
from vpp.control.margins import contract_margins
from vpp.control.planning_outlook import Outlook, assets_of
from vpp.control.stored_energy import held_by_readings
from vpp.domain.arrays import Floats, frozen, frozen_ints
from vpp.domain.assets import Battery, Load, Pv
from vpp.domain.errors import ProblemRejected
from vpp.domain.forecast import HIGH, LOW
from vpp.domain.ids import NodeId, PoolId, SiteId
from vpp.domain.network import GridNode
from vpp.domain.plan import ForecastNote
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.problem import (
    Batteries,
    ForeseenNet,
    Nodes,
    Prices,
    Problem,
    PvPlants,
    SharedRating,
)
from vpp.domain.slots import SlotGrid

Kind = TypeVar("Kind")


def build(portfolio: Portfolio, pool: PoolId, outlook: Outlook) -> Problem:
    """The problem of one pool.

    A battery whose stored energy is unknown, or that may not be commanded, is left out and named.

    Raises:
        ProblemRejected: the parts contradict each other, or load or sun of a site is not forecast.
    """
    sites = portfolio.pools[pool].sites
    _require_forecasts(portfolio, pool, sites, outlook)
    grid, notes = outlook.grid, list[str]()
    site_at = {site: i for i, site in enumerate(sites)}
    nodes = portfolio.subtree(portfolio.pools[pool].node)
    node_at = {node: i for i, node in enumerate(nodes)}
    batteries = _batteries(portfolio, pool, outlook, site_at, notes)
    plants = _plants(portfolio, sites, outlook, site_at)
    sessions, taken_until = known_sessions(portfolio, sites, outlook, site_at)
    load_kw = np.stack([_load_kw(outlook, site) for site in sites])
    arrivals = expected_arrivals(portfolio, sites, outlook, taken_until)
    for site, cars in arrivals.items():
        for car in cars:
            load_kw[site_at[site]] += car.middle_kw
    prices = _prices(portfolio, pool, grid, outlook)
    carriers = conversion(
        portfolio, sites, outlook, batteries, _hydrogen_per_kg(portfolio, pool, grid)
    )
    load_kw += carriers.load_kw
    notes += carriers.notes
    low_kw, high_kw = (
        one + carriers.load_kw.sum(axis=0) for one in _net_band(sites, outlook, arrivals)
    )
    if outlook.contract_left_kw is not None:
        notes.append("contracts of the nodes above are shared among the pools")
    return Problem(
        pool=pool,
        issued_at=outlook.snapshot.at,
        grid=grid,
        goals=portfolio.goals,
        sites=sites,
        site_node=frozen_ints([node_at[portfolio.sites[site].node] for site in sites]),
        nodes=_nodes(
            portfolio,
            nodes,
            node_at,
            outlook,
            contract_margins(portfolio, pool, nodes, outlook, arrivals),
            notes,
        ),
        load_kw=load_kw,
        batteries=batteries,
        pv=plants,
        sessions=sessions,
        shared=_shared(outlook, batteries, plants),
        stores=carriers.stores,
        converters=carriers.converters,
        prices=prices,
        net_low_kw=low_kw,
        net_high_kw=high_kw,
        foreseen=_foreseen(pool, sites, load_kw, outlook),
        least_net_kw=_least_net(sites, outlook),
        lately=outlook.lately,
        largest_kw=outlook.largest_kw,
        last_schedule=outlook.last.schedule if outlook.last else None,
        last_grid=outlook.last.grid if outlook.last else None,
        forecasts=tuple(
            ForecastNote(
                subject=f.subject, source=f.source, issued_at=f.issued_at, input_age_s=f.input_age_s
            )
            for f in outlook.forecasts.values()
            if f.subject in site_at
        ),
        deadline_s=outlook.deadline_s,
        extra=tuple(notes),
    )


def _require_forecasts(
    portfolio: Portfolio, pool: PoolId, sites: Sequence[SiteId], outlook: Outlook
) -> None:
    """Raise ProblemRejected naming the sites of which something is not forecast: it is not zero."""
    asked = ((Load, Quantity.POWER_KW, "load"), (Pv, Quantity.AVAILABLE_KW, "sun"))
    missing = [
        f"no forecast of the {what} of site {site}"
        for kind, quantity, what in asked
        for site in sites
        if assets_of(portfolio, [site], kind) and (site, quantity) not in outlook.forecasts
    ]
    if missing:
        raise ProblemRejected(f"pool {pool}: {'; '.join(missing)}")


def _load_kw(outlook: Outlook, site: SiteId) -> Floats:
    """Zero only for a site that has no load."""
    forecast = outlook.forecasts.get((site, Quantity.POWER_KW))
    if forecast is None:
        return np.zeros(len(outlook.grid))
    return np.maximum(forecast.expected_kw, 0.0)


def _batteries(
    portfolio: Portfolio,
    pool: PoolId,
    outlook: Outlook,
    site_at: Mapping[SiteId, int],
    notes: list[str],
) -> Batteries:
    held = outlook.held or held_by_readings(portfolio, pool, outlook.snapshot)
    rows: list[tuple[Battery, tuple[float, float], float, float]] = []
    for asset in assets_of(portfolio, portfolio.pools[pool].sites, Battery):
        stored = held.by_asset.get(asset.id)
        if stored is None or asset.id not in outlook.writable:
            why = "its stored energy is unknown" if stored is None else "it may not be commanded"
            notes.append(f"battery {asset.id} left out: {why}")
            continue
        charge = outlook.snapshot.asset(asset.id, Quantity.LIMIT_CHARGE_KW)
        discharge = outlook.snapshot.asset(asset.id, Quantity.LIMIT_DISCHARGE_KW)
        # A live limit of zero is the taper of a full or empty battery, not a limit on the day.
        rows.append(
            (
                asset,
                stored,
                min(asset.charge_kw, charge) if charge else asset.charge_kw,
                min(asset.discharge_kw, discharge) if discharge else asset.discharge_kw,
            )
        )
    kwh = np.array([capacity for _, (_, capacity), *_ in rows])
    return Batteries(
        ids=tuple(b.id for b, *_ in rows),
        site=frozen_ints([site_at[b.site] for b, *_ in rows]),
        capacity_kwh=kwh,
        charge_kw=frozen([charge for *_, charge, _ in rows]),
        discharge_kw=frozen([discharge for *_, discharge in rows]),
        eta_charge=frozen([b.eta_charge for b, *_ in rows]),
        eta_discharge=frozen([b.eta_discharge for b, *_ in rows]),
        energy_kwh=frozen([energy for _, (energy, _), *_ in rows]),
        min_kwh=kwh * [b.soc_min for b, *_ in rows],
        max_kwh=kwh * [b.soc_max for b, *_ in rows],
        reserve_kwh=kwh * [b.floor_soc for b, *_ in rows],
        wear_per_kwh=frozen([b.wear_per_kwh for b, *_ in rows]),
    )


def _plants(
    portfolio: Portfolio, sites: Sequence[SiteId], outlook: Outlook, site_at: Mapping[SiteId, int]
) -> PvPlants:
    plants = list(assets_of(portfolio, sites, Pv))
    peak_kw = {site: sum(p.peak_kw for p in plants if p.site == site) for site in sites}
    available = [
        outlook.forecasts[plant.site, Quantity.AVAILABLE_KW].expected_kw
        * (plant.peak_kw / peak_kw[plant.site])
        for plant in plants
    ]
    return PvPlants(
        ids=tuple(plant.id for plant in plants),
        site=frozen_ints([site_at[plant.site] for plant in plants]),
        available_kw=np.array(available).reshape(len(plants), len(outlook.grid)),
        curtailable=tuple(plant.curtailable and plant.id in outlook.writable for plant in plants),
    )


def _net_band(
    sites: Sequence[SiteId], outlook: Outlook, arrivals: Mapping[SiteId, Sequence[Arrivals]]
) -> tuple[Floats, Floats]:
    """10 and 90 % of the pool's net, as if sites and chargers erred independently."""
    middle, below, above = (np.zeros(len(outlook.grid)) for _ in range(3))
    for site in sites:
        load = outlook.forecasts.get((site, Quantity.POWER_KW))
        if load is not None:
            middle += load.middle_kw
            below += (load.middle_kw - load.quantile(LOW)) ** 2
            above += (load.quantile(HIGH) - load.middle_kw) ** 2
        sun = outlook.forecasts.get((site, Quantity.AVAILABLE_KW))
        if sun is not None:
            middle -= sun.middle_kw
            below += (sun.quantile(HIGH) - sun.middle_kw) ** 2
            above += (sun.middle_kw - sun.quantile(LOW)) ** 2
        for car in arrivals.get(site, ()):
            middle += car.middle_kw
            below += car.below_kw**2
            above += car.above_kw**2
    return middle - np.sqrt(below), middle + np.sqrt(above)


def _foreseen(
    pool: PoolId, sites: Sequence[SiteId], load_kw: Floats, outlook: Outlook
) -> ForeseenNet | None:
    """The pool's own forecast, with what the plan counts as load beside the sites' own."""
    whole = outlook.forecasts.get((pool, Quantity.UNCONTROLLED_KW))
    if whole is None:
        return None
    own_kw = np.sum([_load_kw(outlook, site) for site in sites], axis=0)
    return ForeseenNet(
        middle_kw=whole.expected_kw + load_kw.sum(axis=0) - own_kw,
        spread_kw=whole.spread_kw,
        persistence=whole.persistence,
    )


def _least_net(sites: Sequence[SiteId], outlook: Outlook) -> Floats | None:
    """Loads at their 10 % quantile, erring independently, under the clearest sky seen lately."""
    middle, below, sun_kw = (np.zeros(len(outlook.grid)) for _ in range(3))
    for site in sites:
        load = outlook.forecasts.get((site, Quantity.POWER_KW))
        sun = outlook.forecasts.get((site, Quantity.AVAILABLE_KW))
        if load is None or (sun is not None and sun.most_kw is None):
            return None
        middle += load.middle_kw
        below += (load.middle_kw - load.quantile(LOW)) ** 2
        if sun is not None and sun.most_kw is not None:
            sun_kw += sun.most_kw
    return middle - np.sqrt(below) - sun_kw


def _nodes(
    portfolio: Portfolio,
    nodes: Sequence[NodeId],
    node_at: Mapping[NodeId, int],
    outlook: Outlook,
    margins_kw: tuple[Floats, Floats],
    notes: list[str],
) -> Nodes:
    slots = len(outlook.grid)
    hard = np.array([_limits(portfolio.nodes[node], hard=True) for node in nodes])
    soft = np.array([_limits(portfolio.nodes[node], hard=False) for node in nodes])
    parents = [portfolio.nodes[node].parent for node in nodes]
    import_kw, export_kw = (np.repeat(hard[:, [side]], slots, axis=1) for side in (0, 1))
    _tighten(import_kw[0], export_kw[0], outlook.left_kw)
    now_s = outlook.snapshot.now_s
    notes += tightened(outlook.limits, node_at, outlook.grid, now_s, import_kw, export_kw)
    contract_kw, export_contract_kw = (np.repeat(soft[:, [side]], slots, axis=1) for side in (0, 1))
    contract_kw[0] = outlook.billing.left_kw(contract_kw[0], outlook.grid.edges_s)
    _tighten(contract_kw[0], export_contract_kw[0], outlook.contract_left_kw)
    return Nodes(
        ids=tuple(nodes),
        parent=frozen_ints(
            [node_at.get(parent, -1) if parent is not None else -1 for parent in parents]
        ),
        import_kw=import_kw,
        export_kw=export_kw,
        contract_import_kw=contract_kw,
        contract_export_kw=export_contract_kw,
        margin_import_kw=margins_kw[0],
        margin_export_kw=margins_kw[1],
    )


def _tighten(import_kw: Floats, export_kw: Floats, left_kw: tuple[Floats, Floats] | None) -> None:
    """The pool's own limits, magnitudes, are put inside what is left to it."""
    if left_kw is not None:
        least, most = left_kw
        np.minimum(import_kw, np.maximum(most, 0.0), out=import_kw)
        np.minimum(export_kw, np.maximum(-least, 0.0), out=export_kw)


def _limits(node: GridNode, *, hard: bool) -> tuple[float, float]:
    limit = node.tightest_kw(hard=hard)
    return limit.import_max, limit.export_max


def _shared(outlook: Outlook, batteries: Batteries, plants: PvPlants) -> tuple[SharedRating, ...]:
    return tuple(
        SharedRating(
            batteries=frozen_ints(
                [i for i, asset in enumerate(batteries.ids) if asset in limit.assets]
            ),
            pv=frozen_ints([i for i, asset in enumerate(plants.ids) if asset in limit.assets]),
            in_kw=limit.hi_kw,
            out_kw=-limit.lo_kw,
        )
        for limit in outlook.shared_limits
        if limit.assets & {*batteries.ids, *plants.ids}
    )


def _hydrogen_per_kg(portfolio: Portfolio, pool: PoolId, grid: SlotGrid) -> float:
    """When the horizon ends, or as it was last known."""
    name = portfolio.nodes[portfolio.pools[pool].node].tariff
    if name is None:
        return 0.0
    tariff = portfolio.tariffs[name]
    known = [at for at in (grid.start, grid.starts[-1]) if tariff.covers_at(at)]
    return max(tariff.hydrogen_per_kg(known[-1]), 0.0) if known else 0.0


def _prices(portfolio: Portfolio, pool: PoolId, grid: SlotGrid, outlook: Outlook) -> Prices:
    node = portfolio.nodes[portfolio.pools[pool].node]
    if node.tariff is None:
        return Prices(
            import_per_kwh=np.ones(len(grid)),
            export_per_kwh=np.zeros(len(grid)),
            co2_kg_per_kwh=np.zeros(len(grid)),
            fee_per_kwh=node.fee_per_kwh,
            currency=portfolio.currency,
        )
    tariff = portfolio.tariffs[node.tariff]
    demand, contract_kw = tariff.demand_at(grid.start), node.tightest_kw(hard=False).import_max
    return Prices(
        import_per_kwh=tariff.import_on(grid),
        export_per_kwh=tariff.export_on(grid),
        co2_kg_per_kwh=tariff.carbon_on(grid),
        fee_per_kwh=node.fee_per_kwh,
        peak_per_kw=demand.per_kw if demand else 0.0,
        billing_interval_s=demand.interval_s if demand else 900.0,
        peak_paid_kw=max(
            outlook.billing.peak_paid_kw, demand.least_kw(contract_kw) if demand else 0.0
        ),
        peak_reached_kw=outlook.billing.peak_reached_kw,
        running_import_kw=outlook.billing.running_import_kw,
        running_part=outlook.billing.running_part,
        currency=portfolio.currency,
    )
