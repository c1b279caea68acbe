"""The simulated house behind the Modbus adapter: a SunSpec battery and a meter on one port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.modbus.factory import open_link
from simulators.wire import SimulatedCity
from tests.adapters.modbus.house import BAT, ESS, METER, request, simulated
from vpp.domain.devices import Device
from vpp.domain.ids import AssetId
from vpp.ports.device import Adapter, LinkRequest


class ModbusWorld:
    """Drives the simulators' own faults."""

    def __init__(self, city: SimulatedCity) -> None:
        self._city = city
        self._port = city.ports["bus"]

    adapter: Adapter = staticmethod(open_link)
    first: Device = ESS
    second: Device = METER
    battery: AssetId = BAT

    def request(self, *devices: Device) -> LinkRequest:
        return request(self._port.number, *devices)

    async def appear(self) -> None:
        """They always listen."""

    async def settle(self) -> None:
        await self._city.advance(10.0)

    def power_kw(self) -> float:
        return self._city.world.asset["bat"].power_w / 1000

    def writes(self) -> int:
        return len(self._city.write_log.of("ess"))

    async def silence(self) -> None:
        await self._city.faults.inject("ess", "silent")

    async def reset(self) -> None:
        await self._city.faults.inject("ess", "reset")

    async def refuse(self) -> None:
        await self._city.faults.inject("ess", "exception", code=4)

    async def vanish(self) -> None:
        await self._city.faults.inject("ess", "refuse")

    async def recover(self) -> None:
        await self._city.faults.clear()


@asynccontextmanager
async def modbus_world() -> AsyncIterator[ModbusWorld]:
    async with simulated() as city:
        yield ModbusWorld(city)
