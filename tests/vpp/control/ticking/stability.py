"""What stability asks of a pool: it settles, it travels little, nothing flows in circles."""

import numpy as np

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.weather import spread, steps
from vpp.domain.arrays import Floats

KW = 15.0
"""Of every battery."""


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


def settles_after_steps(batteries: int, dead_s: float | None, age_s: float, ramp: float) -> None:
    """Steps of half the power end in quiet, at the residual, without a detour."""
    rated = batteries * KW
    settle_s = int((dead_s or 3) + age_s + (2 * KW / ramp if ramp < np.inf else 0) + 12)
    every_s = settle_s + 45
    residual = steps(3 * every_s, rated, every_s=every_s)
    power = pool(batteries, dead_s, age_s, residual, ramp).ticks(3 * every_s - 1).battery_kw()
    whole = power.sum(axis=1)
    for begin in (every_s, 2 * every_s):
        late = whole[begin + settle_s : begin + every_s - 2]
        assert opposed(power[begin + settle_s : begin + every_s - 2]) <= 0.01 * rated
        assert np.ptp(late) <= 0.02 * rated, "it still moves although nothing changes"
        assert abs(late[-1] + residual[begin + every_s // 2]) <= 0.04 * rated
    travel = np.abs(np.diff(whole[every_s - 20 :])).sum()
    assert travel <= 1.5 * np.abs(np.diff(residual[every_s - 20 :])).sum() + 0.1 * rated


def follows_clouds(
    batteries: int, dead_s: float | None, age_s: float, residual: Floats, ramp: float
) -> None:
    """Clouds are followed with less travel than they have, and with a small error."""
    rated = batteries * KW
    run = pool(batteries, dead_s, age_s, residual, ramp).ticks(len(residual) - 1)
    power, late = run.battery_kw(), slice(80, None)
    error = (power.sum(axis=1) + run.residual_kw())[late]
    travel = np.abs(np.diff(power.sum(axis=1)[late])).sum()
    assert np.sqrt((error**2).mean()) <= 0.1 * rated
    assert travel <= 1.5 * np.abs(np.diff(run.residual_kw()[late])).sum()
    assert opposed(power[late]) <= 0.01 * rated
