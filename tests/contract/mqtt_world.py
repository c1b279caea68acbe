"""Two invented batteries that call in at the embedded broker, behind the MQTT adapter."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from adapters.mqtt.factory import open_link
from tests.adapters.modbus.house import ASSETS, BAT, CLOCK, HYBAT
from tests.adapters.mqtt.brokers import embedded, free_port
from tests.adapters.mqtt.stations import META, Station, running
from vpp.domain.devices import Carried, Device, Identity, Link
from vpp.domain.ids import AssetId, DeviceId, LinkId, PortfolioId
from vpp.ports.device import Adapter, LinkRequest

PERIOD_S = 0.05
ON_ITS_WAY_S = 0.3
"""Far above what a message needs through the broker."""


class CallingBattery(Station):
    """Follows what it is told at once, and tells its power all the time."""

    def __init__(self, port: int, device: str, asset: str) -> None:
        super().__init__(port, "house", device)
        self.meta = META | {"serial": device, "assets": {asset: {"kind": "battery"}}}
        self.asset, self.power_kw, self.mood = asset, 0.0, ""
        self.answer = self._follow

    async def _serve(self) -> None:
        if self.mood != "reset":
            await super()._serve()

    async def stream(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            if self.connected.is_set() and self.mood != "silent":
                with contextlib.suppress(Exception):
                    await self.telemetry(assets={self.asset: {"power_kw": self.power_kw}})

    def _follow(self, told: dict[str, Any]) -> dict[str, Any] | None:
        if self.mood == "silent":
            return None
        if self.mood == "refuse":
            return {"state": "rejected", "reason": "not now"}
        self.power_kw = told.get("power_kw", 0.0)
        return {"state": "applied", "power_kw": self.power_kw}


def _device(name: str, asset: AssetId) -> Device:
    return Device(
        id=DeviceId(name),
        link=LinkId("link"),
        adapter="mqtt",
        profile="vpp-1",
        identity=Identity(maker="Dulle", serial=name),
        carries=(Carried(subject=asset, writes=True),),
        options={"site": "house"},
    )


class MqttWorld:
    """Batteries that call in at the broker once they appear."""

    adapter: Adapter = staticmethod(open_link)
    first: Device = _device("one", BAT)
    second: Device = _device("two", HYBAT)
    battery: AssetId = BAT

    def __init__(self, port: int) -> None:
        self._port = port
        self._batteries = [CallingBattery(port, "one", BAT), CallingBattery(port, "two", HYBAT)]
        self._calls = AsyncExitStack()

    def request(self, *devices: Device) -> LinkRequest:
        return LinkRequest(
            portfolio=PortfolioId("test"),
            link=Link(id=LinkId("link"), adapter="mqtt", port=self._port),
            devices=devices,
            assets=ASSETS,
            city=CLOCK,
            wire=CLOCK,
        )

    async def appear(self) -> None:
        for battery in self._batteries:
            await self._calls.enter_async_context(running(battery))
            streaming = asyncio.create_task(battery.stream())
            self._calls.push_async_callback(_end, streaming)

    async def settle(self) -> None:
        await asyncio.sleep(2 * PERIOD_S)

    def power_kw(self) -> float:
        return self._batteries[0].power_kw

    def writes(self) -> int:
        return len(self._batteries[0].received)

    async def silence(self) -> None:
        self._batteries[0].mood = "silent"

    async def reset(self) -> None:
        self._batteries[0].mood = "reset"
        await self._batteries[0].vanish()

    async def refuse(self) -> None:
        self._batteries[0].mood = "refuse"

    async def vanish(self) -> None:
        for battery in self._batteries:
            if battery.connected.is_set():
                await battery.status(online=False)
        await self._calls.aclose()
        await asyncio.sleep(ON_ITS_WAY_S)

    async def recover(self) -> None:
        for battery in self._batteries:
            battery.mood = ""
        await self.vanish()
        for battery in self._batteries:
            battery.boot += 1
        await self.appear()


async def _end(task: asyncio.Task[None]) -> None:
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)


@asynccontextmanager
async def mqtt_world() -> AsyncIterator[MqttWorld]:
    async with embedded(free_port()) as port:
        world = MqttWorld(port)
        try:
            yield world
        finally:
            await world.vanish()
