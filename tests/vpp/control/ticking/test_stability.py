"""The pool follows its residual through dead times and old meters without hunting."""

from itertools import pairwise

import numpy as np
import pytest

from tests.vpp.control.ticking.plant import Run
from tests.vpp.control.ticking.stability import KW, follows_clouds, pool, settles_after_steps
from tests.vpp.control.ticking.weather import cloudy
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
