"""Random problems in which everything comes together that the kinds of cases keep apart.

A tree of nodes three deep with sites at every node, batteries without losses, power or a window,
roofs behind ratings that they exceed, several cars at one charger, slots that begin within a
billing interval, prices below zero, fees, contracts with margins, a peak that is paid already.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np

from tests.optimizer.cases import START, random_problem
from vpp.domain.arrays import Floats
from vpp.domain.ids import AssetId, NodeId, SiteId
from vpp.domain.order import Goals, Order
from vpp.domain.plan import Schedule
from vpp.domain.problem import (
    Batteries,
    EvSessions,
    Nodes,
    Prices,
    Problem,
    PvPlants,
    SharedRating,
)
from vpp.domain.slots import SlotGrid

PARENT = np.array([-1, 0, 1, 0, 1])


def any_problem(seed: int, order: Order = Order.LOCAL) -> Problem:
    """Every feature is drawn by itself; 4 to 8 slots, 1 to 5 sites."""
    rng = np.random.default_rng([seed, 11])
    slots, sites = int(rng.integers(4, 9)), int(rng.integers(1, 6))
    grid = _grid(rng, slots)
    load_kw = rng.uniform(0.0, 5.0, (sites, slots)) * (rng.random((sites, 1)) < 0.8)
    batteries = _batteries(rng, sites)
    pv = _roofs(rng, sites, slots)
    node = rng.integers(0, len(PARENT), sites)
    problem = replace(
        random_problem(0, order),
        grid=grid,
        issued_at=grid.start,
        goals=Goals(order=order, co2_per_kg=float(rng.choice([0.0, 0.05, 0.5]))),
        sites=tuple(SiteId(f"site-{s}") for s in range(sites)),
        site_node=node,
        nodes=_nodes(rng, load_kw, node),
        load_kw=load_kw,
        batteries=batteries,
        pv=pv,
        sessions=_sessions(rng, grid, sites),
        shared=_shared(rng, batteries, pv),
        prices=_prices(rng, slots),
        **_quantiles(rng, load_kw.sum(0) - pv.available_kw.sum(0)),
    )
    return replace(problem, **_last(rng, problem))


def _maybe(rng: np.random.Generator, part: float = 0.3) -> bool:
    return bool(rng.random() < part)


def _grid(rng: np.random.Generator, slots: int) -> SlotGrid:
    """Five minutes to six hours; some begin within a billing interval."""
    lengths = rng.choice([300.0, 900.0, 1800.0, 3600.0, 21600.0], slots)
    start = START + timedelta(minutes=float(rng.choice([0, 0, 5, 10])))
    return SlotGrid(edges_s=start.timestamp() + np.concatenate([[0.0], np.cumsum(lengths)]))


def _batteries(rng: np.random.Generator, sites: int) -> Batteries:
    count = int(rng.integers(0, 4))
    capacity = rng.uniform(2.0, 15.0, count)
    low, high = capacity * rng.choice([0.0, 0.1], count), capacity * rng.choice([0.9, 1.0], count)
    if _maybe(rng, 0.1):
        low = high.copy()
    energy = rng.uniform(low, high)
    outside = rng.choice(3, count, p=[0.7, 0.15, 0.15])
    energy = np.select([outside == 1, outside == 2], [0.3 * low, capacity], energy)
    eta = rng.choice([1.0, 0.95, 0.8], (2, count))
    alike = _maybe(rng) and count > 1
    return Batteries(
        ids=tuple(AssetId(f"battery-{b}") for b in range(count)),
        site=rng.integers(0, sites, count),
        capacity_kwh=capacity,
        charge_kw=rng.uniform(1.0, 6.0, count) * (rng.random(count) < 0.9),
        discharge_kw=rng.uniform(1.0, 6.0, count) * (rng.random(count) < 0.9),
        eta_charge=np.full(count, 0.9) if alike else eta[0],
        eta_discharge=np.full(count, 0.95) if alike else eta[1],
        energy_kwh=energy,
        min_kwh=low,
        max_kwh=high,
        reserve_kwh=np.minimum(capacity, low + capacity * rng.choice([0.0, 0.2], count)),
        wear_per_kwh=np.full(count, 0.02) if alike else rng.choice([0.0, 0.01, 0.05], count),
    )


def _roofs(rng: np.random.Generator, sites: int, slots: int) -> PvPlants:
    count = int(rng.integers(0, 5))
    sun = rng.uniform(0.0, 12.0, (count, slots)) * (rng.random(slots) < 0.7)
    part = rng.choice([0.2, 0.8, 1.0])
    return PvPlants(
        ids=tuple(AssetId(f"pv-{g}") for g in range(count)),
        site=rng.integers(0, sites, count),
        available_kw=sun,
        curtailable=tuple(bool(rng.random() < part) for _ in range(count)),
    )


def _nodes(rng: np.random.Generator, load_kw: Floats, site_node: Any) -> Nodes:
    """Ratings from far too small to none, for some slots or all; contracts with margins."""
    shape = (len(PARENT), load_kw.shape[1])
    limits = np.full((4, *shape), np.inf)
    for which, part in zip(range(4), (0.3, 0.4, 0.3, 0.2), strict=True):
        for node in range(len(PARENT)):
            if _maybe(rng, part):
                some = rng.random(shape[1]) < rng.choice([0.5, 1.0])
                limits[which, node, some] = rng.uniform(0.0, 8.0)
    margins = rng.uniform(0.0, 2.0, (2, *shape)) * _maybe(rng)
    return Nodes(
        ids=tuple(NodeId(name) for name in ("grid", "north", "north-east", "south", "north-west")),
        parent=PARENT,
        import_kw=limits[0],
        export_kw=limits[1],
        contract_import_kw=limits[2],
        contract_export_kw=limits[3],
        margin_import_kw=margins[0],
        margin_export_kw=margins[1],
    )


def _sessions(rng: np.random.Generator, grid: SlotGrid, sites: int) -> EvSessions:
    """Stays within the horizon, one after the other at a charger; some parts are guaranteed."""
    slots, chargers = len(grid), int(rng.integers(0, 3))
    rows: list[tuple[int, int, int]] = []
    for charger in range(chargers):
        cut = int(rng.integers(1, slots))
        rows += [(charger, 0, cut), (charger, cut, slots)] if _maybe(rng) else [(charger, 0, cut)]
    most, least = np.zeros((2, len(rows), slots))
    for v, (_, arrival, departure) in enumerate(rows):
        most[v, arrival:departure] = rng.uniform(1.0, 8.0, departure - arrival)
        if _maybe(rng):
            least[v] = most[v] * rng.choice([0.3, 1.0])
    at = rng.integers(0, sites, max(chargers, 1))
    return EvSessions(
        ids=tuple(f"session-{v}" for v in range(len(rows))),
        assets=tuple(AssetId(f"charger-{row[0]}") for row in rows),
        site=np.array([at[row[0]] for row in rows], dtype=np.int64),
        need_kwh=(most @ grid.hours) * rng.choice([0.0, 0.4, 0.8, 1.3], len(rows)),
        max_kw=most,
        guaranteed_kw=least,
    )


def _shared(
    rng: np.random.Generator, batteries: Batteries, pv: PvPlants
) -> tuple[SharedRating, ...]:
    if not batteries.ids or not _maybe(rng):
        return ()
    behind = np.flatnonzero(pv.site == batteries.site[0])
    rating = SharedRating(
        batteries=np.flatnonzero(batteries.site == batteries.site[0]),
        pv=behind,
        in_kw=float(rng.uniform(0.0, 6.0)),
        out_kw=float(rng.uniform(0.0, 6.0)),
    )
    return (rating,)


def _prices(rng: np.random.Generator, slots: int) -> Prices:
    buy = rng.uniform(0.05, 0.4, slots)
    if _maybe(rng):
        buy = np.where(rng.random(slots) < 0.4, -rng.uniform(0.0, 0.1), buy)
    sell = rng.choice([np.full(slots, 0.04), buy - 0.02, buy, np.zeros(slots)])
    if _maybe(rng):
        sell = np.where(rng.random(slots) < 0.4, buy + 0.1, sell)
    if _maybe(rng):
        sell = np.where(rng.random(slots) < 0.4, -0.05, sell)
    charged = _maybe(rng, 0.4)
    return Prices(
        import_per_kwh=buy,
        export_per_kwh=sell,
        co2_kg_per_kwh=rng.uniform(0.0, 0.6, slots),
        fee_per_kwh=0.02 * _maybe(rng),
        peak_per_kw=3.0 * charged,
        peak_paid_kw=float(rng.choice([0.0, 3.0, 50.0])),
        running_import_kw=float(rng.uniform(0.0, 6.0)),
        running_part=0.4 * charged,
        billing_interval_s=float(rng.choice([900.0, 1800.0, 3600.0])),
    )


def _quantiles(rng: np.random.Generator, net_kw: Floats) -> dict[str, Any]:
    if _maybe(rng, 0.5):
        return {}
    spread_kw = rng.uniform(0.0, 3.0, len(net_kw))
    return {"net_low_kw": net_kw - spread_kw, "net_high_kw": net_kw + spread_kw}


def _last(rng: np.random.Generator, problem: Problem) -> dict[str, Any]:
    """A schedule of ten minutes ago, which knows some of the assets and some that are gone."""
    if not _maybe(rng):
        return {}
    then = SlotGrid.regular(problem.grid.start - timedelta(minutes=10), count=6, step_s=900.0)
    known = (*problem.batteries.ids[1:], *dict.fromkeys(problem.sessions.assets), AssetId("gone"))
    power = rng.uniform(-2.0, 2.0, (len(known), 6))
    schedule = Schedule(
        assets=known, power_kw=power, energy_kwh=np.ones(power.shape), grid_kw=np.zeros(6)
    )
    return {"last_schedule": schedule, "last_grid": then}
