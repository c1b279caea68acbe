"""The pool follows its residual through dead times and old meters without hunting."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.stability import KW, follows_clouds, pool, settles_after_steps
from tests.vpp.control.ticking.test_invariants import plan
from tests.vpp.control.ticking.weather import cloudy, spread
from vpp.domain.command import WriteClass

STEPS = [
    *((n, dead, age, np.inf) for n in (1, 20) for dead, age in ((0, 0), (2, 1), (5, 10), (0, 10))),
    *((20, dead, age, 3.0) for dead, age in ((1, 0), (5, 0), (None, 3))),
    *((200, dead, age, np.inf) for dead, age in ((None, 3), (5, 10))),
]


@pytest.mark.parametrize(("batteries", "dead_s", "age_s", "ramp"), STEPS)
def test_steps_of_half_the_power_settle_without_oscillation(
    batteries: int, dead_s: float | None, age_s: float, ramp: float
) -> None:
    settles_after_steps(batteries, dead_s, age_s, ramp)


def test_unlike_batteries_settle_while_the_best_are_filled_first() -> None:
    batteries, dead_s = 20, 2.0
    rated = batteries * KW
    sites = [
        House(stores=[Store(kw=KW, dead_s=dead_s, eta=0.9 + 0.004 * i)]) for i in range(batteries)
    ]
    residual = np.where(np.arange(240) // 40 % 2, -0.2, -0.6) * rated
    run = Run(Plant(city=city(sites), load=spread(residual, batteries), meter_age_s=1.0))
    given = plan(0.5)
    run.plan = replace(given, least_net_kw=np.where(np.arange(96) < 12, -0.6, 0.5) * rated)
    power = run.ticks(239).battery_kw()
    for begin in range(80, 240, 40):
        late = power[begin + 20 : begin + 38].sum(axis=1)
        assert np.ptp(late) <= 0.02 * rated
        assert abs(late[-1] + residual[begin + 30]) <= 0.04 * rated
    best, poorest = power[80:, 10:].sum(), power[80:, :10].sum()
    assert best > 1.5 * poorest


CLOUDS = [(1, 2, 1), (20, 1, 0), (20, 5, 10), (20, None, 3), (200, None, 3)]


@pytest.mark.parametrize(("batteries", "dead_s", "age_s"), CLOUDS)
def test_clouds_are_followed_with_less_travel_than_they_have(
    batteries: int, dead_s: float | None, age_s: float
) -> None:
    follows_clouds(batteries, dead_s, age_s, cloudy(400, batteries * KW), np.inf)


def test_few_movers_write_a_device_about_once_a_minute() -> None:
    seconds = 900
    run = pool(20, None, 3.0, cloudy(seconds, 300.0), np.inf).ticks(seconds - 1)
    new = [d for at, d in run.plant.log if d.write_class is not WriteClass.REFRESH and at > 1100]
    assert len(new) / 20 * 3600 / (seconds - 100) <= 80
    _no_device_is_written_twice_within_its_interval(run)


def _no_device_is_written_twice_within_its_interval(run: Run) -> None:
    for asset in run.plant.city.batteries:
        times = [
            at
            for at, d in run.plant.log
            if d.asset == asset and d.write_class is not WriteClass.PROTECTION
        ]
        assert min(later - sooner for sooner, later in pairwise(times)) >= 5.0
