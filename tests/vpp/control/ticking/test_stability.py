"""The pool follows its residual through dead times and old meters without hunting."""

from itertools import pairwise

import numpy as np
import pytest

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.weather import cloudy, spread, steps
from vpp.domain.arrays import Floats
from vpp.domain.command import WriteClass

KW = 15.0


def pool(batteries: int, dead_s: float | None, age_s: float, residual: Floats, ramp: float) -> Run:
    """One battery per site; ``dead_s`` None: 1, 2 and 3 s mixed."""
    sites = [
        House(stores=[Store(kw=KW, dead_s=i % 3 + 1 if dead_s is None else dead_s, ramp_kw_s=ramp)])
        for i in range(batteries)
    ]
    return Run(Plant(city=city(sites), load=spread(residual, batteries), meter_age_s=age_s))


def opposed(power: Floats) -> float:
    """Most power that flowed from batteries into batteries."""
    return float(
        np.minimum(np.maximum(power, 0).sum(axis=1), np.maximum(-power, 0).sum(axis=1)).max()
    )


STEPS = [
    *((n, dead, age, np.inf) for n in (1, 20) for dead, age in ((0, 0), (2, 1), (5, 10), (0, 10))),
    *((20, dead, age, 3.0) for dead, age in ((1, 0), (5, 0), (None, 3))),
    *((200, dead, age, np.inf) for dead, age in ((None, 3), (5, 10))),
]


@pytest.mark.parametrize(("batteries", "dead_s", "age_s", "ramp"), STEPS)
def test_steps_of_half_the_power_settle_without_oscillation(
    batteries: int, dead_s: float | None, age_s: float, ramp: float
) -> None:
    rated = batteries * KW
    residual = steps(240, rated, every_s=80)
    power = pool(batteries, dead_s, age_s, residual, ramp).ticks(239).battery_kw()
    settle_s = int((dead_s or 3) + age_s + (2 * KW / ramp if ramp < np.inf else 0) + 12)
    whole = power.sum(axis=1)
    for begin in (80, 160):
        late = whole[begin + settle_s : begin + 78]
        assert opposed(power[begin + settle_s : begin + 78]) <= 0.01 * rated
        assert np.ptp(late) <= 0.02 * rated, "it still moves although nothing changes"
        assert abs(late[-1] + residual[begin + 40]) <= 0.04 * rated
    travel = np.abs(np.diff(whole[60:])).sum()
    assert travel <= 1.5 * np.abs(np.diff(residual[60:])).sum() + 0.1 * rated


CLOUDS = [(1, 2, 1), (20, 1, 0), (20, 5, 10), (20, None, 3), (200, None, 3)]


@pytest.mark.parametrize(("batteries", "dead_s", "age_s"), CLOUDS)
def test_clouds_are_followed_with_less_travel_than_they_have(
    batteries: int, dead_s: float | None, age_s: float
) -> None:
    seconds, rated = 400, batteries * KW
    residual = cloudy(seconds, rated)
    run = pool(batteries, dead_s, age_s, residual, np.inf).ticks(seconds - 1)
    power, late = run.battery_kw(), slice(80, None)
    error = (power.sum(axis=1) + run.residual_kw())[late]
    travel = np.abs(np.diff(power.sum(axis=1)[late])).sum()
    assert np.sqrt((error**2).mean()) <= 0.1 * rated
    assert travel <= 1.5 * np.abs(np.diff(run.residual_kw()[late])).sum()
    assert opposed(power[late]) <= 0.01 * rated


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
