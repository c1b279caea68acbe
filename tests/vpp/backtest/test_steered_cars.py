"""Cars of a record, steered by the production planner and tick; nobody knows of them before."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vpp.backtest.weather import hourly
from tests.vpp.control.planning.cities import two_sites
from vpp.backtest.bound import least_cost, least_import
from vpp.backtest.checkpoint import Keeper
from vpp.backtest.data import Recording, Session
from vpp.backtest.feasible import require_feasible
from vpp.backtest.parking import bookings, unsteered
from vpp.backtest.plan_run import PlanRun, Watching, run_plan
from vpp.backtest.prices import recorded_tariff
from vpp.backtest.rules_run import run_rule
from vpp.backtest.score import score
from vpp.backtest.setting import of_city, of_recording
from vpp.backtest.study import Ask, answer
from vpp.backtest.thinking import installed
from vpp.domain.ids import AssetId
from vpp.domain.order import Goals, Order
from vpp.domain.rules import community, on_arrival, surplus_first

DAYS = 3
HOUR_S = 3600.0


def session(
    recording: Recording, number: int, begin_h: float, stay_h: float, **said: float
) -> Session:
    start_s = float(recording.grid.edges_s[0])
    return Session(
        id=f"s{number}",
        charger=f"cp{number % 2}",
        site=number % 2,
        arrival_s=start_s + begin_h * HOUR_S,
        departure_s=start_s + (begin_h + stay_h) * HOUR_S,
        energy_kwh=said.get("energy_kwh", 8.0),
        max_kw=said.get("max_kw", 7.4),
    )


def with_cars(recording: Recording) -> Recording:
    """One a day at each of two chargers, from the evening on; one leaves as the next one comes."""
    hours = [(24.0 * day + 17.3 + 1.5 * at, 13.4) for day in range(DAYS - 1) for at in (0, 1)]
    cars = [session(recording, n, begin, stay) for n, (begin, stay) in enumerate(hours)]
    cars += [session(recording, 6, 9.2, 2.4, energy_kwh=5.0)]
    cars += [session(recording, 8, 11.7, 5.0, energy_kwh=30.0)]
    return replace(recording, sessions=tuple(cars))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return with_cars(hourly(DAYS))


def planned(
    recording: Recording,
    order: Order = Order.LOCAL,
    watching: Watching | None = None,
    every: int = 1,
) -> PlanRun:
    goals = Goals(order=order, allowance=0.0 if order is Order.LOCAL else 0.001)
    setting = of_recording(recording, goals=goals, tariff=recorded_tariff(recording))
    thinking = replace(installed(forecaster="persistence"), every=every, horizon_s=86400.0)
    return run_plan("plan", recording, setting, thinking=thinking, watching=watching)


@pytest.mark.parametrize("order", list(Order))
def test_every_car_gets_all_it_can_while_it_is_there(recording: Recording, order: Order) -> None:
    run = planned(recording, order, every=6).run
    require_feasible(run, recording)
    given_kwh = np.bincount(run.charged.session, run.charged.power_kw, len(recording.sessions))
    wanted = [one.energy_kwh for one in recording.sessions]
    assert given_kwh.tolist() == pytest.approx(wanted, abs=1e-6)
    assert run.unserved_kwh == pytest.approx(0.0, abs=1e-6)


def test_local_use_is_that_of_cars_which_take_the_surplus_first(recording: Recording) -> None:
    recording = replace(recording, sessions=recording.sessions[:-1])
    at_once, first = (
        score(run_rule("x", recording, community, charging=charging), recording)
        for charging in (on_arrival, surplus_first)
    )
    best = score(least_import(recording), recording).self_consumption
    found = score(planned(recording).run, recording).self_consumption
    assert at_once.self_consumption < first.self_consumption - 0.005
    assert found >= first.self_consumption - 0.003
    assert found <= best + 1e-9


def test_in_the_order_of_cost_no_car_charges_dear_that_need_not(recording: Recording) -> None:
    run = planned(recording, Order.COST).run
    assert recording.price_per_kwh is not None
    dear = recording.price_per_kwh > 0.3
    assert (run.ev_kw[:, dear].sum(), run.ev_kw.sum()) == (
        pytest.approx(0.0, abs=1e-6),
        pytest.approx(sum(one.energy_kwh for one in recording.sessions)),
    )
    at_once = run_rule("x", recording, community)
    assert score(run, recording).cost < score(at_once, recording).cost
    assert score(least_cost(recording), recording).cost <= score(run, recording).cost + 1e-6


def test_a_car_that_finds_another_is_seen_later_or_charges_as_it_arrives() -> None:
    made = hourly(DAYS)
    leaves = session(made, 0, 8.0, 4.3)
    waits = session(made, 2, 12.5, 6.0, energy_kwh=20.0)
    hurries = session(made, 4, 18.7, 1.0, energy_kwh=6.0)
    record = replace(made, sessions=(leaves, waits, hurries))
    booked = bookings(record, of_recording(record))
    assert [(one.session.id, one.first, one.last) for one in booked] == [
        ("s0", 8, 12),
        ("s2", 13, 18),
    ]
    assert booked[1].session.arrival_s == made.grid.edges_s[13]
    assert unsteered(record, booked) == [2]


@settings(max_examples=2, deadline=None)
@given(first=st.integers(30, 50), seed=st.integers(0, 99))
def test_nothing_is_known_of_cars_that_are_to_come(first: int, seed: int) -> None:
    """Whatever cars come from some hour on, what was done before is the same."""
    record = with_cars(hourly(DAYS))
    random, at_s = np.random.default_rng(seed), float(record.grid.edges_s[first])
    changed = tuple(
        one if one.arrival_s < at_s else replace(one, energy_kwh=float(random.uniform(1.0, 20.0)))
        for one in record.sessions
    )
    setting = of_recording(record)
    thinking = replace(installed(forecaster="persistence"), every=12, horizon_s=43200.0)
    one, other = (
        run_plan("plan", each, setting, thinking=thinking).run
        for each in (record, replace(record, sessions=changed))
    )
    assert np.array_equal(one.ev_kw[:, :first], other.ev_kw[:, :first])
    assert np.array_equal(one.battery_kw[:, :first], other.battery_kw[:, :first])


def test_a_run_with_cars_that_goes_on_ends_as_one_that_ran_through(tmp_path: Path) -> None:
    record = with_cars(hourly(9))
    through = planned(record, every=12).run

    def stop(slot: int) -> None:
        if slot == 7 * 24 + 5:
            raise KeyboardInterrupt

    keeper = Keeper(tmp_path / "plan.run", "the same")
    with pytest.raises(KeyboardInterrupt):
        planned(record, watching=Watching(progress=stop, keeper=keeper), every=12)
    resumed = planned(record, watching=Watching(keeper=keeper), every=12).run
    assert np.array_equal(resumed.ev_kw, through.ev_kw)
    assert np.array_equal(resumed.battery_kw, through.battery_kw)
    assert resumed.unserved_kwh == through.unserved_kwh


def test_the_bound_steers_cars_too(recording: Recording) -> None:
    best = least_import(recording)
    require_feasible(best, recording)
    assert best.unserved_kwh == pytest.approx(0.0, abs=1e-6)
    surplus = run_rule("x", recording, community, charging=surplus_first)
    used = [score(run, recording).self_consumption for run in (surplus, best)]
    assert used[1] >= used[0] - 1e-9


def test_cars_of_a_city_are_steered_at_its_chargers_and_nowhere_else() -> None:
    portfolio = two_sites()
    made = replace(hourly(2), sites=("home", "shop", "c"))
    cars = tuple(
        replace(session(made, 1, 9.0, 6.0), id=name, charger=name, site=1)
        for name in ("shop-cp", "elsewhere")
    )
    record = replace(
        made,
        sites=tuple(portfolio.sites),
        load_kw=made.load_kw[: len(portfolio.sites)],
        pv_kw=made.pv_kw[: len(portfolio.sites)],
        batteries=(),
        storage=made.storage.subset(np.zeros(0, np.int64)),
        start_kwh=np.zeros(0),
        sessions=cars,
    )
    setting = of_city(record, portfolio)
    assert setting.chargers == {"shop-cp": AssetId("shop-cp")}
    assert [one.session.id for one in bookings(record, setting)] == ["shop-cp"]


def test_an_answer_shows_what_was_charged(recording: Recording) -> None:
    made = answer(Ask(forecast="none"), recording)
    require_feasible(made.run, recording)
    assert made.run.ev_kw.sum() == pytest.approx(made.bound.ev_kw.sum(), abs=1e-6)
    assert not np.allclose(made.run.ev_kw, made.beside[0].ev_kw)
