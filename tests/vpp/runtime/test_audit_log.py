import asyncio
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vpp.domain.audit import AuditRecord, Event
from vpp.domain.errors import AuditUnavailable
from vpp.runtime.audit_log import AuditLog


def record(why: str) -> AuditRecord:
    return AuditRecord(
        event=Event.INTENT, at=datetime(2026, 7, 15, tzinfo=UTC), subject="bat", who="plan", why=why
    )


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
