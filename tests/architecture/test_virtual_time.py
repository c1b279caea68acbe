"""A day of the daemon must pass in seconds, and only where a test asked for it."""

import asyncio
import time

import pytest


@pytest.mark.virtual_time
async def test_an_hour_of_sleep_takes_no_time() -> None:
    loop, began = asyncio.get_running_loop(), time.monotonic()
    await asyncio.sleep(3600)
    assert loop.time() == 3600
    assert time.monotonic() - began < 60


@pytest.mark.virtual_time
async def test_timers_of_several_tasks_fire_in_order_of_their_times() -> None:
    fired: list[float] = []

    async def fire_after(delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        fired.append(delay_s)

    async with asyncio.timeout(86_400), asyncio.TaskGroup() as tasks:
        for delay_s in (900.0, 10.0, 3600.0):
            tasks.create_task(fire_after(delay_s))
    assert fired == [10.0, 900.0, 3600.0]


@pytest.mark.virtual_time
async def test_the_clock_stands_while_a_thread_works() -> None:
    loop = asyncio.get_running_loop()
    due = asyncio.create_task(asyncio.sleep(0.01))
    await asyncio.to_thread(time.sleep, 0.1)
    assert (loop.time(), due.done()) == (0.0, False)
    await due
    assert loop.time() == 0.01


async def test_a_test_without_the_mark_sleeps_for_real() -> None:
    began = time.monotonic()
    await asyncio.sleep(0.05)
    assert time.monotonic() - began >= 0.05
