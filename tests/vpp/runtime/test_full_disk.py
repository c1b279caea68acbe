"""The record where the disk is really full: the kernel itself refuses to let the file grow."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vpp.domain.audit import AuditRecord, Event
from vpp.domain.capability import Form
from vpp.domain.command import WriteClass
from vpp.domain.errors import AuditUnavailable
from vpp.runtime.audit_chain import verify
from vpp.runtime.audit_file import reserve_of
from vpp.runtime.audit_log import AuditLog

RESERVE = 1 << 16
FULL = 20_000
"""Bytes that a file may have on the full disk; not a whole number of lines."""


def record(why: str, write_class: WriteClass, form: Form = Form.TARGET) -> AuditRecord:
    return AuditRecord(
        event=Event.INTENT, at=datetime(2026, 7, 15, tzinfo=UTC), subject="bat", who="plan",
        why=why, write_class=write_class, form=form,
    )  # fmt: skip


PLAN = record("plan", WriteClass.COMMAND)
STOP = record("protect", WriteClass.PROTECTION, Form.STOP)
RELEASE = record("release", WriteClass.COMMAND, Form.RELEASE)
NOTE = AuditRecord(
    event=Event.OUTCOME, at=datetime(2026, 7, 15, tzinfo=UTC), subject="bat", who="plan", why="note"
)


@contextmanager
def full_disk(at: int = FULL) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def fill(audit: AuditLog) -> int:
    """Plan commands until the first is refused; how many had a place."""
    for count in range(1000):
        try:
            await audit.intend(PLAN)
        except AuditUnavailable:
            return count
    raise AssertionError("the disk is not full")


def whys(path: Path) -> list[str]:
    return [json.loads(line)["why"] for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


async def test_protections_and_releases_still_get_a_record_and_plan_commands_stop(
    path: Path,
) -> None:
    async with AuditLog(path, reserve=RESERVE) as audit:
        with full_disk():
            had = await fill(audit)
            await audit.intend(STOP)
            await audit.intend(RELEASE)
            audit.note(NOTE)
            with pytest.raises(AuditUnavailable, match="free space"):
                await audit.intend(PLAN)
            assert whys(path) == ["plan"] * had, "no half line stays in the file"
            assert verify(path, reserve_of(path)).lines == had + 3
        await audit.intend(PLAN)
    assert whys(path) == [*["plan"] * had, "protect", "release", "note", "plan"]
    found = verify(path, reserve_of(path))
    assert (found.lines, found.broken) == (had + 4, None)
    assert not reserve_of(path).exists(), "a reserve that is not needed gives its room back"


async def test_a_daemon_that_ends_on_a_full_disk_leaves_the_reserve_to_the_next(
    path: Path,
) -> None:
    with full_disk(RESERVE):
        async with AuditLog(path, reserve=RESERVE) as audit:
            await fill(audit)
            await audit.intend(STOP)
        async with AuditLog(path, reserve=RESERVE) as audit:
            await audit.intend(RELEASE)
    async with AuditLog(path, reserve=RESERVE):
        pass
    assert whys(path)[-2:] == ["protect", "release"]
    assert verify(path, reserve_of(path)).broken is None


async def test_without_any_room_notes_wait_in_memory_and_intents_are_refused(path: Path) -> None:
    async with AuditLog(path, reserve=0) as audit:
        with full_disk():
            had = await fill(audit)
            audit.note(NOTE)
            with pytest.raises(AuditUnavailable):
                await audit.intend(STOP)
        await audit.intend(PLAN)
    assert whys(path) == [*["plan"] * had, "note", "plan"]


async def test_a_kill_while_the_reserve_is_moved_doubles_nothing(path: Path) -> None:
    async with AuditLog(path, reserve=RESERVE) as audit:
        with full_disk():
            await fill(audit)
            await audit.intend(STOP)
            await audit.intend(RELEASE)
    assert whys(path)[-1] == "plan"
    half_move(path)
    async with AuditLog(path, reserve=RESERVE) as audit:
        assert audit.healed
    assert whys(path)[-2:] == ["protect", "release"]
    assert verify(path, reserve_of(path)).broken is None


def half_move(path: Path) -> None:
    """One line of the reserve has reached the record, and a part of the next."""
    left = reserve_of(path).read_bytes()
    path.write_bytes(path.read_bytes() + left[: left.index(b"\n") + 21])
