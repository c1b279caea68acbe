"""A daemon that leaves its setpoints behind, the next one in the same street, and how each begins.

The world stands still: what moves is the daemon's doing.
"""

from pathlib import Path

import numpy as np
import pytest

from tests.vpp.scenarios.devices import BatteryPort
from tests.vpp.scenarios.street import TIMING, Street, street
from tests.vpp.scenarios.world import SITES
from vpp.control.control_room import OnExit
from vpp.domain.arrays import Floats

pytestmark = pytest.mark.virtual_time

BAR = 0.02
"""Of what the pool's storages do, by which a succession may move it."""
ADOPTED_S = 2 * round(TIMING.tick_s) - 1
"""In its first tick a daemon hears, in the second it adopts, in the third it decides."""


async def test_a_successor_adopts_what_was_released_without_a_step(tmp_path: Path) -> None:
    async with street(tmp_path, steady=True, on_exit=OnExit.RELEASE) as first:
        await first.until(0.4)
        before_kw = sum(first.world.battery_kw.values())
    async with street(tmp_path, on_exit=OnExit.RELEASE, after=first) as second:
        adopting = await watched(second, ADOPTED_S)
        adopted = [len(port.written) for port in batteries(second)]
        later = await watched(second, 300)

    assert before_kw < -1.5, "the storages serve the night"
    assert adopted == [1, 1, 1]
    assert np.abs(adopting - before_kw).max() < BAR * abs(before_kw)
    straight_kw = abs(later[-1] - before_kw)
    assert travelled(later) <= straight_kw + BAR * abs(before_kw), "then once where it wants to"


async def test_without_a_successor_what_was_released_ends_with_its_life(tmp_path: Path) -> None:
    async with street(tmp_path, steady=True, on_exit=OnExit.RELEASE) as first:
        await first.until(0.4)
    written = [len(port.written) for port in batteries(first)]
    moved = await watched(first, round(TIMING.life_s) + 60)

    assert moved[0] < -1.5
    assert moved[-1] == 0
    assert written == [len(port.written) for port in batteries(first)]


async def test_a_start_does_not_swing(tmp_path: Path) -> None:
    async with street(tmp_path, steady=True) as made:
        moved = await watched(made, 900)

    assert moved.min() < -1.5
    assert travelled(moved) < 2 * np.abs(moved).max()


def batteries(made: Street) -> list[BatteryPort]:
    return [port for port in made.ports.values() if isinstance(port, BatteryPort)]


def travelled(power_kw: Floats) -> float:
    """The way there and back and there again."""
    return float(np.abs(np.diff(power_kw)).sum())


async def watched(made: Street, seconds: int) -> Floats:
    """Power of all batteries, city second by city second."""
    seen = []
    for _ in range(seconds):
        await made.clock.sleep(1.0)
        made.world.live()
        seen.append(sum(made.world.battery_kw[site] for site in SITES))
    return np.array(seen)
