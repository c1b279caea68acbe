"""What a car leaves of its offer goes to others, for as long as it does."""

import numpy as np
import pytest

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import news, session
from tests.vpp.control.ticking.weather import always
from vpp.control.inputs import Timing
from vpp.domain.ids import AssetId
from vpp.domain.outcome import Cause, Outcome
from vpp.domain.session import EvSession

TIMING = Timing(
    tick_s=10.0, freshness_s=50, refresh_s=20, life_s=150, write_interval_s=10.0,
    start_ramp_per_min=100.0,
)  # fmt: skip
MINUTES = 6
"""Ticks."""


def depot(limit_kw: float, *, cars: int = 2, stores: int = 0, surplus_kw: float = 0.0) -> Run:
    houses = [
        House(cars=[(4.1, 11.0)] * cars, stores=[Store(kwh=200.0)] * stores, rating_kw=limit_kw),
        House(load_kw=100.0),
    ]
    run = Run(Plant(city=city(houses, timing=TIMING), load=always(0.0, -surplus_kw)))
    for car in range(cars):
        session(run, f"car0-{car}", need_kwh=11.0, hours=1.0)
    run.each = lambda run: draws_less(run, "car0-0")
    return run.ticks(3 * MINUTES)


def draws_less(run: Run, asset: str) -> None:
    """As the outcome book tells it: the ceiling is held, and the car stays below it."""
    at = run.plant.pool.asset_at[AssetId(asset)]
    if run.plant.log and run.plant.power[at] < run.plant.setpoint[at] - 0.33:
        news(run, asset, Outcome.LIMITED, Cause.CAR_DRAWS_LESS)


def offered(run: Run, asset: str) -> float:
    return float(run.last.wanted_kw[run.plant.city.layout.assets.index(AssetId(asset))])


def test_what_a_car_leaves_goes_to_the_other_lastingly_and_comes_back() -> None:
    run = depot(16.0)
    assert offered(run, "car0-0") == pytest.approx(8.0, abs=0.3)
    run.plant.most_kw = {"car0-0": 4.5}
    run.ticks(3 * MINUTES)
    for _ in range(10 * MINUTES):
        run.ticks(1)
        assert 4.5 <= offered(run, "car0-0") <= 5.7
        assert offered(run, "car0-1") >= 10.0
    run.plant.most_kw = {}
    run.ticks(5 * MINUTES)
    assert offered(run, "car0-0") == pytest.approx(offered(run, "car0-1"), abs=2.5)
    assert offered(run, "car0-0") >= 7.0


def test_what_a_car_leaves_goes_to_a_battery_behind_the_same_fuse() -> None:
    run = depot(14.0, cars=1, stores=1, surplus_kw=40.0)
    assert run.battery_kw()[-1][0] <= 3.1
    run.plant.most_kw = {"car0-0": 4.5}
    run.ticks(3 * MINUTES)
    assert (run.ticks(10 * MINUTES).battery_kw()[-10 * MINUTES :, 0] >= 8.0).all()
    assert run.plant.nets()[0] <= 14.0 + 1e-6
    run.plant.most_kw = {}
    run.ticks(3 * MINUTES)
    assert run.plant.power[run.plant.pool.car][0] >= 10.0


def test_a_car_that_tapers_is_followed_down() -> None:
    run = depot(30.0, cars=1)
    seen = []
    for most_kw in (9.0, 7.0, 5.0, 2.0, 0.0):
        run.plant.most_kw = {"car0-0": most_kw}
        run.ticks(4 * MINUTES)
        seen.append(offered(run, "car0-0"))
    assert seen == pytest.approx([10.1, 8.1, 6.1, 4.1, 4.1], abs=0.3)


def test_a_full_cars_turns_go_to_the_others_until_it_is_tried_again() -> None:
    run = depot(4.5)
    run.plant.most_kw = {"car0-0": 0.0}
    run.ticks(10 * MINUTES)
    ticks = 60 * MINUTES
    told = np.array(
        [run.ticks(1).last.wanted_kw[run.plant.pool.car.nonzero()[0]] for _ in range(ticks)]
    )
    parts = (told > 0).mean(axis=0)
    assert 0.05 <= parts[0] <= 0.25, "tried now and then"
    assert parts[1] >= 0.7
    run.plant.most_kw = {}
    run.ticks(35 * MINUTES)
    before = run.plant.given_kwh[1]
    run.ticks(30 * MINUTES)
    assert run.plant.given_kwh[1] - before >= 0.3 * 4.1 * 0.5


def test_where_there_is_room_a_car_that_draws_nothing_keeps_its_floor_and_begins_by_itself() -> (
    None
):
    run = depot(30.0)
    run.plant.most_kw = {"car0-0": 0.0}
    run.ticks(20 * MINUTES)
    assert offered(run, "car0-0") == pytest.approx(4.1)
    run.plant.most_kw = {}
    run.ticks(MINUTES)
    assert run.plant.power[1] >= 10.0


def test_the_next_car_is_offered_all_at_once() -> None:
    run = depot(30.0, cars=1)
    run.plant.most_kw = {"car0-0": 0.0}
    run.ticks(5 * MINUTES)
    run.plant.most_kw = {}
    run.plant.sessions[AssetId("car0-0")] = EvSession(
        id="next", asset=AssetId("car0-0"), arrival=run.plant.at, need_kwh=40.0,
        departure=run.plant.sessions[AssetId("car0-0")].departure, max_kw=11.0,  # type: ignore[union-attr]
    )  # fmt: skip
    run.ticks(2)
    assert offered(run, "car0-0") == pytest.approx(11.0)


def test_of_a_station_that_nobody_hears_nothing_is_learned() -> None:
    run = depot(30.0, cars=1)
    run.plant.offline, run.plant.expires[1] = {"car0-0"}, np.inf
    run.plant.most_kw = {"car0-0": 0.0}
    run.ticks(5 * MINUTES)
    assert run.state.memory.takes_kw[1] == np.inf
