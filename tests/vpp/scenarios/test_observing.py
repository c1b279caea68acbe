"""The same street, only watched."""

from pathlib import Path

import pytest

from tests.vpp.scenarios.devices import BatteryPort, StationPort
from tests.vpp.scenarios.street import POOL, street
from vpp.control.parting import Ending
from vpp.domain.ladder import Rung

pytestmark = pytest.mark.virtual_time


async def test_nothing_is_written_while_everything_is_planned(tmp_path: Path) -> None:
    async with street(tmp_path, observe=True) as watched:
        await watched.until(0.5)
    writable = [p for p in watched.ports.values() if isinstance(p, BatteryPort | StationPort)]
    assert [port.written for port in writable] == [[]] * 4
    assert {one.ending for one in watched.daemon.left} == {Ending.NOT_WRITTEN}
    assert watched.view.plan_rounds >= 3
    assert POOL in watched.view.plans
    assert {note.rungs["b-bat"] for note in watched.notes} == {Rung.SAFE_STATE}
