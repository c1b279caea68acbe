"""A hydrogen station of one electrolyser and one tank, by the hour."""

from dataclasses import replace
from typing import Any

import numpy as np

from tests.optimizer.cases import random_problem
from tests.optimizer.pieces import network
from vpp.domain.ids import AssetId
from vpp.domain.order import Goals, Order
from vpp.domain.plan import Plan, Stock
from vpp.domain.problem import Problem
from vpp.domain.slots import SlotGrid
from vpp.domain.stores import Converters, Stores, Substance

HOURS = 8
YIELD = 0.02
"""kg per kWh."""


def station(
    *,
    sun_kw: list[float] | None = None,
    demand_kg: list[float] | None = None,
    order: Order = Order.LOCAL,
    store: dict[str, Any] | None = None,
    maker: dict[str, Any] | None = None,
    prices: dict[str, Any] | None = None,
) -> Problem:
    """An electrolyser of 100 kW and 0.02 kg/kWh with a tank of 40 kg, by the hour; no battery."""
    problem = random_problem(0, order)
    sites, flat = len(problem.sites), np.ones(HOURS)
    sun = np.zeros((1, HOURS)) + (sun_kw or 0.0)
    demand = np.zeros((1, HOURS)) + (demand_kg or 0.0)
    held: dict[str, Any] = {
        "capacity": 40.0, "least": 2.0, "content": 10.0, "loss_per_h": 0.0, "worth_money": 0.0,
    }  # fmt: skip
    made: dict[str, Any] = {
        "min_kw": 20.0, "ramp_kw_per_h": np.inf, "start_kwh": 0.0, "start_cost": 0.0,
        "fuel_per_kwh": 0.0, "power_kw": 0.0,
    }  # fmt: skip
    slots = {
        "import_per_kwh": 0.2 * flat,
        "export_per_kwh": 0.05 * flat,
        "co2_kg_per_kwh": 0.0 * flat,
    }
    return replace(
        problem,
        grid=SlotGrid.regular(problem.grid.start, count=HOURS, step_s=3600.0),
        goals=Goals(order=order),
        nodes=network(HOURS),
        load_kw=np.zeros((sites, HOURS)),
        batteries=replace(
            problem.batteries,
            **{
                name: getattr(problem.batteries, name)[:0]
                for name in (
                    "site", "capacity_kwh", "charge_kw", "discharge_kw", "eta_charge",
                    "eta_discharge", "energy_kwh", "min_kwh", "max_kwh", "reserve_kwh",
                    "wear_per_kwh",
                )
            },
            ids=(),
        ),
        pv=replace(
            problem.pv, ids=problem.pv.ids[:1], site=np.array([0]), available_kw=sun,
            curtailable=(True,),
        ),
        sessions=replace(
            problem.sessions, ids=(), assets=(), site=np.zeros(0, np.int64), need_kwh=np.zeros(0),
            max_kw=np.zeros((0, HOURS)), guaranteed_kw=np.zeros((0, HOURS)),
        ),
        prices=replace(problem.prices, fee_per_kwh=0.0, **(slots | (prices or {}))),
        stores=Stores(
            ids=(AssetId("tank"),),
            site=np.array([0]),
            substance=(Substance.HYDROGEN,),
            demand=demand,
            worth_kwh=np.array([[25.0, 12.5]]),
            worth_length=np.array([[10.0, 30.0]]),
            **{name: np.array([value]) for name, value in (held | (store or {})).items()},
        ),
        converters=Converters(
            ids=(AssetId("electrolyser"),),
            site=np.array([0]),
            store=np.array([0]),
            gives=np.array([False]),
            fuelled=np.array([False]),
            segment_kw=np.array([[50.0, 50.0]]),
            per_kwh=YIELD * np.array([[1.0, 0.95]]),
            factor=np.ones((1, HOURS)),
            **{name: np.array([value]) for name, value in (made | (maker or {})).items()},
        ),
    )  # fmt: skip


def tank(plan: Plan) -> Stock:
    (stock,) = plan.schedule.stocks
    return stock


def power_kw(plan: Plan) -> list[float]:
    return [round(float(kw), 6) for kw in plan.schedule.of(AssetId("electrolyser"))]
