"""Small random problems that visit the corners: prices, limits, windows, sessions, ratings."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from optimizer.fallback import RulePlanner
from optimizer.planner import LpPlanner
from vpp.domain.ids import AssetId, NodeId, PoolId, SiteId
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
from vpp.ports.planner import Planner

PLANNERS: tuple[Planner, ...] = (LpPlanner(), RulePlanner())
START = datetime(2026, 6, 1, 6, tzinfo=UTC)
PATIENT_S = 300.0
"""A deadline that binaries never meet: what is proven then does not hang on the machine's load."""
KINDS = (
    "plain",
    "negative prices",
    "export above import price",
    "fixed PV, tight export",
    "energy outside its window",
    "EV sessions",
    "shared ratings",
    "feeder below base load",
    "contract and demand charge",
    "fee and last schedule",
)


def random_problem(seed: int, order: Order = Order.LOCAL, **changes: Any) -> Problem:
    """The kind is ``KINDS[seed % len(KINDS)]``; everything else is drawn."""
    rng, kind = np.random.default_rng(seed), KINDS[seed % len(KINDS)]
    slots, sites = int(rng.integers(5, 9)), int(rng.integers(2, 4))
    grid = _grid(rng, slots)
    load = rng.uniform(0.5, 5.0, (sites, slots))
    available = rng.uniform(0.0, 9.0, (sites, slots)) * (rng.random(slots) < 0.7)
    batteries = _batteries(rng, sites, outside=kind == "energy outside its window")
    fields: dict[str, Any] = {
        "pool": PoolId("pool"),
        "issued_at": START,
        "grid": grid,
        "goals": Goals(order=order, co2_per_kg=float(rng.choice([0.0, 0.05]))),
        "sites": tuple(SiteId(f"site-{s}") for s in range(sites)),
        "site_node": np.array([1 + s % 2 for s in range(sites)]),
        "nodes": _nodes(rng, kind, load),
        "load_kw": load,
        "batteries": batteries,
        "pv": PvPlants(
            ids=tuple(AssetId(f"pv-{s}") for s in range(sites)),
            site=np.arange(sites),
            available_kw=available,
            curtailable=tuple(
                bool(rng.random() < (0.3 if kind == "fixed PV, tight export" else 0.8))
                for _ in range(sites)
            ),
        ),
        "sessions": _sessions(rng, grid, sites if kind != "plain" else 0),
        "prices": _prices(rng, kind, slots),
    }
    if kind == "shared ratings":
        fields["shared"] = (
            SharedRating(
                batteries=np.array([0]),
                pv=np.flatnonzero(np.arange(sites) == batteries.site[0]),
                in_kw=float(rng.uniform(1, 4)),
                out_kw=float(rng.uniform(2, 5)),
            ),
        )
    if kind == "fee and last schedule":
        fields |= _last(rng, grid, batteries)
    return Problem(**(fields | changes))


def _grid(rng: np.random.Generator, slots: int) -> SlotGrid:
    """Quarter hours to two hours, not all equal."""
    lengths = rng.choice([900.0, 1800.0, 3600.0, 7200.0], slots)
    return SlotGrid(edges_s=START.timestamp() + np.concatenate([[0.0], np.cumsum(lengths)]))


def _batteries(rng: np.random.Generator, sites: int, *, outside: bool) -> Batteries:
    count = int(rng.integers(1, 4))
    capacity = rng.uniform(4.0, 12.0, count)
    low, high = 0.1 * capacity, 0.95 * capacity
    energy = rng.uniform(low, high)
    if outside:
        energy = np.where(rng.random(count) < 0.5, 0.3 * low, 0.99 * capacity)
    return Batteries(
        ids=tuple(AssetId(f"battery-{b}") for b in range(count)),
        site=rng.integers(0, sites, count),
        capacity_kwh=capacity,
        charge_kw=rng.uniform(1.0, 5.0, count),
        discharge_kw=rng.uniform(1.0, 5.0, count),
        eta_charge=rng.uniform(0.85, 0.98, count),
        eta_discharge=rng.uniform(0.85, 0.98, count),
        energy_kwh=energy,
        min_kwh=low,
        max_kwh=high,
        reserve_kwh=low * rng.choice([1.0, 2.0], count),
        wear_per_kwh=rng.uniform(0.01, 0.05, count),
    )


def _nodes(rng: np.random.Generator, kind: str, load: np.ndarray[Any, Any]) -> Nodes:
    """The pool's node, and beneath it a feeder of the even and one of the odd sites."""
    slots = load.shape[1]
    limits = np.full((4, 3, slots), np.inf)
    if kind == "fixed PV, tight export":
        limits[1, 0], limits[1, 1] = rng.uniform(0.0, 3.0), rng.uniform(0.0, 3.0)
    if kind == "feeder below base load":
        limits[0, 1] = rng.uniform(0.4, 0.9) * load[::2].sum(0).max()
    if kind == "contract and demand charge":
        limits[2, 0], limits[3, 2] = rng.uniform(3.0, 6.0), rng.uniform(0.0, 2.0)
    if kind == "EV sessions":
        limits[0, 0] = 1.3 * load.sum(0).max()
    return Nodes(
        ids=(NodeId("grid"), NodeId("north"), NodeId("south")),
        parent=np.array([-1, 0, 0]),
        import_kw=limits[0],
        export_kw=limits[1],
        contract_import_kw=limits[2],
        contract_export_kw=limits[3],
    )


def _sessions(rng: np.random.Generator, grid: SlotGrid, sites: int) -> EvSessions:
    slots = len(grid)
    count = int(rng.integers(0, 3)) if sites else 0
    most, least = np.zeros((2, count, slots))
    for v in range(count):
        arrival = int(rng.integers(0, slots - 2))
        departure = int(rng.integers(arrival + 2, slots + 1))
        most[v, arrival:departure] = rng.uniform(3.0, 8.0)
        least[v, arrival:departure] = rng.choice([0.0, 1.4])
    reach = most @ grid.hours
    return EvSessions(
        ids=tuple(f"session-{v}" for v in range(count)),
        assets=tuple(AssetId(f"charger-{v}") for v in range(count)),
        site=rng.integers(0, max(sites, 1), count),
        need_kwh=reach * rng.uniform(0.3, 1.2, count),
        max_kw=most,
        guaranteed_kw=least,
    )


def _prices(rng: np.random.Generator, kind: str, slots: int) -> Prices:
    buy, sell = rng.uniform(0.05, 0.4, slots), np.full(slots, 0.04)
    if kind == "negative prices":
        buy = np.where(rng.random(slots) < 0.4, -0.08, buy)
        sell = np.where(rng.random(slots) < 0.4, -0.05, sell)
    if kind == "export above import price":
        sell = np.where(rng.random(slots) < 0.4, buy + 0.1, sell)
    charged = kind == "contract and demand charge"
    return Prices(
        import_per_kwh=buy,
        export_per_kwh=sell,
        co2_kg_per_kwh=rng.uniform(0.1, 0.6, slots),
        fee_per_kwh=0.02 if kind == "fee and last schedule" else 0.0,
        peak_per_kw=3.0 if charged else 0.0,
        peak_paid_kw=float(rng.uniform(0.0, 4.0)),
        running_import_kw=float(rng.uniform(0.0, 6.0)),
        running_part=0.4 if charged else 0.0,
    )


def _last(rng: np.random.Generator, grid: SlotGrid, batteries: Batteries) -> dict[str, Any]:
    """A schedule of ten minutes ago, for the batteries alone."""
    then = SlotGrid.regular(START - timedelta(minutes=10), count=16, step_s=900.0)
    power = rng.uniform(-1.0, 1.0, (len(batteries.ids), 16))
    schedule = Schedule(
        assets=batteries.ids,
        power_kw=power,
        energy_kwh=np.ones(power.shape),
        grid_kw=np.zeros(16),
    )
    return {"last_schedule": schedule, "last_grid": then}
