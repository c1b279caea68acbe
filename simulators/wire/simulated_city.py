"""A whole city on real sockets in this process."""

import asyncio
import resource
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.city import City, Device, Link
from simulators.clock import CityClock
from simulators.entry import CityError
from simulators.faults import Faults
from simulators.physics.charger import ChargerUnit
from simulators.wire.broker import BrokerAddress, embedded_broker
from simulators.wire.layouts import memory_of, unit_id
from simulators.wire.modbus import Port
from simulators.wire.modbus_device import ModbusDevice
from simulators.wire.station import Station
from simulators.wire.station_link import StationLink
from simulators.wire.unit import Unit
from simulators.wire.weather import WeatherServer
from simulators.world import World
from simulators.write_log import WriteLog

CADENCE_S = 0.05
"""Wire seconds between two steps of the physics."""
CONNECT_S = 8.0
"""Wire seconds within which every station must have found its broker."""
MAX_CLIENTS = {"storedge": 1}
IDLE_CLOSE_S = {"storedge": 60.0}


class SimulatedCity:
    """`async with SimulatedCity(city, speed=60) as sim:` serves the city until the block ends.

    At speed 0 its time stands still and is moved by `advance`. `broker` names an external broker;
    without it one is embedded at every MQTT link's address, if the city has such a link.
    `write_log` is a file for every write; in memory stay the newest `writes_kept`, or all.

    Attributes:
        world: The physics.
        clock: The city's time; its speed may be changed.
        faults: The script, to which `inject` adds.
        write_log: The writes that devices received.
        devices: Modbus devices by id.
        stations: MQTT stations by id.
        ports: Modbus ports by link id.
        weather: The city's own weather service, if it has one.
    """

    def __init__(
        self,
        city: City,
        *,
        speed: float = 1.0,
        start: datetime | None = None,
        broker: BrokerAddress | None = None,
        write_log: Path | None = None,
        writes_kept: int | None = None,
    ) -> None:
        self.city = city
        self.world = World(city, start)
        self.clock = CityClock(start or city.start, speed)
        self.write_log = WriteLog(self.clock, write_log, kept=writes_kept)
        self.faults = Faults()
        self.base_port = city.base_port
        self.devices: dict[str, ModbusDevice] = {}
        self.stations: dict[str, StationLink] = {}
        self.ports: dict[str, Port] = {}
        self.weather = (
            None
            if city.weather_port is None
            else WeatherServer(city, self.clock, city.weather_port)
        )
        self.broker = broker
        self._stack = AsyncExitStack()
        self._lay_out({link.id: link for link in city.links})
        for scripted in city.faults:
            self.faults.schedule(scripted.since(self.clock.start))

    async def advance(self, city_s: float) -> None:
        """Move the city's time ahead by hand, physics and faults with it."""
        self.clock.advance(city_s)
        await self._step()

    async def __aenter__(self) -> Self:
        _allow_files(4 * len(self.city.devices) + 256)
        async with AsyncExitStack() as stack:
            stack.callback(self.write_log.close)
            for address in self._own_brokers():
                await stack.enter_async_context(embedded_broker(address))
            for port in self.ports.values():
                stack.callback(port.shut)
                await port.listen()
            if self.weather is not None:
                await stack.enter_async_context(self.weather)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            for link in self.stations.values():
                stack.callback(tasks.create_task(link.run()).cancel)
            await self._wait_for_stations()
            self.clock.run()
            stack.callback(tasks.create_task(self._drive()).cancel)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def _lay_out(self, links: dict[str, Link]) -> None:
        for device in self.city.devices:
            link = links[device.link]
            if link.adapter == "modbus":
                self._add_modbus(device, link)
            elif link.adapter == "mqtt":
                self._add_station(device, link)
            else:
                raise CityError(f"link {link.id}: nothing here speaks {link.adapter!r}")

    def _add_modbus(self, device: Device, link: Link) -> None:
        port = self.ports.setdefault(link.id, Port({}, host=link.host, number=link.port))
        number = unit_id(device)
        if number in port.units:
            raise CityError(f"device {device.id}: unit {number} of link {link.id} is taken")
        port.units[number] = Unit(device.id, memory_of(device, self.world), self.write_log)
        _set_manners(port, device)
        self.devices[device.id] = ModbusDevice(port.units[number], port, self.devices)
        self.faults.add_target(device.id, self.devices[device.id])

    def _add_station(self, device: Device, link: Link) -> None:
        units = {asset: self.world.asset[asset] for asset in device.assets}
        connectors = {name: unit for name, unit in units.items() if isinstance(unit, ChargerUnit)}
        if len(connectors) != len(units):
            raise CityError(f"device {device.id}: a station carries EV chargers alone")
        station = Station(device, connectors, self.clock, self.write_log)
        broker = self.broker or BrokerAddress(link.host, link.port)
        self.stations[device.id] = StationLink(station, broker)
        self.faults.add_target(device.id, self.stations[device.id])

    def _own_brokers(self) -> set[BrokerAddress]:
        if self.broker is not None:
            return set()
        return {BrokerAddress(k.host, k.port) for k in self.city.links if k.adapter == "mqtt"}

    async def _wait_for_stations(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                for link in self.stations.values():
                    await link.connected.wait()
        except TimeoutError as error:
            late = [link for link in self.stations.values() if not link.connected.is_set()]
            names = ", ".join(link.station.device.id for link in late)
            brokers = ", ".join(sorted({str(link.broker) for link in late}))
            raise ConnectionError(f"no MQTT broker at {brokers} took {names}") from error

    async def _drive(self) -> None:
        """Move the physics on the wire's grid; a step that comes late is not made up for."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._step()
            due = max(due + CADENCE_S, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _step(self) -> None:
        now_s = self.clock.elapsed_s
        self.world.advance_to(now_s)
        await self.faults.step(now_s)
        for link in self.stations.values():
            link.moved()


def _set_manners(port: Port, device: Device) -> None:
    """How the port treats clients; of several devices on it the strictest counts.

    `simulation.devices.<id>` may say `max_clients`, `ready_after_s` and `idle_close_s`.
    """
    said = device.simulation
    most = said.get("max_clients", MAX_CLIENTS.get(device.profile))
    idle_s = said.get("idle_close_s", IDLE_CLOSE_S.get(device.profile))
    if most is not None:
        port.max_clients = min(int(most), port.max_clients or int(most))
    if idle_s is not None:
        port.idle_close_s = min(float(idle_s), port.idle_close_s or float(idle_s))
    port.ready_after_s = max(port.ready_after_s, float(said.get("ready_after_s", 0.0)))


def _allow_files(wanted: int) -> None:
    """Raise the limit of open files as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
