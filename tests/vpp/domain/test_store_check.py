"""A plan that breaks what tanks and converters can do is rejected, with asset, slot and bounds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optimizer.planner import LpPlanner
from tests.optimizer.stations import HOURS, YIELD, station
from vpp.domain.arrays import Floats
from vpp.domain.ids import AssetId
from vpp.domain.plan import Plan, Schedule
from vpp.domain.plan_check import broken_rules
from vpp.domain.problem import Problem

PROBLEM = station(
    sun_kw=[0, 60, 60, 60, 0, 0, 0, 0],
    demand_kg=[0, 0, 0, 0, 1.0, 0, 0, 0],
    maker={"ramp_kw_per_h": 30.0},
)
PLAN = LpPlanner().plan(PROBLEM)
MAKER = PLAN.schedule.assets.index(AssetId("electrolyser"))


def with_power(change: Callable[[Floats], None], problem: Problem = PROBLEM) -> Plan:
    """The plan with another power of the electrolyser, and content and grid that follow from it."""
    power = PLAN.schedule.power_kw.copy()
    change(power[MAKER])
    (stock,) = PLAN.schedule.stocks
    made = np.clip(power[MAKER], None, 50.0) + 0.95 * np.clip(power[MAKER] - 50.0, 0.0, None)
    content = 10.0 + np.cumsum(YIELD * made - stock.served)
    schedule = replace(
        PLAN.schedule,
        power_kw=power,
        grid_kw=problem.load_kw.sum(0) + power.sum(0),
        stocks=(replace(stock, content=content),),
    )
    return replace(PLAN, schedule=schedule)


def with_stock(**changes: Any) -> Schedule:
    (stock,) = PLAN.schedule.stocks
    return replace(PLAN.schedule, stocks=(replace(stock, **changes),))


def set_to(values: dict[int, float]) -> Callable[[Floats], None]:
    def change(power: Floats) -> None:
        for slot, kw in values.items():
            power[slot] = kw

    return change


def test_the_plan_itself_is_sound() -> None:
    assert broken_rules(PLAN, PROBLEM) == []
    assert broken_rules(with_power(set_to({})), PROBLEM) == []
    assert PLAN.schedule.power_kw[MAKER].tolist() == pytest.approx([0, 50, 60, 60, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("powers", "said"),
    [
        ({7: 10.0}, "load of electrolyser is 10 in slot 7, allowed 20 to inf kW"),
        ({5: 140.0}, "load of electrolyser is 140 in slot 5, allowed 0 to 100 kW"),
        ({5: -20.0}, "load of electrolyser is -20 in slot 5, allowed 0 to 100 kW"),
        ({3: 95.0}, "ramped load of electrolyser is 95 in slot 3, allowed 30 to 90 kW"),
        ({6: 60.0}, "ramped load of electrolyser is 60 in slot 6, allowed 0 to 50 kW"),
        ({3: 20.0}, "ramped load of electrolyser is 20 in slot 3, allowed 30 to 90 kW"),
    ],
)
def test_loads_outside_what_it_can_do_are_named(powers: dict[int, float], said: str) -> None:
    assert said in broken_rules(with_power(set_to(powers)), PROBLEM)


def test_content_out_of_the_tank_is_named() -> None:
    small = replace(PROBLEM, stores=replace(PROBLEM.stores, capacity=np.array([12.0])))
    assert any(
        "content of tank is" in one and "allowed 2 to 12 of the tank" in one
        for one in broken_rules(PLAN, small)
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"content": np.full(HOURS, 20.0)}, "by its flows"),
        ({"served": np.array([0, 0, 0, 0, 2.0, 0, 0, 0])}, "demand served of tank is 2 in slot 4"),
        ({"served": np.full(HOURS, -1.0)}, "demand served of tank is -1 in slot 0"),
        ({"served": np.zeros(3)}, "served of tank has shape (3,), or is not finite"),
        ({"content": np.full(HOURS, np.nan)}, "content of tank has shape (8,), or is not finite"),
    ],
)
def test_contents_that_no_flow_explains_are_named(change: dict[str, Floats], said: str) -> None:
    broken = broken_rules(replace(PLAN, schedule=with_stock(**change)), PROBLEM)
    assert any(said in one for one in broken)


def test_a_plan_without_the_stocks_or_with_foreign_ones_is_rejected() -> None:
    bare = replace(PLAN.schedule, stocks=())
    (said,) = broken_rules(replace(PLAN, schedule=bare), PROBLEM)
    assert said == "the schedule leaves out the stocks of tank"
    foreign = replace(PLAN.schedule.stocks[0], store=AssetId("other"))
    schedule = replace(PLAN.schedule, stocks=(foreign,))
    assert "stocks of other" in broken_rules(replace(PLAN, schedule=schedule), PROBLEM)[0]
