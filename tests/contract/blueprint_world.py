"""Two invented batteries that call in, behind the blueprint of an adapter."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adapters._blueprint import open_link
from tests.adapters.modbus.house import ASSETS, BAT, CLOCK, HYBAT
from tests.contract.ports import free_port
from tests.settled import settled
from vpp.domain.devices import Carried, Device, Identity, Link
from vpp.domain.ids import AssetId, DeviceId, LinkId, PortfolioId
from vpp.ports.device import Adapter, LinkRequest


class CallingBattery:
    """A device of the blueprint's protocol; it follows what it is told at once."""

    def __init__(self, serial: str) -> None:
        self._hello = {"hello": {"maker": "Acme", "model": "B1", "serial": serial}}
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self.out_w = 0.0
        self.hold_out_w: float | None = None
        self.writes = 0
        self.mood = ""

    async def call(self, port: int) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._say(self._hello)
        self._task = asyncio.create_task(self._answer(reader))

    async def hang_up(self) -> None:
        if self._writer is not None and self._task is not None:
            self._writer.transport.abort()
            await asyncio.gather(self._task, return_exceptions=True)
            self._writer = self._task = None

    def _say(self, message: dict[str, Any]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def _answer(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            asked = json.loads(line)
            reply = self._reply(asked)
            if self.mood == "reset" and self._writer is not None:
                self._writer.transport.abort()
                return
            if self.mood != "silent":
                self._say({"n": asked["n"], **reply})

    def _reply(self, asked: dict[str, Any]) -> dict[str, Any]:
        writes = "hold_out_w" in asked
        self.writes += writes
        if self.mood:
            return {"no": "not now"}
        if writes:
            self.hold_out_w = asked["hold_out_w"]
            self.out_w = self.hold_out_w or 0.0
            return {"ok": True}
        return {"out_w": self.out_w, "soc_percent": 50.0, "hold_out_w": self.hold_out_w}


def _device(name: str, asset: AssetId) -> Device:
    return Device(
        id=DeviceId(name),
        link=LinkId("link"),
        adapter="blueprint",
        profile="none",
        identity=Identity(maker="Acme", model="B1", serial=name),
        carries=(Carried(subject=asset, writes=True),),
    )


class BlueprintWorld:
    """Devices that call once the link listens."""

    def __init__(self) -> None:
        self._port = free_port()
        self._batteries = [CallingBattery("one"), CallingBattery("two")]

    adapter: Adapter = staticmethod(open_link)
    first: Device = _device("one", BAT)
    second: Device = _device("two", HYBAT)
    battery: AssetId = BAT

    def request(self, *devices: Device) -> LinkRequest:
        return LinkRequest(
            portfolio=PortfolioId("test"),
            link=Link(id=LinkId("link"), adapter="blueprint", port=self._port),
            devices=devices,
            assets=ASSETS,
            city=CLOCK,
            wire=CLOCK,
        )

    async def appear(self) -> None:
        for battery in self._batteries:
            await battery.call(self._port)
        await settled()

    async def settle(self) -> None:
        """They follow at once."""

    def power_kw(self) -> float:
        return -self._batteries[0].out_w / 1000

    def writes(self) -> int:
        return self._batteries[0].writes

    async def silence(self) -> None:
        self._batteries[0].mood = "silent"

    async def reset(self) -> None:
        self._batteries[0].mood = "reset"

    async def refuse(self) -> None:
        self._batteries[0].mood = "refuse"

    async def vanish(self) -> None:
        for battery in self._batteries:
            await battery.hang_up()

    async def recover(self) -> None:
        for battery in self._batteries:
            battery.mood = ""
        await self.vanish()
        await self.appear()


@asynccontextmanager
async def blueprint_world() -> AsyncIterator[BlueprintWorld]:
    world = BlueprintWorld()
    try:
        yield world
    finally:
        await world.vanish()
