import asyncio

import pytest
from structlog.testing import capture_logs

from tests.vpp.control.living.fakes import LoopClock
from vpp.control.supervision import GOOD_ROUNDS, Backoff, Health, Supervisor
from vpp.domain.errors import NoAnswer, WrongDevice

pytestmark = pytest.mark.virtual_time


def test_waits_grow_jittered_to_a_minute() -> None:
    low, high = Backoff(lambda: 0.0), Backoff(lambda: 1.0)
    least = [low.failed(NoAnswer()) for _ in range(9)]
    most = [high.failed(NoAnswer()) for _ in range(9)]
    assert least == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert most == [0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_who_has_answered_is_not_waited_for_long_and_forgiven_after_some_good_rounds() -> None:
    """One failure just after a return left a device alone for up to a minute."""
    backoff = Backoff(lambda: 0.0)
    for _ in range(9):
        backoff.failed(NoAnswer())
    for _ in range(GOOD_ROUNDS - 1):
        backoff.good()
    assert [backoff.failed(NoAnswer()) for _ in range(3)] == [1.0, 2.0, 4.0]
    for _ in range(GOOD_ROUNDS):
        backoff.good()
    assert backoff.failed(NoAnswer()) == 0.0


def test_another_device_is_asked_again_only_after_a_long_wait() -> None:
    assert Backoff(lambda: 0.0).failed(WrongDevice()) == 30.0


async def test_one_line_when_a_task_is_lost_and_one_when_it_is_back() -> None:
    rounds = 0

    async def work(health: Health) -> None:
        nonlocal rounds
        rounds += 1
        if rounds <= 5:
            raise NoAnswer("silent")
        health.good()
        health.good()
        await asyncio.sleep(3600)

    with capture_logs() as lines:
        async with Supervisor(LoopClock()) as tasks:
            tasks.watch("device d1", work, lost_after=3)
            await asyncio.sleep(200)
    assert [(line["event"], line["task"]) for line in lines] == [
        ("lost", "device d1"),
        ("back", "device d1"),
    ]


async def test_a_failing_task_is_not_tried_more_than_about_once_a_second() -> None:
    tries: list[float] = []

    async def work(_: Health) -> None:
        tries.append(asyncio.get_running_loop().time())
        raise NoAnswer

    with capture_logs():
        async with Supervisor(LoopClock(), draw=lambda: 0.0) as tasks:
            tasks.watch("t", work)
            await asyncio.sleep(10)
    assert tries == [0.0, 0.0, 1.0, 3.0, 7.0]


async def test_a_task_that_returns_is_done_and_its_name_free_again() -> None:
    runs = 0

    async def work(_: Health) -> None:
        nonlocal runs
        runs += 1

    async with Supervisor(LoopClock()) as tasks:
        tasks.watch("once", work)
        with pytest.raises(ValueError, match="running already"):
            tasks.watch("once", work)
        await asyncio.sleep(100)
        assert runs == 1
        tasks.watch("once", work)
        await asyncio.sleep(1)
    assert runs == 2


async def test_leaving_cancels_and_a_task_that_clings_is_named() -> None:
    async def clings(_: Health) -> None:
        while True:
            try:
                await asyncio.sleep(30)
                return
            except asyncio.CancelledError:
                continue

    with capture_logs() as lines:
        began = asyncio.get_running_loop().time()
        async with Supervisor(LoopClock()) as tasks:
            tasks.watch("clings", clings)
            await asyncio.sleep(1)
        assert asyncio.get_running_loop().time() - began < 5
        await asyncio.sleep(60)
    assert [line["task"] for line in lines] == ["clings"]
