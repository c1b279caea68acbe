"""What is not measured now costs as little as it may, and never goes the wrong way."""

import numpy as np
import pytest

from tests.vpp.control.ticking.city import City, House, Store, city
from tests.vpp.control.ticking.plant import NOON, Plant, Run
from tests.vpp.control.ticking.runs import codes, houses, proposal, session, surplus
from tests.vpp.control.ticking.weather import always
from vpp.domain.devices import Authority
from vpp.domain.forecast import Forecast
from vpp.domain.ids import SiteId
from vpp.domain.ladder import Rung
from vpp.domain.points import Quantity
from vpp.domain.proposal import Rank, ScopeKind
from vpp.domain.slots import SlotGrid


def forecasts(of: City, low: float, high: float) -> dict[SiteId, tuple[Forecast, ...]]:
    grid = SlotGrid.containing(NOON, count=8, step_s=900.0)
    return {
        site: (
            Forecast(
                subject=site, quantity=Quantity.POWER_KW, grid=grid, issued_at=NOON, source="test",
                values_kw=np.repeat([[low], [(low + high) / 2], [high]], 8, axis=1),
            ),
        )
        for site in of.model.compiled.sites
    }  # fmt: skip


@pytest.mark.parametrize("stale", [1, 5, 20])
def test_stale_meters_leave_the_others_working_and_nobody_the_wrong_way(stale: int) -> None:
    of = city(houses(20), boundary=False)
    run = surplus(of, 10.0)
    run.forecasts = forecasts(of, -12.0, -2.0)
    run.ticks(60)
    before = run.battery_kw()[-1]
    assert before.sum() == pytest.approx(200.0, abs=10)
    run.plant.stale_meters = {f"meter{h}" for h in range(stale)}
    run.ticks(15)
    widened = run.battery_kw()[-1]
    assert widened[:stale].sum() <= before[:stale].sum() + 0.1, "an increase under a stale meter"
    assert widened.sum() <= 10.0 * (20 - stale) + 10.0 * stale + 5
    assert "STALE_METER" in codes(run)
    run.ticks(60)
    blind = run.battery_kw()[-1]
    assert blind[:stale] == pytest.approx(np.zeros(stale), abs=1e-6)
    assert blind[stale:].sum() == pytest.approx(10.0 * (20 - stale), abs=8)
    assert (run.battery_kw()[60:] >= -1e-6).all(), "a battery discharged into a surplus"
    assert "FEEDER_BLIND" in codes(run)
    assert run.last.rungs["site0"] is Rung.SAFE_STATE
    if stale < 20:
        assert run.last.rungs["site19"] is Rung.SURPLUS_RULE
    run.plant.stale_meters = set()
    run.ticks(90)
    assert run.battery_kw()[-1].sum() == pytest.approx(200.0, abs=12)
    assert not codes(run) & {"FEEDER_BLIND", "STALE_METER"}


def test_the_interval_reaches_the_forecast_before_the_site_is_given_up() -> None:
    of = city(houses(4), boundary=False)
    run = surplus(of, 10.0)
    run.forecasts = forecasts(of, -12.0, -2.0)
    run.ticks(60)
    run.plant.stale_meters = {"meter0"}
    run.ticks(19)
    assert run.last.served_kw == pytest.approx(-30.0 - 2.8, abs=1.0)


def test_a_meter_that_has_not_spoken_yet_is_no_alarm_before_its_time() -> None:
    run = surplus(city(houses(2), boundary=False), 5.0)
    run.plant.stale_meters = {"meter0"}
    run.plant.frozen_meters["meter0"] = (float("nan"), -np.inf)
    run.ticks(15)
    assert not codes(run)
    assert {d.asset for _, d in run.plant.log} == {"bat1-0"}
    run.ticks(10)
    assert codes(run) == {"FEEDER_BLIND"}


def test_a_worst_case_is_no_shortfall_before_the_meter_had_time_to_speak() -> None:
    of = city([House(stores=[Store()], rating_kw=4.0, load_kw=40.0)], boundary=False)
    run = Run(Plant(city=of, load=always(1.0)))
    run.plant.stale_meters = {"meter0"}
    run.plant.frozen_meters["meter0"] = (float("nan"), -np.inf)
    for _ in range(round(of.model.timing.freshness_s)):
        assert "SHORTFALL" not in codes(run.ticks(1))
    assert "SHORTFALL" in codes(run.ticks(2))


def test_an_overload_that_is_measured_is_a_shortfall_at_once() -> None:
    of = city([House(stores=[Store()], rating_kw=4.0, load_kw=40.0)], boundary=False)
    run = Run(Plant(city=of, load=always(30.0), soc=0.0)).ticks(1)
    assert "SHORTFALL" in codes(run)


def test_a_stale_boundary_meter_is_replaced_by_its_sites() -> None:
    run = surplus(city(houses(5)), 8.0).ticks(60)
    run.plant.stale_meters = {"boundary"}
    run.ticks(60)
    assert run.battery_kw()[-1].sum() == pytest.approx(40.0, abs=3)


def test_no_override_charges_a_battery_under_a_stale_meter() -> None:
    run = Run(Plant(city=city(houses(2)), load=always(0.0, 0.0)))
    run.ticks(60)
    assert run.battery_kw()[-1] == pytest.approx([0.0, 0.0])
    run.plant.stale_meters = {"boundary", "meter0"}
    at_least = proposal("op", ScopeKind.ASSET, "bat0-0", Rank.OVERRIDE, lo_kw=7.0, hi_kw=9.0)
    run.proposals = (at_least,)
    assert run.ticks(8).battery_kw()[-8:, 0].max() == pytest.approx(0.0)


@pytest.mark.parametrize("heard", [True, False])
def test_a_car_that_nobody_steers_counts_where_a_meter_is_lost(heard: bool) -> None:
    """It plugs in while the site's meter says nothing: no forecast has it, its station has."""
    of = city([House(stores=[Store()], cars=[(4.1, 11.0)]), *houses(3)], boundary=False)
    run = surplus(of, 10.0)
    run.plant.authority = {"car0-0": Authority.OBSERVE}
    run.forecasts = forecasts(of, -12.0, -2.0)
    run.ticks(60)
    run.plant.stale_meters = {"meter0"}
    session(run, "car0-0", need_kwh=20.0, hours=8.0)
    if not heard:
        run.plant.offline = {"car0-0"}
    run.ticks(19)
    drawn_kw = 4.1 if heard else 11.0
    assert run.last.served_kw == pytest.approx(-30.0 - 2.8 + 0.9 * drawn_kw, abs=1.0)


def test_a_car_that_is_steered_counts_once_where_a_meter_is_lost() -> None:
    of = city([House(stores=[Store()], cars=[(4.1, 11.0)]), *houses(3)], boundary=False)
    run = surplus(of, 10.0)
    run.forecasts = forecasts(of, -12.0, -2.0)
    session(run, "car0-0", need_kwh=20.0, hours=8.0)
    run.ticks(60)
    run.plant.stale_meters = {"meter0"}
    run.ticks(19)
    drawn_kw = run.plant.power[run.plant.pool.car].sum()
    assert drawn_kw >= 4.1
    assert run.last.served_kw == pytest.approx(-30.0 - 2.8 + drawn_kw, abs=1.0)
