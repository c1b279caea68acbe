"""A device that starts anew: noticed, read back before it is written, and told again."""

import asyncio
import math
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.vpp.control.living.fakes import READS, FakeBattery, LoopClock
from tests.vpp.control.living.loops import D1, holding
from tests.vpp.control.living.rooms import Rig, rig
from tests.vpp.control.living.small_city import battery, battery_facts, city_of, device_of
from vpp.control.control_room import OnExit
from vpp.domain.audit import Event
from vpp.domain.batch import Batch
from vpp.domain.command import WriteClass
from vpp.domain.devices import Carried
from vpp.domain.errors import ConnectionLost
from vpp.domain.ids import AssetId
from vpp.domain.points import Point, Quantity

pytestmark = pytest.mark.virtual_time
B1 = AssetId("b1")
COUNTING = {**READS, Quantity.UPTIME_S: 0}


@dataclass
class MortalBattery(FakeBattery):
    """Says how long it has been running, or which of its lives this is, as a test wants."""

    tells_uptime: bool = False
    tells_boot: bool = False
    keeps: bool = False
    """Its setpoint outlives a restart."""
    boot: int = 3
    began_s: float = -1000.0
    drops: int = 0
    """Rounds that fail from now on."""

    def __post_init__(self) -> None:
        reads = COUNTING if self.tells_uptime else READS
        self.points = tuple(Point(subject=self.asset, quantity=quantity) for quantity in reads)

    def told(self) -> list[float]:
        uptime_s = [self.clock.monotonic() - self.began_s] if self.tells_uptime else []
        return [*super().told(), *uptime_s]

    async def read(self) -> Batch:
        if self.drops:
            self.drops -= 1
            raise ConnectionLost("reset by peer")
        return replace(await super().read(), boot=self.boot if self.tells_boot else None)

    def restart(self) -> None:
        self.boot += 1
        self.began_s = self.clock.monotonic()
        if not self.keeps:
            self.setpoint_kw, self.power_kw = math.nan, 0.0


def made(tmp_path: Path, port: MortalBattery) -> Rig:
    device = device_of("d1", Carried(subject=B1, reads=COUNTING, writes=True))
    found = rig(city_of([battery()], [device]), {"d1": port}, tmp_path, decide=holding(5.0))
    found.room.on_exit = OnExit.RELEASE
    return found


def alarms(made: Rig) -> list[tuple[str, str, str]]:
    return [
        (record.why.partition(":")[0], record.subject, record.outcome)
        for record in made.audit.of(Event.ALARM)
    ]


@pytest.mark.parametrize("counts", [True, False])
async def test_a_restart_by_its_own_word_is_an_alarm_and_its_command_is_issued_again(
    tmp_path: Path, counts: bool
) -> None:
    port = MortalBattery(D1, B1, LoopClock(), battery_facts(), tells_uptime=counts)
    port.tells_boot = not counts
    rigged = made(tmp_path, port)
    async with rigged.room:
        await asyncio.sleep(5.5)
        port.restart()
        await asyncio.sleep(14)
    changes = alarms(rigged)
    for subject in ("d1", "asset:b1"):
        assert ("REBOOTED", subject, "raised") in changes
        assert ("REBOOTED", subject, "cleared") in changes
    assert len(changes) == 4
    assert [c.write_class for _, c in port.written] == [WriteClass.COMMAND, WriteClass.COMMAND]


async def test_who_keeps_its_setpoint_is_not_told_anew(tmp_path: Path) -> None:
    port = MortalBattery(D1, B1, LoopClock(), battery_facts(), tells_boot=True, keeps=True)
    rigged = made(tmp_path, port)
    async with rigged.room:
        await asyncio.sleep(5.5)
        port.restart()
        await asyncio.sleep(14)
    assert alarms(rigged) == [("REBOOTED", "d1", "raised"), ("REBOOTED", "d1", "cleared")]
    assert [c.write_class for _, c in port.written] == [WriteClass.COMMAND, WriteClass.REFRESH]


async def test_it_is_not_written_between_the_restart_and_the_read_back(tmp_path: Path) -> None:
    port = MortalBattery(D1, B1, LoopClock(), battery_facts(), tells_uptime=True)
    rigged = made(tmp_path, port)
    ready: list[tuple[float, bool]] = []
    rigged.room.loop.on_tick(
        lambda view: ready.append((view.snapshot.now_s, view.snapshot.devices[D1].read_back))
    )
    async with rigged.room:
        await asyncio.sleep(5.5)
        port.restart()
        await asyncio.sleep(5)
    unready = [now_s for now_s, read_back in ready if not read_back and now_s > 5]
    assert len(unready) == 1


async def test_one_read_back_of_none_after_a_reconnection_is_enough(tmp_path: Path) -> None:
    port = MortalBattery(D1, B1, LoopClock(), battery_facts())
    rigged = made(tmp_path, port)
    async with rigged.room:
        await asyncio.sleep(8.5)
        port.restart()
        port.drops = 1
        await asyncio.sleep(12)
    assert [change[:2] for change in alarms(rigged)] == [("REBOOTED", "asset:b1")] * 2
    assert [c.write_class for _, c in port.written] == [WriteClass.COMMAND, WriteClass.COMMAND]
