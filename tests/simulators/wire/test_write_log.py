"""What a simulated device was told, for whoever asks, without growing for ever."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulators.clock import CityClock
from simulators.write_log import WriteLog

BEGAN = datetime(2026, 7, 14, tzinfo=UTC)


@pytest.mark.parametrize(("kept", "there"), [(None, [*range(50)]), (3, [47, 48, 49]), (0, [])])
def test_the_newest_stay_in_memory_and_the_file_has_all(
    tmp_path: Path, kept: int | None, there: list[int]
) -> None:
    log = WriteLog(CityClock(BEGAN, speed=1.0), tmp_path / "writes.jsonl", kept=kept)
    for at in range(50):
        log.record("ess", 40372, at, accepted=True)
    log.close()
    assert [write.values for write in log.of("ess")] == there
    assert [write.values for write in log[-2:]] == there[-2:]
    lines = (tmp_path / "writes.jsonl").read_text().splitlines()
    assert [json.loads(line)["values"] for line in lines] == [*range(50)]
