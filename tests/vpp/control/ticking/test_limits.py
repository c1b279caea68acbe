"""Ratings, windows and ramps hold whatever the pool wants."""

import numpy as np
import pytest

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import houses, session, surplus
from tests.vpp.control.ticking.weather import always
from vpp.domain.command import WriteClass
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId


def test_enabling_is_bumpless() -> None:
    run = surplus(city(houses(1)), 12.0)
    run.plant.authority = {"bat0-0": Authority.OBSERVE}
    run.ticks(5)
    run.plant.power[1], run.plant.setpoint[1], run.plant.expires[1] = -6.0, -6.0, np.inf
    run.ticks(2)
    run.plant.authority = {}
    run.ticks(1)
    (first,) = run.last.commands
    assert first.setpoint.target_kw == pytest.approx(-6.0)
    run.ticks(120)
    told = [
        d.setpoint.target_kw for _, d in run.plant.log if d.write_class is not WriteClass.REFRESH
    ]
    assert np.diff(told).max() <= 30.0 / 60 * 7
    assert run.battery_kw()[-1][0] == pytest.approx(12.0, abs=0.3)


def test_a_site_limit_holds_whatever_the_pool_wants() -> None:
    of = city([House(stores=[Store()], rating_kw=8.0), *houses(3)])
    run = Run(Plant(city=of, load=always(5.0, -20.0, -10.0, -8.0)))
    run.ticks(120)
    nets = np.array([h[1][0] for h in run.plant.history])
    assert (nets <= 8.0 + 1e-6).all()
    assert run.battery_kw()[-1].sum() == pytest.approx(33.0, abs=2)


def test_a_site_over_its_limit_is_relieved_at_once() -> None:
    of = city([House(stores=[Store()], rating_kw=8.0), House(stores=[Store()])])
    levels = {"load": 2.0}
    run = Run(Plant(city=of, load=lambda _: np.array([levels["load"], -20.0])))
    run.ticks(120)
    levels["load"] = 14.0
    run.ticks(4)
    assert run.plant.nets()[0] <= 8.0 + 1e-6
    assert any(d.write_class is WriteClass.PROTECTION for _, d in run.plant.log)


def test_the_energy_window_holds_for_the_whole_life_of_every_setpoint() -> None:
    run = surplus(city(houses(2, kwh=4.0)), 12.0, soc=0.7)
    while run.tick < 900:
        run.ticks(1)
        for command in run.last.commands:
            at = run.plant.pool.asset_at[command.asset]
            hours = (command.setpoint.expires_s - run.plant.now_s) / 3600
            kw = command.setpoint.target_kw
            gain = kw * 0.95 * hours if kw > 0 else kw / 0.95 * hours
            assert -1e-6 <= run.plant.energy[at] + gain <= 4.0 + 1e-6
    assert run.plant.energy[run.plant.pool.battery] == pytest.approx([4.0, 4.0], abs=0.05)


def test_room_that_a_charger_nobody_hears_has_left_is_not_given_away() -> None:
    of = city([House(stores=[Store()], cars=[(4.1, 11.0)], rating_kw=14.0), House(load_kw=50.0)])
    run = Run(Plant(city=of, load=always(0.0, -40.0)))
    car = run.plant.pool.asset_at[AssetId("car0-0")]
    session(run, "car0-0", 30.0, 2.0)
    run.ticks(100)
    assert run.plant.power[car] == pytest.approx(11.0)
    run.plant.offline, run.plant.expires[car] = {"car0-0"}, np.inf
    run.ticks(5)
    run.plant.most_kw = {"car0-0": 0.0}
    run.ticks(60)
    assert run.battery_kw()[-1][0] <= 3.0 + 1e-6, "the car may go on at any moment"
    run.plant.most_kw = {}
    for _ in range(20):
        run.ticks(1)
        assert run.plant.nets()[0] <= 14.0 + 1e-6


def test_an_unread_charger_counts_at_its_worst_on_its_feeder() -> None:
    of = city([House(stores=[Store()], cars=[(4.1, 11.0)], rating_kw=14.0), House(load_kw=50.0)])
    run = Run(Plant(city=of, load=always(0.0, -30.0)))
    run.plant.offline = {"car0-0"}
    run.ticks(100)
    assert run.battery_kw()[-1][0] <= 3.0 + 1e-6
    run.plant.offline = set()
    run.ticks(100)
    assert run.battery_kw()[-1][0] >= 12.0
