"""``vpp audit verify`` on records that somebody has touched."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from vpp.cli import exits
from vpp.cli.main import app
from vpp.domain.audit import AuditRecord, Event
from vpp.runtime.audit_log import AuditLog


def note(why: str) -> AuditRecord:
    return AuditRecord(
        event=Event.AUTHORITY, at=datetime(2026, 7, 15, tzinfo=UTC), subject="ess", who="kim",
        why=why,
    )  # fmt: skip


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "audit.jsonl"

    async def write() -> None:
        for day in range(2):  # two lives of the daemon
            async with AuditLog(path, reserve=0) as audit:
                for line in range(5):
                    audit.note(note(f"day {day}, line {line}"))

    asyncio.run(write())
    return path


def verify(record: Path, *more: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["audit", "verify", "--file", str(record), *more])
    return result.exit_code, result.output


def test_an_untouched_record_holds(record: Path) -> None:
    code, said = verify(record)
    assert code == exits.OK
    assert "10 lines hold, chain " in said


Touch = Callable[[list[bytes]], list[bytes]]
TOUCHES: dict[str, tuple[Touch, int]] = {
    "changed": (lambda x: [*x[:3], x[3].replace(b"kim", b"lee"), *x[4:]], 4),
    "removed": (lambda x: x[:3] + x[4:], 4),
    "moved": (lambda x: [*x[:3], x[4], x[3], *x[5:]], 4),
    "added": (lambda x: [*x[:3], x[2], *x[3:]], 4),
    "unchained": (lambda x: [*x[:6], b'{"event":"authority"}\n', *x[6:]], 7),
    "beheaded": (lambda x: x[2:], 1),
    "something else": (lambda x: [b"\x93\xff\x00 \xc3\n", *x], 1),
    "not a record": (lambda x: [b"[1]\n", *x], 1),
    "ends in something else": (lambda x: [*x, b"\x93\xff\x00"], 11),
}


@pytest.mark.parametrize("how", TOUCHES)
def test_the_first_break_is_named_with_file_and_line(record: Path, how: str) -> None:
    touch, line = TOUCHES[how]
    record.write_bytes(b"".join(touch(record.read_bytes().splitlines(keepends=True))))
    code, said = verify(record)
    assert code == exits.FAILED
    assert f"{record}:{line}: " in said.replace("\n", "")


def test_random_bytes_are_no_record(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    for seed in range(20):
        garbage.write_bytes(Random(seed).randbytes(2000))
        code, said = verify(garbage)
        assert code == exits.FAILED
        assert f"{garbage}:1: it is no" in said.replace("\n", "")


@pytest.mark.parametrize(
    "tail", [b'{"ev', b'{"event":"intent","at":"2026', b'{"event"' + bytes(512)]
)
def test_a_line_that_is_being_written_is_no_break(record: Path, tail: bytes) -> None:
    record.write_bytes(record.read_bytes() + tail)
    code, said = verify(record)
    assert (code, "last line is not finished" in said) == (exits.OK, True)


def test_a_cut_end_is_found_by_a_chain_that_was_noted(record: Path) -> None:
    noted = verify(record)[1].split()[-1]
    assert verify(record, "--holds", noted)[0] == exits.OK
    record.write_bytes(b"".join(record.read_bytes().splitlines(keepends=True)[:-1]))
    assert verify(record)[0] == exits.OK
    code, said = verify(record, "--holds", noted)
    assert code == exits.FAILED
    assert "does not hold the chain" in said


def test_lines_from_before_the_chain_are_vouched_for_by_its_beginning(record: Path) -> None:
    old = record.with_name("old.jsonl")
    old.write_bytes(b'{"event":"intent","why":"old"}\n' * 3)

    async def go_on() -> None:
        async with AuditLog(old, reserve=0) as audit:
            audit.note(note("new"))

    asyncio.run(go_on())
    code, said = verify(old)
    assert (code, "first 3 lines are older" in said) == (exits.OK, True)
    old.write_bytes(old.read_bytes().replace(b"old", b"odd", 1))
    assert verify(old)[0] == exits.FAILED


def test_a_record_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    code, said = verify(tmp_path / "none.jsonl")
    assert code == exits.USAGE
    assert "there is no file" in said
