from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.vpp.control.planning.cities import NOON, TWO_SITES, forecast, snapshot, two_sites
from vpp.config.city import read_city
from vpp.control.billing import Billing
from vpp.control.planning_outlook import Outlook
from vpp.control.problems import build
from vpp.domain.capability import SharedLimit
from vpp.domain.errors import ProblemRejected
from vpp.domain.held import Held
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.points import Quantity
from vpp.domain.session import EvSession
from vpp.domain.slots import SlotGrid

POOL = PoolId("street")
GRID = SlotGrid.regular(NOON, count=8, step_s=900.0)
CAR = AssetId("shop-cp")
WRITABLE = frozenset(map(AssetId, ("home-bat", "home-pv", "shop-cp")))


def session(**changes: Any) -> EvSession:
    stays = EvSession(
        id="s1",
        asset=CAR,
        arrival=NOON - timedelta(minutes=30),
        departure=NOON + timedelta(minutes=50),
        need_kwh=9.0,
        delivered_kwh=2.0,
        max_kw=7.4,
    )
    return replace(stays, **changes)


def outlook(**changes: Any) -> Outlook:
    portfolio = two_sites()
    measured = {"home-bat": {Quantity.SOC: 0.5, Quantity.LIMIT_CHARGE_KW: 3.0}}
    forecasts = [
        forecast("home", Quantity.POWER_KW, GRID, 2.0, spread_kw=0.3),
        forecast("home", Quantity.AVAILABLE_KW, GRID, 6.0, spread_kw=0.4),
        forecast("shop", Quantity.POWER_KW, GRID, 5.0),
        forecast("shop-cp", Quantity.POWER_KW, GRID, 1.5),
    ]
    usual = Outlook(
        snapshot=snapshot(portfolio, measured),
        grid=GRID,
        forecasts={(f.subject, f.quantity): f for f in forecasts},
        writable=WRITABLE,
    )
    return replace(usual, **changes)


def with_car(car: EvSession) -> Outlook:
    measured = {"home-bat": {Quantity.SOC: 0.5}}
    return outlook(snapshot=snapshot(two_sites(), measured, sessions={CAR: car}))


def test_a_battery_enters_with_its_measured_energy_and_the_tighter_limit() -> None:
    batteries = build(two_sites(), POOL, outlook()).batteries
    assert batteries.ids == ("home-bat",)
    assert batteries.energy_kwh.tolist() == [5.0]
    assert batteries.charge_kw.tolist() == [3.0]
    assert batteries.discharge_kw.tolist() == [5.0]
    assert batteries.reserve_kwh.tolist() == [2.0]


def test_an_aged_battery_is_planned_with_what_its_health_leaves_and_the_device_reports() -> None:
    measured = {"home-bat": {Quantity.SOC: 0.5, Quantity.HEALTH: 0.8, Quantity.AVAILABLE_KWH: 4.4}}
    batteries = build(
        two_sites(), POOL, outlook(snapshot=snapshot(two_sites(), measured))
    ).batteries
    assert batteries.capacity_kwh.tolist() == [8.0]
    assert batteries.max_kwh.tolist() == [8.0]
    assert batteries.reserve_kwh.tolist() == [1.6]
    assert batteries.energy_kwh.tolist() == pytest.approx([4.2])


def test_a_battery_that_only_reports_its_energy_is_planned_with() -> None:
    measured = {"home-bat": {Quantity.AVAILABLE_KWH: 4.4}}
    problem = build(two_sites(), POOL, outlook(snapshot=snapshot(two_sites(), measured)))
    assert problem.batteries.energy_kwh.tolist() == [4.4]


def test_what_the_tick_believes_wins_over_the_readings() -> None:
    nan = np.nan
    held = Held(
        assets=(AssetId("home-bat"), CAR),
        lo_kwh=np.array([3.0, nan]),
        hi_kwh=np.array([6.0, nan]),
        capacity_kwh=np.array([9.0, nan]),
    )
    batteries = build(two_sites(), POOL, outlook(held=held)).batteries
    assert (batteries.energy_kwh.tolist(), batteries.max_kwh.tolist()) == ([4.5], [9.0])
    doubted = replace(held, lo_kwh=np.array([nan, nan]))
    assert build(two_sites(), POOL, outlook(held=doubted)).batteries.ids == ()


def test_a_tapering_battery_keeps_its_rating_for_the_day() -> None:
    measured = {"home-bat": {Quantity.SOC: 1.0, Quantity.LIMIT_CHARGE_KW: 0.0}}
    problem = build(two_sites(), POOL, outlook(snapshot=snapshot(two_sites(), measured)))
    assert problem.batteries.charge_kw.tolist() == [4.0]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"snapshot": snapshot(two_sites(), {})}, "its stored energy is unknown"),
        ({"writable": frozenset()}, "it may not be commanded"),
    ],
)
def test_a_battery_that_cannot_be_counted_on_is_left_out_and_named(
    change: dict[str, Any], why: str
) -> None:
    problem = build(two_sites(), POOL, outlook(**change))
    assert problem.batteries.ids == ()
    assert f"battery home-bat left out: {why}" in problem.extra


def test_plants_share_their_sites_sun_by_size_and_only_writable_ones_are_curtailed() -> None:
    plants = build(two_sites(), POOL, outlook()).pv
    assert plants.ids == ("home-pv", "home-pv-2")
    np.testing.assert_allclose(plants.available_kw[:, 0], [4.0, 2.0])
    assert plants.curtailable == (True, False)


def test_a_car_is_there_until_it_leaves_and_needs_what_is_not_delivered_yet() -> None:
    sessions = build(two_sites(), POOL, with_car(session())).sessions
    assert sessions.need_kwh.tolist() == [7.0]
    np.testing.assert_allclose(sessions.max_kw[0, :5], [7.4, 7.4, 7.4, 7.4 / 3, 0.0])
    assert not sessions.guaranteed_kw.any()


def test_a_car_that_says_nothing_gets_the_guaranteed_power_until_the_stations_default() -> None:
    car = session(departure=None, need_kwh=None, delivered_kwh=10.0)
    sessions = build(two_sites(), POOL, with_car(car)).sessions
    assert sessions.need_kwh.tolist() == [2.0]
    np.testing.assert_allclose(sessions.guaranteed_kw[0, :3], [4.1, 3.9, 0.0])


def test_a_car_that_takes_nothing_below_its_own_minimum_is_guaranteed_that() -> None:
    car = session(departure=None, need_kwh=None, delivered_kwh=5.0, min_kw=6.0)
    sessions = build(two_sites(), POOL, with_car(car)).sessions
    np.testing.assert_allclose(sessions.guaranteed_kw[0, :3], [6.0, 6.0, 6.0])


def test_expected_arrivals_are_demand_only_while_the_connector_is_free() -> None:
    without = build(two_sites(), POOL, outlook()).load_kw
    np.testing.assert_allclose(without[1], 6.5)
    taken = build(two_sites(), POOL, with_car(session())).load_kw
    np.testing.assert_allclose(taken[1, :5], [5.0, 5.0, 5.0, 6.0, 6.5])


def test_a_rating_in_kva_reaches_the_plan_as_kw() -> None:
    stated = "rating_kw: {import: 30, export: 20}"
    assert stated in TWO_SITES
    text = TWO_SITES.replace(stated, f"{stated}, rating_kva: 31, power_factor: 0.8")
    nodes = build(read_city(text, "two.yaml").portfolio, POOL, outlook()).nodes
    np.testing.assert_allclose(nodes.import_kw[:, 0], [100.0, 24.8, 50.0])
    np.testing.assert_allclose(nodes.export_kw[:, 0], [60.0, 20.0, 50.0])


def test_a_contract_in_kva_reaches_the_plan_as_kw() -> None:
    text = TWO_SITES.replace("contract_kw: {import: 40}", "contract_kva: {import: 40, export: 30}")
    nodes = build(read_city(text, "two.yaml").portfolio, POOL, outlook()).nodes
    np.testing.assert_allclose(nodes.contract_import_kw[:, 0], [38.0, np.inf, np.inf])
    np.testing.assert_allclose(nodes.contract_export_kw[:, 0], [28.5, np.inf, np.inf])
    assert nodes.import_kw[:, 0].tolist() == [100.0, 30.0, 50.0]


def test_limits_prices_and_what_is_paid_already() -> None:
    problem = build(two_sites(), POOL, outlook(billing=Billing(peak_paid_kw=12.0)))
    assert problem.nodes.ids == ("street", "home", "shop")
    assert problem.nodes.parent.tolist() == [-1, 0, 0]
    assert problem.nodes.import_kw[:, 0].tolist() == [100.0, 30.0, 50.0]
    assert problem.nodes.contract_import_kw[:, 0].tolist() == [40.0, np.inf, np.inf]
    assert set(problem.prices.import_per_kwh) == {100.0}
    assert problem.prices.currency == "KRW"
    assert (problem.prices.peak_per_kw, problem.prices.peak_paid_kw) == (6000.0, 12.0)


@pytest.mark.parametrize(
    ("so_far_kw", "left_kw"), [(40.0, 40.0), (10.0, 100.0), (50.0, 20.0), (90.0, 0.0)]
)
def test_a_contract_leaves_the_rest_of_its_interval_what_was_not_imported(
    so_far_kw: float, left_kw: float
) -> None:
    """Ten of fifteen minutes are over; the slots after that are not concerned."""
    begun = SlotGrid(edges_s=np.append(GRID.edges_s[0] + 600.0, GRID.edges_s[1:]))
    settled = Billing(running_import_kw=so_far_kw, running_part=2 / 3)
    problem = build(two_sites(), POOL, outlook(grid=begun, billing=settled))
    assert problem.nodes.contract_import_kw[0] == pytest.approx([left_kw] + [40.0] * 7)
    assert problem.nodes.contract_import_kw[1:].min() == np.inf
    assert problem.prices.running_import_kw == so_far_kw
    assert problem.prices.running_part == 2 / 3


def test_the_net_band_adds_independent_errors() -> None:
    problem = build(two_sites(), POOL, outlook())
    assert problem.net_low_kw is not None
    assert problem.net_high_kw is not None
    np.testing.assert_allclose(problem.net_low_kw, 2.5 - 0.5)
    np.testing.assert_allclose(problem.net_high_kw, 2.5 + 0.5)


def test_the_band_and_the_feeders_margin_hold_cars_that_are_expected() -> None:
    """3 kW more or less of the station's 5: beside errors of 0.5 kW at the home."""
    known = outlook().forecasts
    cars = forecast("shop-cp", Quantity.POWER_KW, GRID, 5.0, spread_kw=3.0)
    problem = build(two_sites(), POOL, outlook(forecasts={**known, (CAR, cars.quantity): cars}))
    assert problem.net_low_kw is not None
    assert problem.net_high_kw is not None
    wide = np.hypot(0.5, 3.0)
    np.testing.assert_allclose(problem.net_low_kw, 6.0 - wide)
    np.testing.assert_allclose(problem.net_high_kw, 6.0 + wide)
    for margin_kw in (problem.nodes.margin_import_kw, problem.nodes.margin_export_kw):
        np.testing.assert_allclose(margin_kw[:, 0], [wide, 0.5, 3.0])


def test_while_a_known_car_stays_no_other_is_expected_at_its_connector() -> None:
    cars = forecast("shop-cp", Quantity.POWER_KW, GRID, 5.0, spread_kw=3.0)
    there = with_car(session())
    asked = replace(there, forecasts={**there.forecasts, (CAR, cars.quantity): cars})
    margin_kw = build(two_sites(), POOL, asked).nodes.margin_import_kw[2]
    np.testing.assert_allclose(margin_kw, [0.0, 0.0, 0.0, 2.0, 3.0, 3.0, 3.0, 3.0])


def test_the_margin_of_a_pool_that_is_foreseen_as_a_whole_is_that_of_its_own_errors() -> None:
    whole = forecast(POOL, Quantity.UNCONTROLLED_KW, GRID, 1.0, spread_kw=np.linspace(1, 4, 8))
    known = {**outlook().forecasts, (POOL, whole.quantity): whole}
    nodes = build(two_sites(), POOL, outlook(forecasts=known)).nodes
    np.testing.assert_allclose(nodes.margin_import_kw[0], np.linspace(1, 4, 8))
    np.testing.assert_allclose(nodes.margin_import_kw[1], 0.5)


def test_energy_is_planned_with_what_is_expected_and_not_with_the_middle() -> None:
    known = outlook().forecasts
    whole = forecast(POOL, Quantity.UNCONTROLLED_KW, GRID, 1.0)
    mean = {
        key: replace(one, mean_kw=one.middle_kw + 0.25)
        for key, one in {**known, (POOL, whole.quantity): whole}.items()
    }
    of_middle = build(
        two_sites(), POOL, outlook(forecasts={**known, (POOL, whole.quantity): whole})
    )
    problem = build(two_sites(), POOL, outlook(forecasts=mean))
    np.testing.assert_allclose(problem.load_kw - of_middle.load_kw, 0.25)
    more_kw = (problem.pv.available_kw - of_middle.pv.available_kw).sum(axis=0)
    np.testing.assert_allclose(more_kw, 0.25)
    assert problem.foreseen is not None
    assert of_middle.foreseen is not None
    np.testing.assert_allclose(problem.foreseen.middle_kw - of_middle.foreseen.middle_kw, 0.25)


def test_a_site_of_which_something_is_not_forecast_gets_no_plan_and_is_named() -> None:
    known = outlook().forecasts
    for missing, named in (
        (("shop", Quantity.POWER_KW), "no forecast of the load of site shop"),
        (("home", Quantity.AVAILABLE_KW), "no forecast of the sun of site home"),
    ):
        rest = {key: one for key, one in known.items() if key != missing}
        with pytest.raises(ProblemRejected, match=named):
            build(two_sites(), POOL, outlook(forecasts=rest))


def test_a_site_that_has_no_load_needs_no_forecast_of_one() -> None:
    text = TWO_SITES.replace("  - {id: shop-load, site: shop, kind: load, max_kw: 20}\n", "")
    city = read_city(text, "two.yaml").portfolio
    known = {key: one for key, one in outlook().forecasts.items() if key[0] != "shop"}
    problem = build(city, POOL, outlook(forecasts=known))
    np.testing.assert_allclose(problem.load_kw, [[2.0] * 8, [1.5] * 8])
    assert problem.net_low_kw is not None


def test_the_least_net_is_that_under_the_clearest_sky_seen_lately() -> None:
    asked = outlook()
    assert build(two_sites(), POOL, asked).least_net_kw is None
    clear = {
        key: replace(each, most_kw=np.full(len(each.grid), 5.0))
        for key, each in asked.forecasts.items()
    }
    problem = build(two_sites(), POOL, replace(asked, forecasts=clear))
    assert problem.least_net_kw is not None
    np.testing.assert_allclose(problem.least_net_kw, 2.0 + 5.0 - 0.3 - 5.0)


def test_a_shared_rating_names_members_by_their_place() -> None:
    limit = SharedLimit(
        assets=frozenset(map(AssetId, ("home-bat", "home-pv-2"))), lo_kw=-5.0, hi_kw=4.0
    )
    (shared,) = build(two_sites(), POOL, outlook(shared_limits=(limit,))).shared
    assert (shared.batteries.tolist(), shared.pv.tolist()) == ([0], [1])
    assert (shared.in_kw, shared.out_kw) == (4.0, 5.0)
