"""A day is judged in a process of its own, which may die."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.vpp.domain.days import good_day
from vpp.domain.errors import PlannerFailed, StoreUnavailable
from vpp.domain.judging import judge
from vpp.domain.order import Order
from vpp.runtime.judge_process import judged


async def test_it_finds_what_is_found_in_this_process(tmp_path: Path) -> None:
    day = good_day(order=Order.COST)
    assert await judged(day, tmp_path / "worker.log") == judge(day)


async def test_a_judge_who_is_killed_is_a_fault_and_leaves_nobody_behind(tmp_path: Path) -> None:
    judging = asyncio.create_task(judged(good_day(), tmp_path / "worker.log"))
    os.kill(await judge_of(os.getpid()), signal.SIGKILL)
    with pytest.raises(PlannerFailed, match="killed by SIGKILL"):
        await judging
    assert judges(os.getpid()) == []


async def test_where_no_score_could_be_kept_no_day_is_judged(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="make it writable"):
        await judged(good_day(), tmp_path / "gone" / "worker.log")
    assert judges(os.getpid()) == []


async def test_who_gives_up_waiting_ends_the_process(tmp_path: Path) -> None:
    judging = asyncio.create_task(judged(good_day(), tmp_path / "worker.log"))
    await judge_of(os.getpid())
    judging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await judging
    assert judges(os.getpid()) == []


async def judge_of(parent: int) -> int:
    """Its process number, as soon as it lives."""
    for _ in range(30_000):
        if found := judges(parent):
            return found[0]
        await asyncio.sleep(0.001)
    raise AssertionError("no judge was started")


def judges(parent: int) -> list[int]:
    children = Path(f"/proc/self/task/{parent}/children").read_text().split()
    return [int(one) for one in children if b"judge_process" in _command(int(one))]


def _command(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()
