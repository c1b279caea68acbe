"""After a start, and when much comes back at once, power rises slowly and not all together."""

import numpy as np
import pytest

from tests.vpp.control.ticking.city import City, House, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import houses, session, surplus
from tests.vpp.control.ticking.weather import always
from vpp.control.inputs import Timing
from vpp.domain.arrays import Floats
from vpp.domain.devices import Authority

PER_MIN_KW = 20.0
COUNT = 10
NAMES = [f"bat{h}-0" for h in range(COUNT)]


def feeder(of: list[House] | None = None) -> City:
    return city(of or houses(COUNT), rating_kw=10 * PER_MIN_KW, timing=Timing())


def totals(run: Run) -> Floats:
    return np.asarray(run.battery_kw().sum(axis=1))


def rises_slowly(power: Floats, base: float = 0.0) -> bool:
    minutes = (np.arange(len(power)) + 1) / 60
    return bool((power <= base + PER_MIN_KW * minutes + 1e-6).all())


def test_after_a_start_power_rises_with_the_feeder() -> None:
    run = surplus(feeder(), 12.0).ticks(301)
    assert rises_slowly(totals(run))
    assert totals(run)[-1] >= 90.0
    run.ticks(400)
    assert totals(run)[-1] == pytest.approx(120.0, abs=2.0)


@pytest.mark.parametrize("how", ["link", "authority"])
def test_many_that_come_back_at_once_rise_with_the_feeder_again(how: str) -> None:
    run = surplus(feeder(), 12.0)
    run.plant.offline = set(NAMES) if how == "link" else set()
    run.plant.authority = dict.fromkeys(NAMES, Authority.OBSERVE) if how != "link" else {}
    run.ticks(700)
    run.plant.offline, run.plant.authority = set(), {}
    run.ticks(300)
    power = totals(run)[700:]
    assert rises_slowly(power)
    assert power[-1] >= 90.0


def test_one_that_comes_back_alone_is_not_held_to_the_feeders_ramp() -> None:
    run = surplus(feeder(), 15.0)
    run.plant.offline = {"bat0-0"}
    run.ticks(700)
    run.plant.offline = set()
    run.ticks(100)
    assert run.battery_kw()[-1][0] >= 14.0


def test_cars_that_had_waited_do_not_all_begin_together() -> None:
    def begun() -> list[int]:
        run = Run(Plant(city=city([House(cars=[(4.1, 11.0)] * COUNT)]), load=always(2.0)))
        run.plant.most_kw = {f"car0-{c}": 0.0 for c in range(COUNT)}
        for c in range(COUNT):
            session(run, f"car0-{c}", None, None)
        told = np.array([run.ticks(1).last.wanted_kw[1:] for _ in range(70)])
        return [int(moment) for moment in (told > 0).argmax(axis=0)]

    moments = begun()
    assert len(set(moments)) > COUNT / 2
    assert min(moments) > 0
    assert begun() == moments


def test_cars_that_had_waited_rise_with_the_feeder() -> None:
    of = city([House(cars=[(4.1, 11.0)]) for _ in range(COUNT)], rating_kw=50.0, timing=Timing())
    run = Run(Plant(city=of, load=always(*[0.0] * COUNT)))
    run.plant.most_kw = {f"car{h}-0": 0.0 for h in range(COUNT)}
    for h in range(COUNT):
        session(run, f"car{h}-0", None, None)
    told = np.array([run.ticks(1).last.wanted_kw for _ in range(540)])
    offered = np.nan_to_num(told).sum(axis=1)
    assert (offered <= 5.0 * (np.arange(540) + 1) / 60 + 1e-6).all()
    assert np.nanmin(told[-1]) >= 4.1  # and who waited longest is paid back a little of it


def test_what_ran_at_the_start_runs_on() -> None:
    run = surplus(feeder(), 12.0)
    stores = run.plant.pool.battery
    run.plant.power[stores], run.plant.setpoint[stores], run.plant.expires[stores] = 8, 8, np.inf
    run.ticks(60)
    assert (totals(run) >= 80.0 - 1e-6).all()
    assert rises_slowly(totals(run), base=80.0)


def test_a_car_that_plugs_in_later_is_served_at_once_one_that_waited_is_not() -> None:
    run = Run(Plant(city=city([House(cars=[(4.1, 11.0)] * 2)]), load=always(2.0)))
    run.plant.most_kw = {"car0-0": 0.0}
    session(run, "car0-0", None, None)
    run.ticks(1)
    assert run.last.wanted_kw[1] == 0.0
    run.ticks(5)
    session(run, "car0-1", None, None)
    run.ticks(1)
    assert run.last.wanted_kw[2] == pytest.approx(4.1)
    run.ticks(60)
    assert run.last.wanted_kw[1] == pytest.approx(4.1, abs=0.05)
