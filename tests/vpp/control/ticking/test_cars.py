"""What cars are offered."""

from dataclasses import replace

import numpy as np
import pytest

from tests.vpp.control.ticking.city import House, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import session
from tests.vpp.control.ticking.weather import always
from vpp.control.inputs import Timing
from vpp.domain.capability import Form
from vpp.domain.ids import AssetId


def test_a_car_that_draws_nothing_yet_is_offered_its_minimum_at_once() -> None:
    run = Run(Plant(city=city([House(cars=[(4.1, 11.0)])]), load=always(2.0))).ticks(5)
    run.plant.most_kw = {"car0-0": 0.0}
    session(run, "car0-0", None, None)
    run.ticks(1)
    assert [c.setpoint.hi_kw for c in run.last.commands] == [4.1]


def test_a_car_of_unknown_departure_gets_its_guaranteed_minimum_at_once() -> None:
    of = city([House(cars=[(4.1, 11.0)])])
    run = Run(Plant(city=of, load=always(2.0))).ticks(20)
    session(run, "car0-0", None, None)
    run.ticks(1)
    (command,) = run.last.commands
    assert command.setpoint.form is Form.CEILING
    assert command.setpoint.hi_kw == pytest.approx(4.1)
    run.ticks(200)
    assert run.plant.power[1] == pytest.approx(4.1)


@pytest.mark.parametrize("hours", [None, 8.0])
def test_a_car_that_takes_nothing_below_its_own_minimum_is_offered_it_or_nothing(
    hours: float | None,
) -> None:
    run = Run(Plant(city=city([House(cars=[(4.1, 11.0)])]), load=always(-5.0)))
    session(run, "car0-0", need_kwh=16.0, hours=hours, min_kw=5.8)
    run.ticks(600)
    offered = {round(d.setpoint.hi_kw, 6) for _, d in run.plant.log}
    assert max(offered) == pytest.approx(5.8)
    assert offered <= {0.0, 5.8}


def test_a_minimum_above_what_the_station_gives_is_all_that_it_gives() -> None:
    run = Run(Plant(city=city([House(cars=[(4.1, 11.0)])]), load=always(2.0)))
    session(run, "car0-0", need_kwh=30.0, hours=1.0, min_kw=99.0, max_kw=99.0)
    run.ticks(60)
    assert run.plant.power[1] == pytest.approx(11.0)


def test_below_the_floor_a_car_charges_in_blocks_and_loses_no_energy() -> None:
    of = city(
        [House(cars=[(4.1, 11.0)])],
        timing=Timing(tick_s=10.0, start_ramp_per_min=100.0, write_interval_s=10.0),
    )
    run = Run(Plant(city=of, load=always(5.0)))
    session(run, "car0-0", need_kwh=8.0, hours=4.0)
    run.ticks(1440 - 30)
    power = np.array([h[2][1] for h in run.plant.history])[3:]  # before, nobody had told it
    on = power > 0
    assert set(np.round(power[on], 3)) <= {4.1, 11.0}
    switches = np.flatnonzero(np.diff(on.astype(int)))
    assert np.diff(switches).min() >= 29
    assert run.plant.given_kwh[1] == pytest.approx(8.0, abs=0.6)


def test_a_car_takes_surplus_when_there_is_some() -> None:
    of = city([House(cars=[(4.1, 11.0)])])
    run = Run(Plant(city=of, load=always(-9.0)))
    session(run, "car0-0", need_kwh=40.0, hours=10.0)
    run.ticks(400)
    assert run.plant.power[1] == pytest.approx(9.0, abs=0.8)


def test_surplus_goes_first_to_the_car_that_can_wait_least() -> None:
    of = city([House(cars=[(0.0, 11.0), (0.0, 11.0)])])
    run = Run(Plant(city=of, load=always(-9.0)))
    session(run, "car0-0", need_kwh=20.0, hours=20.0)
    session(run, "car0-1", need_kwh=20.0, hours=4.0)
    run.ticks(400)
    at = run.plant.pool.asset_at
    patient, hurried = (run.plant.power[at[AssetId(car)]] for car in ("car0-0", "car0-1"))
    assert patient == pytest.approx(1.0, abs=0.3)
    assert hurried == pytest.approx(8.0, abs=1.0)


@pytest.mark.parametrize("hours", [None, 0.5, 10.0])
def test_a_car_that_takes_less_than_the_floor_is_offered_the_floor_or_nothing(
    hours: float | None,
) -> None:
    run = Run(Plant(city=city([House(cars=[(4.1, 11.0)])]), load=always(-9.0)))
    session(run, "car0-0", need_kwh=40.0, hours=hours)
    car = run.plant.sessions[AssetId("car0-0")]
    assert car is not None
    run.plant.sessions[AssetId("car0-0")] = replace(car, max_kw=3.0)
    run.ticks(60)
    offers = {decision.setpoint.hi_kw for _, decision in run.plant.log}
    assert 4.1 in offers
    assert offers <= {0.0, 4.1}
    assert run.plant.power[1] == pytest.approx(3.0)
