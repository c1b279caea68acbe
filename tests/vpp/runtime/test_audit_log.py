import asyncio
import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from vpp.domain.audit import AuditRecord, Event
from vpp.domain.errors import AuditUnavailable
from vpp.runtime.audit_chain import sealed, verify
from vpp.runtime.audit_file import reserve_of
from vpp.runtime.audit_log import AuditLog


def record(why: str) -> AuditRecord:
    return AuditRecord(
        event=Event.INTENT, at=datetime(2026, 7, 15, tzinfo=UTC), subject="bat", who="plan", why=why
    )


def whys(path: Path) -> list[str]:
    return [json.loads(line)["why"] for line in path.read_text().splitlines()]


async def test_intent_is_on_disk_before_it_returns(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with AuditLog(path) as audit:
        await audit.intend(record("surplus"))
        assert json.loads(path.read_text())["why"] == "surplus"


async def test_intents_that_come_together_share_a_sync(tmp_path: Path) -> None:
    gate, started, syncs = threading.Event(), threading.Event(), []

    def slow_sync(descriptor: int) -> None:
        syncs.append(descriptor)
        started.set()
        gate.wait(5)

    async with AuditLog(tmp_path / "audit.jsonl", sync=slow_sync) as audit:
        first = asyncio.create_task(audit.intend(record("first")))
        assert await asyncio.to_thread(started.wait, 5)
        later = [asyncio.create_task(audit.intend(record(str(i)))) for i in range(50)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in [first, *later])
        gate.set()
        await asyncio.gather(first, *later)
        assert len(syncs) == 2


async def test_a_full_disk_refuses_the_intent_with_the_file_and_what_to_do(tmp_path: Path) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    async with AuditLog(tmp_path / "audit.jsonl", sync=full) as audit:
        with pytest.raises(AuditUnavailable, match=r"audit\.jsonl.*No space left.*free space"):
            await audit.intend(record("surplus"))


async def test_a_torn_last_line_is_cut_and_told_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with AuditLog(path) as audit:
        await audit.intend(record("whole"))
    with path.open("ab") as file:
        file.write(b'{"event":"intent","why":"to')
    async with AuditLog(path) as audit:
        await audit.intend(record("after"))
    assert audit.healed.startswith("cut off 27 bytes")
    assert audit.healed.endswith('"why":"to')
    assert [json.loads(line)["why"] for line in path.read_text().splitlines()] == ["whole", "after"]


async def test_a_record_that_was_removed_is_put_back_whole_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with AuditLog(path) as audit:
        await audit.intend(record("before"))
        path.unlink()
        await audit.intend(record("after"))
    assert whys(path) == ["before", "after"]
    assert verify(path, reserve_of(path)).broken is None


async def test_what_stands_in_the_place_of_a_record_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with AuditLog(path) as audit:
        await audit.intend(record("before"))
        path.rename(tmp_path / "away")
        path.write_text("another\n")
        with pytest.raises(AuditUnavailable, match="another file stands in its place"):
            await audit.intend(record("after"))
    assert path.read_text() == "another\n"
    assert whys(tmp_path / "away") == ["before"]


async def test_whoever_has_lost_the_lock_writes_no_line(tmp_path: Path) -> None:
    path, ours = tmp_path / "audit.jsonl", [True]
    async with AuditLog(path, ours=lambda: ours[0]) as audit:
        await audit.intend(record("before"))
        ours[0] = False
        with pytest.raises(AuditUnavailable, match="lock"):
            await audit.intend(record("after"))
        audit.note(record("note"))
    assert whys(path) == ["before"]


async def test_lines_that_another_wrote_are_not_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with AuditLog(path) as audit:
        await audit.intend(record("before"))
        with path.open("ab") as file:
            file.write(b'{"why":"theirs"}\n')
        await audit.intend(record("after"))
    assert whys(path) == ["before", "theirs", "after"]
    found = verify(path, reserve_of(path)).broken
    assert found is not None
    assert found.line == 2


CHAINED = sealed([b'{"event":"intent","why":"first"}'], "")[0]
OLD = b'{"event":"intent","why":"before there was a chain"}\n'


@pytest.mark.parametrize(
    "found",
    [
        Random(4).randbytes(3000),
        b"random bytes without an end",
        b"hello\nworld\n",
        b"[1]\n",
        CHAINED + b"and something else\n",
        CHAINED + OLD,
        None,
    ],
    ids=["random", "no-end", "text", "list", "text-behind", "unchained-behind", "folder"],
)
async def test_what_is_no_record_is_kept_and_a_new_one_begun(
    tmp_path: Path, found: bytes | None
) -> None:
    path = tmp_path / "audit.jsonl"
    if found is None:
        path.mkdir()
    else:
        path.write_bytes(found)
    async with AuditLog(path, reserve=0) as audit:
        audit.note(record("new"))
        kept = audit.set_aside
        healed = audit.healed
    assert kept is not None
    assert (kept.read_bytes() if kept.is_file() else None) == found
    assert kept.name in healed
    assert whys(path) == ["new"]
    assert verify(path, reserve_of(path)).broken is None


@pytest.mark.parametrize(
    "found",
    [b"", CHAINED, OLD * 3, OLD + CHAINED, CHAINED + b'{"ev', CHAINED + b"\xff\0\0", b'{"ev'],
)
async def test_a_record_goes_on_though_its_last_line_was_cut_off(
    tmp_path: Path, found: bytes
) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(found)
    async with AuditLog(path, reserve=0) as audit:
        assert audit.set_aside is None
    assert path.read_bytes() == found[: found.rfind(b"\n") + 1]


async def test_the_reserve_goes_with_its_record(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"no record\n")
    reserve_of(path).write_bytes(CHAINED)
    async with AuditLog(path, reserve=0) as audit:
        assert audit.set_aside is not None
        assert reserve_of(audit.set_aside).read_bytes() == CHAINED


async def test_a_record_that_cannot_be_opened_is_named_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.symlink_to(path)
    with pytest.raises(AuditUnavailable, match=r"audit\.jsonl.*or move it away"):
        async with AuditLog(path):
            pass
