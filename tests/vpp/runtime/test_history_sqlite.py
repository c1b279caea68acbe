import resource
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from vpp.domain.errors import StoreUnavailable
from vpp.domain.history import Mean
from vpp.domain.points import Quantity
from vpp.runtime.history_sqlite import SqliteHistory

START = datetime(2026, 7, 15, tzinfo=UTC)
STEP = timedelta(minutes=15)


def mean(slot: int, value: float, *, coverage: float = 1.0) -> Mean:
    return Mean(
        subject="apt-load",
        quantity=Quantity.POWER_KW,
        start=START + slot * STEP,
        step_s=STEP.total_seconds(),
        value=value,
        coverage=coverage,
    )


async def test_gaps_and_thin_slots_are_missing_and_a_later_value_replaces(tmp_path: Path) -> None:
    async with SqliteHistory(tmp_path / "history.db") as history:
        await history.append([mean(0, 1.0), mean(1, 9.0, coverage=0.2), mean(3, 4.0)])
        await history.append([mean(3, 5.0)])
        found = await history.read("apt-load", Quantity.POWER_KW, START, START + 4 * STEP, 900.0)
    np.testing.assert_array_equal(found, [1.0, np.nan, np.nan, 5.0])


async def test_a_disk_that_is_all_but_full_is_not_written_to(tmp_path: Path) -> None:
    async with SqliteHistory(tmp_path / "history.db", spare_bytes=1 << 62) as history:
        with pytest.raises(StoreUnavailable, match="no room for"):
            await history.append([mean(0, 1.0)])
        assert await history.span("apt-load", Quantity.POWER_KW, 900.0) is None


async def test_means_outlive_the_process(tmp_path: Path) -> None:
    async with SqliteHistory(tmp_path / "history.db") as history:
        await history.append([mean(2, 7.0)])
    async with SqliteHistory(tmp_path / "history.db") as history:
        assert await history.span("apt-load", Quantity.POWER_KW, 900.0) == (
            START + 2 * STEP,
            START + 2 * STEP,
        )
        assert await history.span("nobody", Quantity.POWER_KW, 900.0) is None


async def test_a_file_that_is_no_database_is_kept_and_a_new_one_begun(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    with pytest.raises(StoreUnavailable, match=r"history\.db.*not a database"):
        async with SqliteHistory(path):
            pass
    assert path.stat().st_size == 5200, "it is not ours to move"
    async with SqliteHistory(path, ours=True) as history:
        assert history.set_aside is not None
        assert history.set_aside.stat().st_size == 5200
        await history.append([mean(0, 1.0)])
    async with SqliteHistory(path) as history:
        assert history.set_aside is None
        assert await history.span("apt-load", Quantity.POWER_KW, 900.0) == (START, START)


async def test_a_file_that_cannot_be_opened_is_a_fault_that_says_what_to_do(
    tmp_path: Path,
) -> None:
    (tmp_path / "history.db").mkdir()
    with pytest.raises(StoreUnavailable, match=r"history\.db.*move it away"):
        async with SqliteHistory(tmp_path / "history.db"):
            pass


async def test_after_a_full_disk_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    many = [mean(number, 1.0) for number in range(20_000)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with SqliteHistory(path) as history:
        await history.append(many[:1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match=r"history\.db"):
                    await history.append(many)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await history.append(many)
        span = await history.span("apt-load", Quantity.POWER_KW, 900.0)
    assert span == (START, START + 19_999 * STEP)


async def test_after_another_program_held_it_for_long_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with SqliteHistory(path) as history:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="locked"):
                await history.append([mean(0, 1.0)])
        await history.append([mean(0, 1.0)])
        assert await history.span("apt-load", Quantity.POWER_KW, 900.0) == (START, START)
