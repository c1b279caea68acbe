"""Hydrogen and heat of a city in the problem that a planner is asked."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optimizer.planner import LpPlanner
from tests.vpp.control.planning.cities import NOON, TWO_SITES, forecast, snapshot
from vpp.config.city import read_city
from vpp.control.planning_outlook import Outlook
from vpp.control.problems import build
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.plan_check import broken_rules
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.slots import SlotGrid

POOL = PoolId("street")
GRID = SlotGrid.regular(NOON, count=8, step_s=900.0)
CONVERTERS = """\
  - {id: maker, site: shop, kind: electrolyser, store: tank, max_kw: 20, min_kw: 4, standby_kw: 1,
     kwh_per_kg: 50, ramp_kw_per_min: 2}
  - {id: tank, site: shop, kind: hydrogen_store, capacity_kg: 10, least_kg: 1,
     dispensing_kwh_per_kg: 2, demand_kg: {bookings: [{at: 2026-07-15T12:20, kg: 0.5}]}}
  - {id: pump, site: home, kind: heat_pump, store: water, max_kw: 3, cop: 4, cop_per_c: 0.1,
     cop_at_c: 7}
  - {id: water, site: home, kind: thermal_store, capacity_kwh: 20,
     demand_kwh: {by_hour: {weekday: {"0-24": 4}}}}
meters:
"""
FOLLOWED = frozenset(map(AssetId, ("maker", "pump")))
KNOWN = {"tank": {Quantity.SOC: 0.5}, "water": {Quantity.SOC: 0.25}}


METERED = """\
  - {id: plc, link: wires, adapter: modbus, profile: sunspec-ess,
     carries: [{asset: maker}, {asset: pump}]}
tariffs:
"""


def city(*, metered: bool = True) -> Portfolio:
    text = TWO_SITES.replace("meters:\n", CONVERTERS, 1)
    if metered:
        text = text.replace("tariffs:\n", METERED, 1)
    return read_city(text, "city.yaml").portfolio


def outlook(measured: Any = None, **changes: Any) -> Outlook:
    known = {"home-bat": {Quantity.SOC: 0.5}} | (KNOWN if measured is None else measured)
    forecasts = [
        forecast("home", Quantity.POWER_KW, GRID, 2.0),
        forecast("home", Quantity.AVAILABLE_KW, GRID, 6.0),
        forecast("shop", Quantity.POWER_KW, GRID, 5.0),
        forecast("shop-cp", Quantity.POWER_KW, GRID, 0.0),
    ]
    usual = Outlook(
        snapshot=snapshot(city(), known),
        grid=GRID,
        forecasts={(f.subject, f.quantity): f for f in forecasts},
        writable=frozenset({AssetId("home-bat")}),
        followed=FOLLOWED,
    )
    return replace(usual, **changes)


def test_stores_and_converters_enter_in_their_own_units() -> None:
    problem = build(city(), POOL, outlook())
    stores, makers = problem.stores, problem.converters
    assert stores.ids == ("tank", "water")
    assert stores.content.tolist() == [5.0, 5.0]
    assert stores.demand[0].tolist() == [0.0, 0.5, *[0.0] * 6]
    assert stores.demand[1].tolist() == [1.0] * 8
    assert makers.ids == ("maker", "pump")
    assert makers.max_kw.tolist() == pytest.approx([19.0, 3.0])
    assert makers.min_kw.tolist() == [3.0, 0.0]
    assert makers.ramp_kw_per_h.tolist() == [120.0, np.inf]
    load_kw = problem.load_kw[problem.sites.index(city().sites["shop"].id)]  # type: ignore[index]
    assert load_kw[1] - load_kw[0] == pytest.approx(0.5 * 2 / 0.25)
    assert load_kw[0] == pytest.approx(6.0)


def test_a_unit_left_is_worth_less_than_what_made_it() -> None:
    problem = build(city(), POOL, outlook())
    stores, makers = problem.stores, problem.converters
    best = makers.per_kwh.max(axis=1)
    assert (stores.worth_kwh[:, 0] * best < 0.9025).all()
    assert (stores.worth_kwh[:, 0] > 0).all()


def test_a_heat_pump_yields_by_the_air_foreseen() -> None:
    air_c = np.linspace(-23.0, 12.0, 8)
    problem = build(city(), POOL, outlook(air_c=air_c))
    factor = problem.converters.factor[1]
    assert factor[0] == pytest.approx(1.0 / 4.0)
    assert factor[-1] == pytest.approx(4.5 / 4.0)
    assert any("°C" in note for note in build(city(), POOL, outlook()).extra)


def test_what_follows_no_plan_is_expected_to_make_what_is_asked_for_and_said_so() -> None:
    problem = build(city(), POOL, outlook(followed=frozenset()))
    assert problem.stores.ids == ()
    assert problem.converters.ids == ()
    said = [note for note in problem.extra if "left out" in note]
    assert [note.split(" left")[0] for note in said] == ["electrolyser maker", "heat pump pump"]
    home = problem.load_kw[list(problem.sites).index("home")]  # type: ignore[arg-type]
    assert home.tolist() == pytest.approx([3.0] * 8)
    shop = problem.load_kw[list(problem.sites).index("shop")]  # type: ignore[arg-type]
    assert shop[0] == pytest.approx(5.0 + 1.0 + 0.25 * 50.0)


def test_what_nobody_meters_is_foreseen_with_the_load_of_its_site() -> None:
    problem = build(city(metered=False), POOL, outlook(followed=frozenset()))
    assert problem.load_kw[:, 0].tolist() == pytest.approx([2.0, 5.0])


def test_a_store_of_unknown_content_is_left_out_with_what_fills_it() -> None:
    problem = build(city(), POOL, outlook({"water": {Quantity.SOC: 0.25}}))
    assert problem.stores.ids == ("water",)
    assert any("the content of tank is unknown" in note for note in problem.extra)


def test_a_running_converter_begins_where_it_is() -> None:
    measured = KNOWN | {"maker": {Quantity.POWER_KW: 12.0}}
    assert build(city(), POOL, outlook(measured)).converters.power_kw.tolist() == [11.0, 0.0]


def test_the_city_is_planned_whole() -> None:
    problem = build(city(), POOL, outlook())
    plan = LpPlanner().plan(problem)
    assert broken_rules(plan, problem) == []
    assert [stock.unit for stock in plan.schedule.stocks] == ["kg", "kWh"]
    assert plan.schedule.stocks[0].served.sum() == pytest.approx(0.5)
    assert plan.schedule.stocks[1].served.sum() == pytest.approx(8.0)
