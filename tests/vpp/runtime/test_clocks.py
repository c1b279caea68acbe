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


async def test_who_sleeps_while_the_city_becomes_faster_wakes_in_time() -> None:
    city = CityClock(LoopClock(), speed=6.0, start=DAWN)
    sleeper = asyncio.create_task(city.sleep(120.0))
    await asyncio.sleep(5)
    city.change_speed(60.0)
    await sleeper
    assert asyncio.get_running_loop().time() == pytest.approx(6.5)
    assert city.now() == DAWN + timedelta(seconds=120)


async def test_a_sleeper_that_is_cancelled_leaves_nothing_behind() -> None:
    city = CityClock(LoopClock(), speed=60.0, start=DAWN)
    sleeper = asyncio.create_task(city.sleep(1000.0))
    await asyncio.sleep(1)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


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


async def test_the_speed_rises_again_by_steps_up_to_what_was_asked() -> None:
    city = CityClock(LoopClock(), speed=100.0, start=DAWN)
    governor = Governor(city, tick_s=10.0)
    for _ in range(2 * Governor.PATIENCE):
        governor.observe(6.0)
    assert city.speed == pytest.approx(64.0)
    assert not any(governor.observe(1.0) for _ in range(Governor.CALM - 1))
    assert governor.observe(1.0)
    assert city.speed == pytest.approx(80.0)
    changes = sum(governor.observe(1.0) for _ in range(10 * Governor.CALM))
    assert (changes, city.speed) == (1, 100.0)


async def test_half_late_ticks_neither_slow_the_city_nor_let_it_rise() -> None:
    city = CityClock(LoopClock(), speed=100.0, start=DAWN)
    governor = Governor(city, tick_s=10.0)
    for _ in range(Governor.PATIENCE):
        governor.observe(6.0)
    assert not any(governor.observe(4.0) for _ in range(10 * Governor.CALM))
    assert city.speed == pytest.approx(80.0)


async def test_a_rise_that_does_not_hold_is_tried_less_and_less_often() -> None:
    governor = Governor(CityClock(LoopClock(), speed=100.0, start=DAWN), tick_s=10.0)
    waits: list[int] = []
    for _ in range(9):
        while not governor.observe(6.0):
            pass
        waits.append(1)
        while not governor.observe(1.0):
            waits[-1] += 1
    assert waits[:3] == [Governor.CALM, 2 * Governor.CALM, 4 * Governor.CALM]
    assert waits[-1] == Governor.MOST_CALM


async def test_another_speed_that_is_asked_for_forgets_the_fall() -> None:
    city = CityClock(LoopClock(), speed=100.0, start=DAWN)
    governor = Governor(city, tick_s=10.0)
    for _ in range(Governor.PATIENCE):
        governor.observe(6.0)
    governor.go_at(20.0)
    assert (city.speed, governor.asked) == (20.0, 20.0)
    assert not any(governor.observe(1.0) for _ in range(10 * Governor.CALM))
