"""What somebody had a say on goes back to what the law gives as soon as nobody has one any more."""

from typing import Any

import numpy as np
import pytest

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import houses, proposal, session, surplus
from tests.vpp.control.ticking.weather import always
from vpp.control.state_codec import decode, encode
from vpp.domain.proposal import Rank, ScopeKind


def held(run: Run, kind: ScopeKind, scope: str, **asked: Any) -> Run:
    """Run with an override for two minutes, and without it for a moment."""
    run.ticks(40)
    run.proposals = (proposal("operator", kind, scope, Rank.OVERRIDE, **asked),)
    run.ticks(120)
    run.proposals = ()
    return run.ticks(4)


@pytest.mark.parametrize("asked", [{"wish_kw": -4.0}, {"wish_kw": 9.0}, {"hi_kw": 1.0}])
def test_a_battery_takes_its_share_again_in_the_next_ticks(asked: dict[str, float]) -> None:
    run = held(surplus(city(houses(3)), 5.0), ScopeKind.ASSET, "bat0-0", **asked)
    kw = run.battery_kw()[-1]
    assert kw.sum() == pytest.approx(15.0, abs=0.2)
    assert kw == pytest.approx([5.0, 5.0, 5.0], abs=1.5)


def test_a_battery_that_nothing_is_wanted_of_stops() -> None:
    run = held(surplus(city(houses(3)), 0.0), ScopeKind.ASSET, "bat0-0", wish_kw=9.0)
    assert run.battery_kw()[-1] == pytest.approx([0.0, 0.0, 0.0], abs=0.1)


def test_all_beneath_a_site_take_their_share_again() -> None:
    run = held(surplus(city(houses(3)), 5.0), ScopeKind.SITE, "site0", wish_kw=-9.0)
    kw = run.battery_kw()[-1]
    assert kw.sum() == pytest.approx(15.0, abs=0.2)
    assert kw[0] == pytest.approx(5.0, abs=1.5)


def test_unlike_dead_times_do_not_show_at_the_connection() -> None:
    of = city([House(stores=[Store(dead_s=1.0), Store(dead_s=4.0)])])
    run = Run(Plant(city=of, load=always(-9.0)))
    held(run, ScopeKind.ASSET, "bat0-1", wish_kw=-4.0).ticks(10)
    assert run.battery_kw()[-1][1] == pytest.approx(4.5, abs=1.5)
    nets = np.array([net.sum() for _, net, _ in run.plant.history[-14:]])
    assert np.abs(nets).max() < 0.5


def test_a_limit_that_never_stood_moves_nobody() -> None:
    quiet, watched = (surplus(city(houses(3)), 5.0) for _ in range(2))
    quiet.ticks(170)
    watched.ticks(100)
    loose = proposal("dso", ScopeKind.POOL, "pool", Rank.GRID_OPERATOR, hi_kw=500.0)
    watched.proposals = (loose,)
    watched.ticks(60)
    watched.proposals = ()
    watched.ticks(10)
    assert len(watched.plant.log) == len(quiet.plant.log)


@pytest.mark.parametrize("wish_kw", [4.5, 11.0])
def test_a_car_is_offered_what_is_left_over_again_and_owes_nothing(wish_kw: float) -> None:
    run = Run(Plant(city=city([House(cars=[(4.1, 11.0)])]), load=always(-9.0)))
    session(run, "car0-0", need_kwh=40.0, hours=10.0)
    run.ticks(160)
    held(run, ScopeKind.ASSET, "car0-0", wish_kw=wish_kw)
    assert run.plant.power[1] == pytest.approx(9.0, abs=0.5)
    assert run.state.memory.carried_kwh[1] == pytest.approx(0.0, abs=0.02)


def test_a_daemon_that_is_started_anew_in_between_lets_go_as_well() -> None:
    run = surplus(city(houses(3)), 5.0).ticks(40)
    operator = proposal("operator", ScopeKind.ASSET, "bat0-0", Rank.OVERRIDE, wish_kw=-4.0)
    run.proposals = (operator,)
    run.ticks(120)
    run.state, run.proposals = decode(encode(run.state)), ()
    run.ticks(4)
    assert run.battery_kw()[-1][0] == pytest.approx(5.0, abs=1.5)
