"""A state of charge that jumps: both what was counted and what is read bound what is told."""

import numpy as np
import pytest

from tests.vpp.control.ticking.city import city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import houses
from tests.vpp.control.ticking.weather import always
from vpp.control.inputs import Timing
from vpp.control.stored_energy import ACCEPT_S

TIMING = Timing(start_ramp_per_min=100.0)
KWH, KW, ETA, LIFE_H = 2.0, 10.0, 0.95, 60.0 / 3600


def jumped(before: float, after: float, load_kw: float) -> Run:
    """A battery of 2 kWh whose reading jumps while it rests; then a load or a surplus comes."""
    of = city(houses(1, kwh=KWH, kw=KW), timing=TIMING)
    run = Run(Plant(city=of, load=always(0.0), soc=before)).ticks(20)
    run.plant.energy = np.where(run.plant.pool.battery, after * KWH, 0.0)
    run.plant.load = always(load_kw)
    return run


def asked_kw(run: Run) -> float:
    """Largest magnitude told so far."""
    return float(max((abs(d.setpoint.hi_kw) for _, d in run.plant.log), default=0.0))


def test_without_a_jump_the_whole_power_is_used() -> None:
    assert asked_kw(jumped(0.5, 0.5, 8.0).ticks(6)) == pytest.approx(8.0, abs=0.3)
    assert asked_kw(jumped(0.5, 0.5, -8.0).ticks(6)) == pytest.approx(8.0, abs=0.3)


@pytest.mark.parametrize(
    ("before", "after", "load_kw"),
    [(0.5, 0.02, 8.0), (0.02, 0.9, 8.0), (0.5, 0.98, -8.0), (0.98, 0.1, -8.0)],
    ids=["empty by reading", "empty by count", "full by reading", "full by count"],
)
def test_the_unsafe_end_bounds_power_in_either_direction(
    before: float, after: float, load_kw: float
) -> None:
    run = jumped(before, after, load_kw).ticks(6)
    left_kwh = 0.02 * KWH + 6 / ACCEPT_S * abs(after - before) * KWH
    most_kw = left_kwh * ETA / LIFE_H if load_kw > 0 else left_kwh / ETA / LIFE_H
    assert 0 < asked_kw(run) <= most_kw + 0.05


def test_a_reading_that_stays_is_believed_after_all() -> None:
    run = jumped(0.02, 0.9, 0.0).ticks(1500)
    run.plant.load = always(8.0)
    run.ticks(10)
    assert asked_kw(run) == pytest.approx(8.0, abs=0.3)
    assert run.battery_kw()[-1].sum() == pytest.approx(-8.0, abs=0.3)


def test_whoever_plans_is_told_of_both_ends() -> None:
    """Its own count says 1.0 kWh, its reading 0.04: it is planned with the middle."""
    run = jumped(0.5, 0.02, 0.0).ticks(1)
    held = run.last.held
    assert held is not None
    ((energy_kwh, capacity_kwh),) = held.by_asset.values()
    assert capacity_kwh == KWH
    assert energy_kwh == pytest.approx((0.5 + 0.02) / 2 * KWH, abs=0.01)
