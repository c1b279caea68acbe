"""Whether the daemon says that it is ready, while its record of writes cannot be written."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vpp.scenarios.street import InStep, street

pytestmark = pytest.mark.virtual_time


async def test_it_is_not_ready_while_no_command_leaves(tmp_path: Path) -> None:
    full = False

    def sync(file: int) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        os.fsync(file)

    class OnThatDisk(InStep):
        def __init__(self, path: Path, *, ours: Callable[[], bool]) -> None:
            super().__init__(path, sync=sync, ours=ours)

    async with street(tmp_path, audit=OnThatDisk) as made:
        await made.until(0.05)
        ready = made.daemon.lacks()
        full = True
        await made.until(0.3)
        (lack,) = made.daemon.lacks()
        full = False
        await made.until(0.5)
        again = made.daemon.lacks()
    assert ready == again == []
    assert lack.startswith("no command leaves: ")
    assert lack.endswith("No space left on device; free space or repair the disk")
