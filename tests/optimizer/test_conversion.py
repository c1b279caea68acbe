"""Hydrogen and heat in plans: physics is never broken, and what the order asks for is done."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optimizer.planner import LpPlanner
from tests.optimizer.cases import PATIENT_S, PLANNERS, random_problem
from tests.optimizer.converted import converted_problem
from tests.optimizer.pieces import network
from tests.thoroughness import examples
from vpp.domain.errors import ProblemRejected
from vpp.domain.ids import AssetId
from vpp.domain.order import Goals, Order
from vpp.domain.plan import Plan, Stock
from vpp.domain.plan_check import broken_rules
from vpp.domain.problem import Problem
from vpp.domain.slots import SlotGrid
from vpp.domain.stores import Converters, Stores, Substance
from vpp.ports.planner import Planner

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


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(100, 100 + examples(40)))
@pytest.mark.parametrize("planner", PLANNERS)
def test_no_plan_breaks_physics(planner: Planner, seed: int) -> None:
    order = list(Order)[seed % 3]
    problem = converted_problem(seed, order, deadline_s=PATIENT_S)
    assert broken_rules(planner.plan(problem), problem) == []


def test_sun_that_nothing_else_wants_becomes_hydrogen() -> None:
    problem = station(sun_kw=[0, 0, 80, 80, 80, 0, 0, 0])
    assert power_kw(LpPlanner().plan(problem)) == [0, 0, 80, 80, 80, 0, 0, 0]


def test_grid_energy_never_becomes_hydrogen_unless_somebody_asks_for_it() -> None:
    plan = LpPlanner().plan(station())
    assert power_kw(plan) == [0.0] * HOURS
    assert tank(plan).content.tolist() == pytest.approx([10.0] * HOURS)


def test_bookings_beyond_the_tank_are_made_of_sun_before_they_come() -> None:
    problem = station(sun_kw=[0, 0, 70, 70, 70, 0, 0, 0], demand_kg=[0, 0, 0, 0, 0, 0, 12, 0])
    for planner in PLANNERS:
        plan = planner.plan(problem)
        assert tank(plan).served.sum() == pytest.approx(12.0)
        assert plan.schedule.grid_kw.max() <= 1e-6
        assert sum(power_kw(plan)[2:5]) * YIELD > 3.9


def test_a_full_tank_takes_no_more_and_the_rest_of_the_sun_goes_to_the_grid() -> None:
    problem = station(sun_kw=[80.0] * HOURS, store={"content": 39.0})
    plan = LpPlanner().plan(problem)
    assert tank(plan).content.max() <= 40.0 + 1e-6
    assert tank(plan).content[-1] == pytest.approx(40.0)


def test_a_dry_tank_serves_only_what_is_made() -> None:
    problem = station(demand_kg=[5.0] * HOURS, store={"content": 0.0, "least": 0.0})
    plan = LpPlanner().plan(problem)
    most_kg = YIELD * (50.0 + 0.95 * 50.0)
    assert power_kw(plan) == pytest.approx([100.0] * HOURS)
    assert tank(plan).served.sum() == pytest.approx(HOURS * most_kg)
    assert tank(plan).content.min() >= -1e-9


def test_a_tank_begun_below_its_least_is_filled_up_to_it_though_it_costs() -> None:
    plan = LpPlanner().plan(station(store={"content": 0.5}))
    assert tank(plan).content[0] == pytest.approx(2.0)
    assert tank(plan).content[-1] == pytest.approx(2.0)


def test_a_tank_begun_above_its_capacity_is_not_filled_further() -> None:
    plan = LpPlanner().plan(station(sun_kw=[80.0] * HOURS, store={"content": 41.0}))
    assert power_kw(plan) == [0.0] * HOURS


def test_paid_for_taking_power_it_runs_in_the_order_of_money_alone() -> None:
    prices = {"import_per_kwh": np.array([0.2, 0.2, -0.1, -0.1, 0.2, 0.2, 0.2, 0.2])}
    cost = LpPlanner().plan(station(order=Order.COST, prices=prices))
    assert power_kw(cost) == pytest.approx([0, 0, 100, 100, 0, 0, 0, 0])
    local = LpPlanner().plan(station(order=Order.LOCAL, prices=prices))
    assert power_kw(local) == [0.0] * HOURS


def test_below_its_least_power_it_stands_still_or_takes_the_rest_from_the_grid() -> None:
    """10 kW of sun an hour and least 20 kW: nothing runs for credit, and a booking is served."""
    idle = LpPlanner().plan(station(sun_kw=[10.0] * HOURS))
    assert power_kw(idle) == [0.0] * HOURS
    asked = station(sun_kw=[10.0] * HOURS, demand_kg=[0, 0, 0, 0, 0, 0, 0, 8.4])
    plan = LpPlanner().plan(asked)
    assert tank(plan).served.sum() == pytest.approx(8.4)
    assert all(kw == 0.0 or kw >= 20.0 for kw in power_kw(plan))
    assert sum(power_kw(plan)) == pytest.approx(20.0)


def test_a_start_that_costs_is_made_once() -> None:
    problem = station(
        sun_kw=[60, 0, 60, 60, 0, 0, 60, 60], demand_kg=[0, 0, 0, 0, 0, 0, 0, 12],
        maker={"start_kwh": 500.0},
    )  # fmt: skip
    run = power_kw(LpPlanner().plan(problem))
    starts = sum(1 for a, b in zip([0.0, *run], run, strict=False) if a == 0.0 < b)
    assert starts == 1


def test_ramps_hold_while_it_runs_and_a_stop_is_free() -> None:
    problem = station(
        sun_kw=[0, 100, 100, 100, 0, 0, 0, 0], maker={"ramp_kw_per_h": 30.0, "min_kw": 10.0}
    )
    assert power_kw(LpPlanner().plan(problem)) == pytest.approx([0, 40, 70, 100, 0, 0, 0, 0])


def test_a_tie_goes_to_the_better_part_of_the_load_curve() -> None:
    problem = station(sun_kw=[100, 100, 0, 0, 0, 0, 0, 0], store={"content": 38.0, "least": 0.0})
    plan = LpPlanner().plan(problem)
    assert power_kw(plan)[:2] == pytest.approx([50.0, 50.0])


@pytest.mark.parametrize(
    ("maker", "said"),
    [
        ({"min_kw": 60.0}, "above its first segment, which ends at 50"),
        ({"min_kw": 0.0, "start_cost": 1.0}, "its starts have a price"),
        ({"power_kw": -1.0}, "converters.power_kw is -1, expected 0 or more"),
        ({"fuel_per_kwh": np.nan}, "converters.fuel_per_kwh is not finite"),
    ],
)
def test_a_converter_that_contradicts_itself_is_rejected(
    maker: dict[str, float], said: str
) -> None:
    with pytest.raises(ProblemRejected, match=said):
        station(maker=maker)


def test_a_circle_that_makes_energy_of_nothing_is_rejected() -> None:
    problem = station()
    one = problem.converters
    both = replace(
        one,
        ids=(*one.ids, AssetId("cell")),
        gives=np.array([False, True]),
        per_kwh=np.array([[0.02, 0.02], [-0.01, -0.01]]),
        **{
            name: np.repeat(getattr(one, name), 2, axis=0)
            for name in (
                "site", "store", "segment_kw", "factor", "min_kw", "ramp_kw_per_h", "start_kwh",
                "start_cost", "fuel_per_kwh", "fuelled", "power_kw",
            )
        },
    )  # fmt: skip
    with pytest.raises(ProblemRejected, match="energy from nothing"):
        replace(problem, converters=both)
