"""Every recipe and every register written, as it arrives at a device of the vendor's map."""

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters.modbus.factory import open_link
from adapters.profile.library import MODBUS
from simulators.clock import CityClock
from simulators.wire.modbus import Port
from simulators.wire.registers import Memory
from simulators.wire.unit import Unit
from simulators.write_log import WriteLog
from tests.adapters.modbus.house import command, device, request
from tests.adapters.mqtt.cities import HandClock
from tests.adapters.profile.recorded.devices import RECORDED
from tests.adapters.profile.recorded.recording import Recording, Told
from tests.adapters.profile.recorded.told import ASSETS
from vpp.domain.devices import Carried, Device, SafeState
from vpp.ports.device import Beating, Writable

TOLD = [(name, told) for name, recording in RECORDED.items() for told in recording.told]
BEAT = (40372, (0x1235,))
"""802.CtrlHb, one more than stood there."""


class Registers:
    """A run of recorded registers; what is written to it is noted by the unit, and not kept."""

    def __init__(self, start: int, words: Sequence[int]) -> None:
        self.start, self.count = start, len(words)
        self._image = struct.pack(f">{len(words)}H", *words)

    def image(self) -> bytes:
        return self._image

    def dressed(self, image: bytes, missing: frozenset[str], flipped: bool) -> bytes:
        return image

    def write(self, offset: int, values: Sequence[int]) -> None:
        pass

    def reboot(self) -> None:
        pass


def runs(registers: Mapping[int, int]) -> list[Registers]:
    """Without a gap each."""
    found: list[tuple[int, list[int]]] = []
    for address in sorted(registers):
        if not found or address != found[-1][0] + len(found[-1][1]):
            found.append((address, []))
        found[-1][1].append(registers[address])
    return [Registers(start, words) for start, words in found]


def recorded_device(name: str, safe: str, *kinds: str) -> Device:
    carries = [Carried(subject=ASSETS[kind], writes=True) for kind in kinds]
    options = RECORDED[name].options
    return device("recorded", name, *carries, safe=SafeState(safe), unit=1, **options)


class Serving:
    """A recorded device on a real socket."""

    def __init__(self, one: Device, recording: Recording) -> None:
        self.log = WriteLog(CityClock(datetime(2026, 7, 15, tzinfo=UTC), speed=0))
        self._device, self._port = one.id, Port({})
        self.become(recording)

    @property
    def number(self) -> int:
        return self._port.number

    def become(self, recording: Recording) -> None:
        """Its connections end, and behind the same address it holds other registers."""
        memory = Memory(runs(recording.registers()))
        self._port.units[1] = Unit(device=self._device, memory=memory, writes=self.log)
        self._port.reset_all()

    async def __aenter__(self) -> "Serving":
        await self._port.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._port.shut()
        await asyncio.sleep(0)


@asynccontextmanager
async def written(one: Device) -> AsyncIterator[tuple[WriteLog, Writable]]:
    """A recorded device on a real socket, identified and read, and its write log."""
    async with Serving(one, RECORDED[one.profile]) as server:
        asked = replace(request(server.number, one), city=HandClock())
        async with open_link(asked) as link:
            port = link.port(one.id)
            await port.identify()
            assert isinstance(port, Writable)
            yield server.log, port


@pytest.mark.parametrize(
    ("name", "told"), TOLD, ids=[f"{name}-{t.kind}-{t.verb}-{t.safe}" for name, t in TOLD]
)
async def test_what_is_told_arrives_as_the_map_says(name: str, told: Told) -> None:
    one = recorded_device(name, told.safe, told.kind)
    async with written(one) as (log, port):
        answer = await port.send(command(one, told.setpoint))
        arrived = [(write.where, write.values) for write in log]

    assert answer.echoed
    assert arrived == told.arrives


async def test_the_heartbeat_that_arrives_is_the_next_number() -> None:
    one = recorded_device("sunspec-ess", "zero", "battery")
    async with written(one) as (log, port):
        assert isinstance(port, Beating)
        assert isinstance(port, Writable)
        await port.send(command(one, RECORDED[one.profile].told[-1].setpoint))
        await port.beat()
        newest = log[-1]

    assert (newest.where, newest.values) == BEAT


@pytest.mark.parametrize("name", MODBUS.names())
def test_every_recipe_and_every_point_that_is_written_has_a_case(name: str) -> None:
    profile, recording = MODBUS.shipped(name), RECORDED[name]
    recipes = {(kind, verb.value) for kind, c in profile.control.items() for verb in c.recipes}
    written_to = {
        address + i for told in recording.told for address, w in told.arrives for i in range(len(w))
    }
    beats = set() if profile.heartbeat is None else {profile.heartbeat.point}
    writable = {point for point, how in profile.points.items() if how.write is not None}
    tried = {point for point, how in recording.points.items() if how.address in written_to}

    assert {(told.kind, told.verb) for told in recording.told} == recipes
    assert writable == tried | beats
    assert not recipes or {"zero", "autonomous"} <= {told.safe for told in recording.told}
