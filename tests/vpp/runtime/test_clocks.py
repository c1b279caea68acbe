import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.vpp.control.living.fakes import BEGIN, LoopClock
from vpp.domain.errors import InvariantError
from vpp.runtime.clocks import CityClock, Governor, WireClock

pytestmark = pytest.mark.virtual_time
DAWN = datetime(2026, 6, 21, 20, 0, tzinfo=UTC)


async def test_the_city_runs_so_many_times_as_fast_as_the_wire() -> None:
    city = CityClock(LoopClock(), speed=600.0, start=DAWN)
    began = city.monotonic()
    await city.sleep(900.0)
    assert asyncio.get_running_loop().time() == pytest.approx(1.5)
    assert city.monotonic() - began == pytest.approx(900.0)
    assert city.now() == DAWN + timedelta(minutes=15)


async def test_at_speed_one_without_a_start_the_city_follows_the_wall() -> None:
    city = CityClock(LoopClock())
    await asyncio.sleep(5)
    assert city.now() == BEGIN + timedelta(seconds=5)


async def test_a_change_of_speed_makes_no_step_and_re_times_sleepers() -> None:
    city = CityClock(LoopClock(), speed=100.0, start=DAWN)
    began = city.monotonic()
    sleeper = asyncio.create_task(city.sleep(1000.0))
    await asyncio.sleep(5)
    city.change_speed(50.0)
    assert city.monotonic() - began == pytest.approx(500.0)
    await asyncio.sleep(6)
    assert not sleeper.done()
    await sleeper
    assert asyncio.get_running_loop().time() == pytest.approx(15.0)
    assert city.now() == DAWN + timedelta(seconds=1000)


@pytest.mark.parametrize("speed", [0.0, -1.0, 601.0])
async def test_impossible_speeds_are_refused(speed: float) -> None:
    with pytest.raises(InvariantError, match="speed"):
        CityClock(LoopClock(), speed=speed)


async def test_a_start_needs_a_time_zone() -> None:
    with pytest.raises(InvariantError, match="time zone"):
        CityClock(LoopClock(), start=DAWN.replace(tzinfo=None))


async def test_the_wire_is_real_and_utc() -> None:
    wire = WireClock()
    assert wire.now().tzinfo is UTC
    began = wire.monotonic()
    await wire.sleep(-1.0)
    assert wire.monotonic() >= began


async def test_the_speed_falls_when_ticks_stay_late_and_never_below_one() -> None:
    city = CityClock(LoopClock(), speed=100.0, start=DAWN)
    governor = Governor(city, tick_s=10.0)
    falls = [governor.observe(late_s) for late_s in (6.0, 6.0, 1.0, 6.0, 6.0, 6.0, 6.0)]
    assert falls == [False] * 5 + [True, False]
    assert city.speed == pytest.approx(80.0)
    for _ in range(200):
        governor.observe(6.0)
    assert city.speed == 1.0
