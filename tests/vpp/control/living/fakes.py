"""Fakes of the ports, on the loop's own time."""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from vpp.control.inputs import Alarm, Timing
from vpp.control.pace import Pace
from vpp.domain.arrays import Floats
from vpp.domain.audit import AuditRecord, Event
from vpp.domain.batch import Batch
from vpp.domain.capability import Form
from vpp.domain.command import Answer, Command
from vpp.domain.devices import Identity
from vpp.domain.errors import AuditUnavailable, ConnectionLost, NoAnswer, Refused
from vpp.domain.facts import DeviceFacts
from vpp.domain.forecast import Forecast
from vpp.domain.history import Mean
from vpp.domain.ids import AssetId, DeviceId, MeterId, PoolId, SiteId
from vpp.domain.plan import Plan
from vpp.domain.points import Point, Quantity
from vpp.domain.session import EvSession
from vpp.domain.setpoint import Setpoint
from vpp.ports.clock import Clock, Clocks

BEGIN = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
READS = {Quantity.POWER_KW: 0, Quantity.SOC: 0, Quantity.SETPOINT_KW: 0, Quantity.STATE: 0}


class LoopClock:
    """Both clocks of a test: the loop's own time, from a fixed morning."""

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


def pace(timing: Timing | None = None, clock: Clock | None = None) -> Pace:
    clock = clock or LoopClock()
    clocks = Clocks(city=clock, wire=clock)
    return Pace(clocks=clocks, timing=timing or Timing(), draw=lambda: 0.5)


@dataclass
class FakeAudit:
    """Records in memory; the disk may be slow, or broken."""

    delay_s: float = 0.0
    broken: bool = False
    records: list[AuditRecord] = field(default_factory=list)

    async def intend(self, record: AuditRecord) -> None:
        await asyncio.sleep(self.delay_s)
        if self.broken:
            raise AuditUnavailable("disk full")
        self.records.append(record)

    def note(self, record: AuditRecord) -> None:
        self.records.append(record)

    def of(self, event: Event) -> list[AuditRecord]:
        return [record for record in self.records if record.event is event]


@dataclass
class FakeHistory:
    means: list[Mean] = field(default_factory=list)
    broken: bool = False

    async def append(self, means: Sequence[Mean]) -> None:
        if self.broken:
            raise OSError("no history")
        self.means.extend(means)

    async def read(
        self, subject: str, quantity: Quantity, start: datetime, end: datetime, step_s: float
    ) -> Floats:
        raise NotImplementedError


@dataclass
class NoGuidance:
    plans: Mapping[PoolId, Plan] = field(default_factory=dict)
    site_forecasts: Mapping[SiteId, tuple[Forecast, ...]] = field(default_factory=dict)

    def alarms(self) -> tuple[Alarm, ...]:
        return ()


@dataclass
class FakeBattery:
    """A polled, writable device with one battery on it."""

    device: DeviceId
    asset: AssetId
    clock: Clock
    facts: DeviceFacts
    identity: Identity = field(default_factory=Identity)
    power_kw: float = 0.0
    soc: float = 0.5
    setpoint_kw: float = math.nan
    state: float = 2.0
    answers: bool = True
    reads_hang: bool = False
    reads_take_s: float = 0.01
    writes_hang: bool = False
    refuses: bool = False
    mute_after_write: bool = False
    ignores: bool = False
    """Acknowledges, and does nothing."""
    holds_but_idles: bool = False
    echoes: bool = True
    written: list[tuple[float, Command]] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    identified: int = 0
    beats: list[float] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        self.points = tuple(Point(subject=self.asset, quantity=quantity) for quantity in READS)

    async def identify(self) -> Identity:
        await self._reach()
        self.identified += 1
        return self.identity

    async def read(self) -> Batch:
        self.reads.append(self.clock.monotonic())
        await self._reach()
        values = self.told()
        now_s = self.clock.monotonic()
        return Batch(
            device=self.device,
            points=self.points,
            values=np.array(values),
            quality=np.zeros(len(values), np.uint8),
            arrived_s=now_s,
            measured_s=now_s,
        )

    def told(self) -> list[float]:
        """Its readings, in the order of its points."""
        return [self.power_kw, self.soc, self.setpoint_kw, self.state]

    async def send(self, command: Command) -> Answer:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            self.written.append((self.clock.monotonic(), command))
            await asyncio.sleep(3600.0 if self.writes_hang else 0.02)
        finally:
            self.in_flight -= 1
        if self.refuses:
            raise Refused("illegal data value", code=3)
        if not self.ignores:
            self._obey(command.setpoint)
        if self.mute_after_write:
            raise NoAnswer("no reply to the write")
        return Answer(echoed=self.echoes)

    def _obey(self, setpoint: Setpoint) -> None:
        match setpoint.form:
            case Form.RELEASE:
                self.setpoint_kw = math.nan
                return
            case Form.STOP:
                self.setpoint_kw = 0.0
            case _:
                finite = math.isfinite(setpoint.hi_kw)
                self.setpoint_kw = setpoint.hi_kw if finite else setpoint.lo_kw
        if not self.holds_but_idles:
            self.power_kw = self.setpoint_kw

    async def _reach(self) -> None:
        if not self.answers:
            raise ConnectionLost("connection refused")
        await asyncio.sleep(3600.0 if self.reads_hang else self.reads_take_s)


@dataclass
class BeatingBattery(FakeBattery):
    hears_beats: bool = True

    async def beat(self) -> None:
        if not self.hears_beats:
            raise NoAnswer("no answer to the beat")
        self.beats.append(self.clock.monotonic())


@dataclass
class FakeMeter:
    """A polled device that carries one meter, and cannot be written."""

    device: DeviceId
    meter: MeterId
    clock: Clock
    facts: DeviceFacts = field(default_factory=DeviceFacts)
    power_kw: float = 0.0
    age_s: float = 0.0

    def __post_init__(self) -> None:
        self.points = (Point(subject=self.meter, quantity=Quantity.POWER_KW),)

    async def identify(self) -> Identity:
        return Identity()

    async def read(self) -> Batch:
        now_s = self.clock.monotonic()
        return Batch(
            device=self.device,
            points=self.points,
            values=np.array([self.power_kw]),
            quality=np.zeros(1, np.uint8),
            arrived_s=now_s,
            measured_s=now_s - self.age_s,
        )


@dataclass
class FakeStation:
    """A streaming device with one charger."""

    device: DeviceId
    asset: AssetId
    clock: Clock
    facts: DeviceFacts
    connected: bool = False
    trouble: str = "has not called"
    identity: Identity = field(default_factory=Identity)
    identified: int = 0
    queue: asyncio.Queue[Batch] = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        quantities = (Quantity.POWER_KW, Quantity.SETPOINT_KW)
        self.points = tuple(Point(subject=self.asset, quantity=q) for q in quantities)

    async def identify(self) -> Identity:
        if not self.connected:
            raise ConnectionLost("has not called")
        self.identified += 1
        return self.identity

    async def batches(self) -> AsyncIterator[Batch]:
        while True:
            yield await self.queue.get()

    def say(self, power_kw: float, session: EvSession | None) -> None:
        now_s = self.clock.monotonic()
        self.queue.put_nowait(
            Batch(
                device=self.device,
                points=self.points,
                values=np.array([power_kw, math.nan]),
                quality=np.zeros(2, np.uint8),
                arrived_s=now_s,
                measured_s=now_s,
                sessions={self.asset: session},
            )
        )
