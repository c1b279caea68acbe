"""The houses' devices as ports: each can fall silent, and every write is remembered."""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

import numpy as np

from tests.vpp.scenarios.world import SITES, World
from vpp.domain.batch import Batch
from vpp.domain.command import Answer, Command
from vpp.domain.devices import Identity
from vpp.domain.errors import ConnectionLost
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId, MeterId
from vpp.domain.points import Point, Quantity
from vpp.domain.session import EvSession
from vpp.ports.clock import Clock

Subject = AssetId | MeterId


@dataclass
class Wired:
    """A polled device."""

    device: DeviceId
    subject: Subject
    site: str
    world: World
    facts: DeviceFacts
    alive: bool = True
    written: list[tuple[float, Command]] = field(default_factory=list)

    quantities: ClassVar[tuple[Quantity, ...]] = (Quantity.POWER_KW,)

    def __post_init__(self) -> None:
        self.points = tuple(Point(subject=self.subject, quantity=q) for q in self.quantities)

    async def identify(self) -> Identity:
        self._reach()
        return Identity()

    async def read(self) -> Batch:
        self._reach()
        measured_s, values = self.look()
        return Batch(
            device=self.device,
            points=self.points,
            values=np.array(values),
            quality=np.zeros(len(values), np.uint8),
            arrived_s=self.world.now_s,
            measured_s=measured_s,
        )

    def look(self) -> tuple[float, list[float]]:
        raise NotImplementedError

    def _reach(self) -> None:
        self.world.live()
        if not self.alive:
            raise ConnectionLost("no route to host")


class BatteryPort(Wired):
    quantities = (Quantity.POWER_KW, Quantity.SOC, Quantity.SETPOINT_KW)

    def look(self) -> tuple[float, list[float]]:
        cell = self.world.cells[self.site]
        soc = cell.stored_kwh / cell.capacity_kwh
        return self.world.now_s, [self.world.battery_kw[self.site], soc, cell.told_kw]

    async def send(self, command: Command) -> Answer:
        self._reach()
        self.written.append((self.world.now_s, command))
        setpoint = command.setpoint
        self.world.cells[self.site].tell(self.world.now_s, setpoint.target_kw, setpoint.expires_s)
        return Answer(echoed=True)


class PvPort(Wired):
    quantities = (Quantity.POWER_KW, Quantity.AVAILABLE_KW)

    def look(self) -> tuple[float, list[float]]:
        sun_kw = float(self.world.sun_kw[SITES.index(self.site), self.world.minute()])
        return self.world.now_s, [-sun_kw, sun_kw]


class MeterPort(Wired):
    """It shows what was a while ago, and says so."""

    age_s = 3.0

    def look(self) -> tuple[float, list[float]]:
        measured_s, net_kw = self.world.net_before(SITES.index(self.site), self.age_s)
        return measured_s, [net_kw]


@dataclass
class StationPort:
    """A charging station that tells of itself every ten seconds."""

    device: DeviceId
    asset: AssetId
    world: World
    clock: Clock
    facts: DeviceFacts
    connected: bool = True
    trouble: str = ""
    told_kw: float = math.nan
    written: list[tuple[float, Command]] = field(default_factory=list)

    def __post_init__(self) -> None:
        quantities = (Quantity.POWER_KW, Quantity.SETPOINT_KW)
        self.points = tuple(Point(subject=self.asset, quantity=q) for q in quantities)

    async def identify(self) -> Identity:
        return Identity()

    async def batches(self) -> AsyncIterator[Batch]:
        while True:
            self.world.live()
            yield Batch(
                device=self.device,
                points=self.points,
                values=np.array([self.world.car_kw, self.told_kw]),
                quality=np.zeros(2, np.uint8),
                arrived_s=self.world.now_s,
                measured_s=self.world.now_s,
                sessions={self.asset: self._session()},
            )
            await self.clock.sleep(10.0)

    async def send(self, command: Command) -> Answer:
        self.world.live()
        self.written.append((self.world.now_s, command))
        self.told_kw = self.world.car.offered_kw = command.setpoint.hi_kw
        return Answer(echoed=True)

    def _session(self) -> EvSession | None:
        car = self.world.car
        if not car.there(self.world.day_s):
            return None
        midnight = self.clock.now() - timedelta(seconds=self.world.day_s)
        return EvSession(
            id="car-1",
            asset=self.asset,
            arrival=midnight + timedelta(seconds=car.arrives_s),
            departure=midnight + timedelta(seconds=car.leaves_s),
            need_kwh=car.need_kwh,
            delivered_kwh=car.delivered_kwh,
            min_kw=4.1,
            max_kw=11.0,
        )
