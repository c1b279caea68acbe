"""Reasons on disk: how often they are put down, how long they are kept, and disks that fail."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.adapters.mqtt.waiting import until
from tests.vpp.control.planning.cities import NOON
from tests.vpp.runtime.reasoned import BAT, PORTFOLIO, pool_reason, seen, written
from vpp.runtime.explaining import account
from vpp.runtime.history_sqlite import SqliteHistory
from vpp.runtime.reason_log import KEPT_S, NAME, ReasonLog

NO_DATABASE = b"no database at all, and long enough to be seen as none" * 40


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[SqliteHistory]:
    async with SqliteHistory(tmp_path / "history.db") as opened:
        yield opened


def ticks(path: Path) -> list[float]:
    with sqlite3.connect(path / NAME) as database:
        found = database.execute("SELECT at_s FROM tick ORDER BY at_s").fetchall()
    database.close()
    return [at_s - NOON.timestamp() for (at_s,) in found]


def is_kept(path: Path) -> bool:
    """Whether a first row is there to be read."""
    with contextlib.suppress(sqlite3.Error):
        return bool(ticks(path))
    return False


def taken_away(path: Path) -> None:
    for file in path.glob(f"{NAME}*"):
        file.unlink()


async def test_what_stays_the_same_is_put_down_once_a_minute(tmp_path: Path) -> None:
    flapping = ["a", "b", "a", "b"]
    views = [seen(n, pool_reason("same")) for n in range(130)]
    views += [seen(200 + n, pool_reason(flapping[n % 4])) for n in range(30)]
    await written(tmp_path, views)
    assert ticks(tmp_path) == [0, 60, 120, 200, 211, 222]


async def test_what_is_older_than_a_month_goes(tmp_path: Path) -> None:
    await written(tmp_path, [seen(0, pool_reason("old")), seen(KEPT_S + 1, pool_reason("new"))])
    assert ticks(tmp_path) == [KEPT_S + 1]


async def test_a_disk_that_fails_is_told_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / NAME
    with capture_logs() as logs:
        async with ReasonLog(path, PORTFOLIO, flush_s=0.05) as log:
            work = asyncio.create_task(log.run())
            for n in range(3):
                log.observe(seen(100 * n, pool_reason(str(n))))
                await until(lambda: log.lost)
            path.parent.mkdir()
            await until(lambda: not log.lost)
            work.cancel()
    assert [line["event"] for line in logs] == [
        "reasons lost; control goes on",
        "reasons are kept again",
    ]
    assert ticks(path.parent) == [0, 100, 200]


async def test_a_disk_that_is_all_but_full_is_not_written_to(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with ReasonLog(tmp_path / NAME, PORTFOLIO, flush_s=0.05, spare_bytes=1 << 62) as log:
            work = asyncio.create_task(log.run())
            log.observe(seen(0, pool_reason("x")))
            await until(lambda: log.lost)
            work.cancel()
    (said,) = logs
    assert "no room for" in said["why"]
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("damaged", [NO_DATABASE, None], ids=["bytes", "folder"])
async def test_what_is_no_database_makes_way_for_a_new_one(
    tmp_path: Path, history: SqliteHistory, damaged: bytes | None
) -> None:
    if damaged is None:
        (tmp_path / NAME).mkdir()
    else:
        (tmp_path / NAME).write_bytes(damaged)
    async with ReasonLog(tmp_path / NAME, PORTFOLIO, flush_s=0.05) as log:
        kept = log.set_aside
        log.observe(seen(0, pool_reason("x")))
    assert kept is not None
    assert (kept.read_bytes() if kept.is_file() else None) == damaged
    found = await account(tmp_path, history, BAT, None)
    assert [reason["text"] for reason in found.reasons] == ["because x"]


async def test_a_file_that_is_damaged_while_it_is_written_makes_way_too(tmp_path: Path) -> None:
    async with ReasonLog(tmp_path / NAME, PORTFOLIO, flush_s=0.05) as log:
        (tmp_path / NAME).write_bytes(NO_DATABASE)
        log.observe(seen(0, pool_reason("x")))
    assert log.set_aside is not None
    assert ticks(tmp_path) == [0]


async def test_a_file_that_is_taken_away_is_begun_anew_with_all_it_needs(
    tmp_path: Path, history: SqliteHistory
) -> None:
    async with ReasonLog(tmp_path / NAME, PORTFOLIO, flush_s=0.05) as log:
        work = asyncio.create_task(log.run())
        log.observe(seen(0, pool_reason("x")))
        await until(lambda: is_kept(tmp_path))
        taken_away(tmp_path)
        log.observe(seen(100, pool_reason("y")))
        await until(lambda: is_kept(tmp_path))
        work.cancel()
    found = await account(tmp_path, history, BAT, None)
    assert [reason["text"] for reason in found.reasons] == ["because y"]
