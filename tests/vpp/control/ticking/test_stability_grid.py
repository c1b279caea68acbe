"""Stability over a wide grid of pools, dead times, ages, ramps and clouds: ``make stability``."""

from itertools import product

import numpy as np
import pytest

from tests.vpp.control.ticking.stability import KW, follows_clouds, settles_after_steps
from tests.vpp.control.ticking.weather import cloudy

pytestmark = pytest.mark.long

BATTERIES = (1, 20, 200)
DEAD_S = (0, 1, 3, 5, None)
AGES_S = (0, 1, 3, 6, 10)
RAMPS_KW_S = (1.0, 3.0, np.inf)
"""Of batteries of 15 kW."""
NOISE = (0.0, 0.03)
"""Of the rated power, on the meter."""


@pytest.mark.parametrize(
    ("batteries", "dead_s", "age_s", "ramp"), list(product(BATTERIES, DEAD_S, AGES_S, RAMPS_KW_S))
)
def test_steps_settle_everywhere(
    batteries: int, dead_s: float | None, age_s: float, ramp: float
) -> None:
    settles_after_steps(batteries, dead_s, age_s, ramp)


@pytest.mark.parametrize(
    ("batteries", "dead_s", "age_s", "ramp", "noise"),
    list(product(BATTERIES, (0, 2, 5, None), (0, 3, 10), (3.0, np.inf), NOISE)),
)
def test_clouds_are_followed_everywhere(
    batteries: int,
    dead_s: float | None,
    age_s: float,
    ramp: float,
    noise: float,
) -> None:
    residual = cloudy(400, batteries * KW, seed=2, noise=noise)
    follows_clouds(batteries, dead_s, age_s, residual, ramp)
