"""Hydrogen and heat in plans: physics is never broken, and what the order asks for is done."""

from dataclasses import replace

import numpy as np
import pytest

from optimizer.planner import LpPlanner
from optimizer.solving.program import UNSOLVED, LinearProgram, Solution
from tests.optimizer.cases import PATIENT_S, PLANNERS
from tests.optimizer.converted import converted_problem
from tests.optimizer.pieces import network
from tests.optimizer.stations import HOURS, YIELD, power_kw, station, tank
from tests.thoroughness import examples
from vpp.domain.arrays import Floats
from vpp.domain.errors import ProblemRejected
from vpp.domain.ids import AssetId
from vpp.domain.order import Order
from vpp.domain.plan_check import broken_rules
from vpp.ports.planner import Planner


class OutOfTime:
    """Finds nothing with binaries before time is over."""

    def solve(self, program: LinearProgram, cost: Floats, time_limit_s: float) -> Solution:
        return UNSOLVED


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(100, 100 + examples(40)))
@pytest.mark.parametrize("planner", [*PLANNERS, LpPlanner(mixed=OutOfTime())])
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


def test_a_demand_above_all_capability_is_named_with_what_lacks() -> None:
    problem = station(demand_kg=[5.0] * HOURS, store={"content": 2.0, "least": 2.0})
    (slack,) = LpPlanner().plan(problem).explanation.slacks
    assert slack.what == "hydrogen unmet at tank"
    assert slack.amount == pytest.approx(HOURS * (5.0 - YIELD * 97.5))
    assert slack.unit == "kg"
    assert slack.limited_by == "power of electrolyser and content of tank"
    assert (slack.first_slot, slack.last_slot) == (0, HOURS - 1)


def test_a_rating_that_starves_the_electrolyser_is_named_with_its_dual() -> None:
    problem = station(demand_kg=[0, 0, 0, 5.0, 0, 0, 0, 0], store={"content": 2.0, "least": 2.0})
    problem = replace(problem, nodes=network(HOURS, import_kw=30.0))
    plan = LpPlanner().plan(problem)
    (slack,) = plan.explanation.slacks
    assert slack.amount == pytest.approx(5.0 - 4 * 30.0 * YIELD)
    assert slack.limited_by == "node grid import rating"
    assert slack.dual > 0.0
    assert (slack.first_slot, slack.last_slot) == (3, 3)


def test_what_is_to_be_kept_and_cannot_be_is_named() -> None:
    problem = station(store={"content": 0.0, "least": 30.0})
    problem = replace(problem, nodes=network(HOURS, import_kw=0.0))
    (slack,) = LpPlanner().plan(problem).explanation.slacks
    assert slack.what == "hydrogen to be kept at tank"
    assert slack.limited_by == "node grid import rating"


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("seed", range(5))
def test_anything_within_an_envelope_keeps_the_tank_and_serves_what_is_planned(
    planner: Planner, seed: int
) -> None:
    """Energy by slot end anywhere between the bounds, as far as power goes; one yield, no loss."""
    rng = np.random.default_rng(seed)
    demand = [float(kg) for kg in rng.uniform(0.0, 3.0, HOURS) * (rng.random(HOURS) < 0.5)]
    problem = station(
        sun_kw=[float(kw) for kw in rng.uniform(0.0, 90.0, HOURS)],
        demand_kg=demand,
        store={"capacity": 14.0},
        maker={"min_kw": 0.0},
    )
    makers = replace(problem.converters, per_kwh=np.full((1, 2), YIELD))
    problem = replace(problem, converters=makers)
    plan = planner.plan(problem)
    (envelope,) = plan.envelopes
    assert (envelope.asset, envelope.appointment) == ("electrolyser", "tank")
    planned = np.cumsum(power_kw(plan))
    assert (envelope.least_kwh <= planned + 1e-6).all()
    assert (envelope.most_kwh >= planned - 1e-6).all()
    assert (envelope.most_kwh - envelope.least_kwh).max() > 50.0
    served = np.cumsum(tank(plan).served)
    for _ in range(50):
        given = 0.0
        for slot in range(HOURS):
            low = max(float(envelope.least_kwh[slot]), given)
            high = min(float(envelope.most_kwh[slot]), given + 100.0)
            assert low <= high + 1e-6
            given = float(rng.choice([low, high, rng.uniform(low, max(high, low))]))
            assert 2.0 - 1e-6 <= 10.0 + YIELD * given - served[slot] <= 14.0 + 1e-6


def test_a_kwh_of_an_electrolyser_is_worth_what_its_hydrogen_is() -> None:
    """25 kWh of later import a kilogram up to 12 kg, 0.02 kg a kWh; sun is too short for more."""
    plan = LpPlanner().plan(station(sun_kw=[30.0, *[0.0] * 7]))
    assert plan.envelopes[0].worth == pytest.approx(0.5)


def test_a_fuel_cell_gives_and_its_envelope_is_negative() -> None:
    problem = station(maker={"min_kw": 0.0})
    cell = replace(
        problem.converters,
        ids=(AssetId("cell"),),
        gives=np.array([True]),
        per_kwh=np.full((1, 2), -0.05),
    )
    stores = replace(problem.stores, worth_kwh=np.array([[19.0, 9.5]]))
    load_kw = problem.load_kw.copy()
    load_kw[0, 4:6] = 60.0
    plan = LpPlanner().plan(replace(problem, converters=cell, stores=stores, load_kw=load_kw))
    assert plan.schedule.of(AssetId("cell")).tolist() == pytest.approx([0, 0, 0, 0, -60, -60, 0, 0])
    (envelope,) = plan.envelopes
    assert envelope.least_kwh[-1] == pytest.approx(-8.0 / 0.05)
    assert (envelope.most_kwh <= 0.0).all()
    assert envelope.worth == pytest.approx(0.95)


def test_a_plan_keeps_to_the_last_one_where_that_costs_nothing() -> None:
    problem = station(sun_kw=[60.0] * HOURS, store={"content": 36.0}, maker={"min_kw": 0.0})
    plan = LpPlanner().plan(problem)
    moved = replace(
        plan.schedule,
        power_kw=np.where(
            np.array(plan.schedule.assets)[:, None] == "electrolyser",
            np.array([0.0, 50.0] + [0.0] * 6),
            plan.schedule.power_kw,
        ),
    )
    again = LpPlanner().plan(replace(problem, last_schedule=moved, last_grid=plan.grid))
    assert power_kw(again)[:2] == pytest.approx([0.0, 50.0])
