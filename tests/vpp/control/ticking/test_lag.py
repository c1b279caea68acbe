"""Ticks a minute long, samples of any age within it, commands that leave when they can."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.weather import spread
from vpp.control.inputs import Timing
from vpp.domain.arrays import Floats

TICK_S, STEP_S, KW, BATTERIES = 60.0, 5.0, 15.0, 8
RATED_KW = KW * BATTERIES


def slow(residual_kw: Floats, longest_wait_s: float, seed: int) -> Run:
    """A pool at 600 times real time: everything takes a part of a tick, and more.

    ``residual_kw``: of the pool, a value a second.
    """
    rng = np.random.default_rng(seed)
    timing = Timing(
        tick_s=TICK_S, freshness_s=300.0, refresh_s=120.0, life_s=900.0, start_ramp_per_min=100.0
    )
    sites = [House(stores=[Store(kw=KW, kwh=500.0, dead_s=1.0)]) for _ in range(BATTERIES)]
    plant = Plant(
        city=city(sites, timing=timing),
        load=spread(residual_kw, BATTERIES),
        meter_age_s=float(rng.uniform(0, TICK_S)),
        wait_s=lambda: float(rng.uniform(0, longest_wait_s)),
    )
    plant.sample_age_s = rng.uniform(0, TICK_S, plant.pool.count)
    return Run(plant, steps=round(TICK_S / STEP_S))


def power_kw(run: Run) -> Floats:
    """Of all batteries, every ``STEP_S``."""
    return np.asarray(run.battery_kw().sum(axis=1))


@settings(max_examples=5)
@given(seed=st.integers(0, 2**31), longest_wait_s=st.sampled_from([15.0, 50.0, 100.0]))
def test_commands_that_leave_late_do_not_make_the_pool_hunt(
    seed: int, longest_wait_s: float
) -> None:
    level_kw = 0.5 * RATED_KW
    residual = np.where(np.arange(40 * 60) < 10 * 60, -level_kw, level_kw)
    power = power_kw(slow(residual, longest_wait_s, seed).ticks(40))
    a_minute = round(60 / STEP_S)
    error_kw = power[20 * a_minute :] + level_kw
    assert np.sqrt((error_kw**2).mean()) <= 0.0125 * RATED_KW
    travel = np.abs(np.diff(power[5 * a_minute :])).sum()
    assert travel <= 2.4 * 2 * level_kw, "it swings although the residual has moved once"


def test_on_a_course_the_pool_is_not_late_for_ever() -> None:
    """A residual that falls all morning: what a sample's age costs is made good."""
    minutes, fall_kw_s = 90, 0.1 * RATED_KW / 900
    residual = np.asarray(0.8 * RATED_KW - fall_kw_s * np.arange(minutes * 60.0))
    run = slow(residual, 20.0, 3).ticks(minutes)
    net_kw = power_kw(run) + run.residual_kw()
    late = net_kw[round(45 * 60 / STEP_S) :]
    lost_kw = fall_kw_s * (run.plant.meter_age_s + TICK_S / 2)
    assert abs(late.mean()) <= 0.3 * lost_kw


def test_a_jump_is_no_course() -> None:
    residual = np.where(np.arange(60 * 60) < 20 * 60, -0.7, 0.2) * RATED_KW
    run = slow(residual, 20.0, 5).ticks(60)
    assert abs(run.state.course_kw) <= 0.01 * RATED_KW
    over_kw = -power_kw(run)[round(23 * 60 / STEP_S) :] - 0.2 * RATED_KW
    assert over_kw.max() <= 0.06 * RATED_KW


@pytest.mark.parametrize("meter_age_s", [0.0, 10.0])
def test_a_course_changes_nothing_where_nothing_is_late(meter_age_s: float) -> None:
    residual = 0.3 * RATED_KW * np.sin(np.arange(600) / 60)
    sites = [House(stores=[Store(kw=KW, dead_s=0.0)]) for _ in range(BATTERIES)]
    run = Run(Plant(city=city(sites), load=spread(residual, BATTERIES), meter_age_s=meter_age_s))
    run.ticks(599)
    assert abs(run.state.course_kw) <= 0.01 * RATED_KW * meter_age_s / 10
