"""Random problems with hydrogen and heat: electrolysers, fuel cells, heat pumps, CHP."""

from dataclasses import replace
from typing import Any

import numpy as np

from tests.optimizer.anything import any_problem
from vpp.domain.arrays import Floats
from vpp.domain.ids import AssetId
from vpp.domain.order import Order
from vpp.domain.problem import Problem
from vpp.domain.stores import Converters, Stores, Substance

KINDS = ("electrolyser", "heat pump", "fuel cell", "chp")
FALLING = np.array([1.0, 0.9, 0.7])
"""Of the yield from segment to segment."""


def converted_problem(seed: int, order: Order = Order.LOCAL, **changes: Any) -> Problem:
    """Anything, with one or two stores and one to three converters."""
    return with_stores(any_problem(seed, order), np.random.default_rng([seed, 23]), **changes)


def with_stores(problem: Problem, rng: np.random.Generator, **changes: Any) -> Problem:
    slots, sites = len(problem.grid), len(problem.sites)
    held = [Substance.HYDROGEN, Substance.HEAT][: int(rng.integers(1, 3))]
    if rng.random() < 0.3:
        held = [Substance.HEAT]
    kinds = [
        (kind, k)
        for k, substance in enumerate(held)
        for kind in (KINDS[::2] if substance is Substance.HYDROGEN else KINDS[1::2])
        if rng.random() < 0.8
    ]
    made = [_converter(rng, kind, k, slots, sites) for kind, k in kinds]
    stores = _stores(rng, held, problem, sites)
    if not made:
        return replace(problem, stores=stores)
    columns = {name: np.stack([one[name] for one in made]) for name in made[0]}
    ids = tuple(AssetId(f"{kind} {c}") for c, (kind, _) in enumerate(kinds))
    return replace(problem, stores=stores, converters=Converters(ids=ids, **columns), **changes)


def _stores(
    rng: np.random.Generator, held: list[Substance], problem: Problem, sites: int
) -> Stores:
    count, slots = len(held), len(problem.grid)
    scale = np.array([0.1 if one is Substance.HYDROGEN else 3.0 for one in held])
    capacity = scale * rng.uniform(2.0, 20.0, count)
    least = capacity * rng.choice([0.0, 0.1, 0.3], count)
    begun = rng.choice([0.5, 0.05, 0.0, 1.0, 1.1], count, p=[0.6, 0.1, 0.1, 0.1, 0.1])
    demand = (
        scale[:, None] * rng.uniform(0.0, 2.0, (count, slots)) * (rng.random((count, slots)) < 0.5)
    )
    demand *= problem.grid.hours * rng.choice([0.5, 1.0, 5.0], p=[0.5, 0.35, 0.15])
    worth = 0.45 / (scale * np.array([1.0 if h is Substance.HYDROGEN else 1.2 for h in held]))
    return Stores(
        ids=tuple(AssetId(f"{one} store") for one in held),
        site=rng.integers(0, sites, count),
        substance=tuple(held),
        capacity=capacity,
        least=least,
        content=capacity * begun,
        loss_per_h=rng.choice([0.0, 0.01, 0.2], count),
        demand=demand,
        worth_kwh=worth[:, None] * np.array([1.0, 0.5]),
        worth_length=capacity[:, None] * np.array([0.4, 0.6]),
        worth_money=rng.choice([0.0, 0.1], count),
    )


def _converter(
    rng: np.random.Generator, kind: str, store: int, slots: int, sites: int
) -> dict[str, Any]:
    """Powers of some kW, yields per kWh near 0.1 kg or 3 kWh of heat."""
    most = float(rng.uniform(2.0, 8.0))
    cuts = int(rng.integers(1, 4))
    segment = np.zeros(3)
    segment[:cuts] = most * np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0.4, 0.3, 0.3]][cuts - 1])[:cuts]
    per_kwh: Floats = {
        "electrolyser": 0.09 * FALLING,
        "heat pump": 3.0 * FALLING,
        "fuel cell": -0.25 / FALLING,
        "chp": 1.5 * FALLING,
    }[kind]
    least = float(segment[0] * rng.choice([0.0, 0.3, 1.0], p=[0.4, 0.4, 0.2]))
    priced = rng.random() < 0.3
    if priced and least == 0.0:
        least = 0.2 * segment[0]
    now = float(rng.choice([0.0, least, most, 1.2 * most]))
    return {
        "site": rng.integers(0, sites),
        "store": np.int64(store),
        "gives": np.bool_(kind in ("fuel cell", "chp")),
        "segment_kw": segment,
        "per_kwh": per_kwh,
        "factor": rng.uniform(0.7, 1.0, slots) if kind == "heat pump" else np.ones(slots),
        "min_kw": np.float64(least),
        "ramp_kw_per_h": np.float64(
            rng.choice([np.inf, 0.5 * most, 4.0 * most], p=[0.6, 0.2, 0.2])
        ),
        "start_kwh": np.float64(0.5 * priced),
        "start_cost": np.float64(0.1 * priced),
        "fuel_per_kwh": np.float64(0.15 if kind == "chp" else 0.0),
        "fuelled": np.bool_(kind == "chp" and rng.random() < 0.7),
        "power_kw": np.float64(now),
    }
