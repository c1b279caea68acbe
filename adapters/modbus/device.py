"""Modbus devices as the core sees them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.modbus.facts import narrowed, wholes_of
from adapters.modbus.link import ModbusLink
from adapters.modbus.pdu import write_request
from adapters.modbus.readings import Bound
from adapters.modbus.recipes import Write, order_of
from adapters.modbus.survey import Survey, survey
from adapters.profile.profile import Control, Profile
from vpp.domain.arrays import Floats
from vpp.domain.assets import Asset
from vpp.domain.batch import Batch
from vpp.domain.command import Answer, Command
from vpp.domain.devices import Device, Identity
from vpp.domain.errors import ConnectionLost, DeviceError, Refused, WrongDevice
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId
from vpp.domain.points import Point
from vpp.ports.clock import Clock

_BEATS = 0xFFFF
"""Heartbeats count from 0 to one less; 0xFFFF would read as not implemented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the factory worked out about one device."""

    device: Device
    profile: Profile
    facts: DeviceFacts
    bound: tuple[Bound, ...]
    polled: frozenset[str]
    """Points that every round reads."""
    written: Mapping[AssetId, tuple[Asset, Control]]
    unit: int


class ModbusDevice:
    """A device that is read. What is fixed per connection is looked at anew after every loss."""

    def __init__(self, setup: Setup, link: ModbusLink, city: Clock) -> None:
        self._setup, self._link, self._city = setup, link, city
        self._points: tuple[Point, ...] = tuple(bound.point for bound in setup.bound)
        self._survey: Survey | None = None
        self._identity: Identity | None = None
        self._numbers: Floats | None = None
        self._values: Floats | None = None
        self._facts = setup.facts

    @property
    def facts(self) -> DeviceFacts:
        return self._facts

    async def identify(self) -> Identity:
        """Who answers: model 1, or the points that the profile names.

        Raises:
            WrongDevice: it does not speak this profile.
            DeviceError: nothing usable came.
        """
        self._survey = self._numbers = self._values = None
        found = await self._look()
        self._survey, self._identity = found, found.identity
        return found.identity

    async def read(self) -> Batch:
        """One round of all points, in house units and signs.

        Raises:
            DeviceError: nothing usable came; the next call connects anew where that is needed.
        """
        found = await self._known()
        raw: list[float | int] = []
        arrived_s = first_s = math.nan
        for block in found.blocks:
            raw += block.decode(await self._ask(block.request, found.connect))
            arrived_s = self._city.monotonic()
            first_s = arrived_s if math.isnan(first_s) else first_s
        numbers, values = found.decoder.house(raw)
        self._numbers, self._values = numbers, values
        told, quality = found.readings.of(numbers, values)
        told.flags.writeable = False
        return Batch(
            device=self._setup.device.id,
            points=self._points,
            values=told,
            quality=quality,
            arrived_s=arrived_s,
            measured_s=first_s - self.facts.meter_age_s,
        )

    def round(self) -> tuple[bytes, ...]:
        """The requests of one round, to be looked at; none before the device is identified."""
        return () if self._survey is None else tuple(b.request for b in self._survey.blocks)

    async def _look(self) -> Survey:
        setup, timeout_s = self._setup, self.facts.timeout_s
        try:
            connect = await self._link.connect(timeout_s)
        except DeviceError as fault:
            raise self._named(fault) from fault

        async def ask(request: bytes) -> bytes:
            return await self._ask(request, connect)

        try:
            return await survey(setup.profile, setup.bound, setup.polled, ask, connect)
        except WrongDevice as fault:
            raise self._named(fault) from fault

    async def _known(self) -> Survey:
        """The survey of this connection, made anew after a loss.

        Raises:
            WrongDevice: another device answers than before.
        """
        found, before = self._survey, self._identity
        if found is not None and found.connect == self._link.connects and self._link.alive:
            return found
        now = await self.identify()
        contradiction = None if before is None else before.contradicts(now)
        if contradiction is not None or self._survey is None:
            self._survey = None
            raise WrongDevice(f"{self._setup.device.id}: another device answers: {contradiction}")
        return self._survey

    async def _ask(self, request: bytes, connect: int) -> bytes:
        try:
            return await self._link.ask(self._setup.unit, request, self.facts.timeout_s, connect)
        except DeviceError as fault:
            raise self._named(fault) from fault

    def _named(self, fault: DeviceError, doing: str = "") -> DeviceError:
        """The same fault, saying which device it is about and what was being done."""
        message = f"{self._setup.device.id}: {doing}{fault}"
        if isinstance(fault, Refused):
            return Refused(message, code=fault.code)
        return type(fault)(message)

    def _last(self, name: str, among: Floats | None) -> float:
        if among is None or self._survey is None:
            return math.nan
        return float(among[self._survey.decoder.at(name)])


class WritableDevice(ModbusDevice):
    """A device that is written as well."""

    def __init__(self, setup: Setup, link: ModbusLink, city: Clock) -> None:
        super().__init__(setup, link, city)
        names = wholes_of(control for _, control in setup.written.values())
        self._wholes = dict.fromkeys(sorted(names), math.nan)

    async def read(self) -> Batch:
        batch = await super().read()
        wholes = {name: self._last(name, self._values) for name in self._wholes}
        if wholes != self._wholes:
            self._wholes = wholes
            self._facts = narrowed(self._setup.facts, self._setup.written, wholes)
        return batch

    async def send(self, command: Command) -> Answer:
        """Send the recipe's writes, each once, with the life that is left in its time-out.

        Raises:
            Refused: an exception reply, or something that cannot be said in these registers; the
                message says whether anything was sent.
            NoAnswer: the outcome is unknown.
            ProtocolViolation: likewise.
            ConnectionLost: the message says whether anything was sent.
        """
        found = self._survey
        if found is None or found.connect != self._link.connects or not self._link.alive:
            raise ConnectionLost(
                f"{self._setup.device.id}: not sent: the connection was lost since the device was"
                " identified"
            )
        if self._numbers is None:
            await self.read()
        writes = self._writes(command, found)
        for done, write in enumerate(writes):
            await self._write(write, found, f"write {done + 1} of {len(writes)}: ")
        return Answer(echoed=True, steps=len(writes))

    def _writes(self, command: Command, found: Survey) -> list[Write]:
        setup, setpoint = self._setup, command.setpoint
        if setpoint.asset not in setup.written:
            raise Refused(f"{setup.device.id}: not sent: {setpoint.asset} is not written here")
        asset, control = setup.written[setpoint.asset]
        life_s = setpoint.expires_s - self._city.monotonic()
        try:
            order = order_of(setpoint, asset, control, life_s=life_s, safe=setup.device.safe)
            return found.writer.writes(
                control.recipes[order.verb],
                order,
                raw=lambda name: self._last(name, self._numbers),
                house=lambda name: self._last(name, self._values),
            )
        except Refused as fault:
            raise self._named(fault) from fault

    async def _write(self, write: Write, found: Survey, which: str) -> None:
        setup = self._setup
        request = write_request(
            write.address, write.registers, one_with=setup.profile.manners.write_one_with
        )
        try:
            await self._link.ask(setup.unit, request, self.facts.timeout_s, found.connect)
        except DeviceError as fault:
            raise self._named(fault, f"{which}{', '.join(write.points)}: ") from fault


class BeatingDevice(WritableDevice):
    """A device whose watchdog wants a changing number."""

    def __init__(self, setup: Setup, link: ModbusLink, city: Clock) -> None:
        super().__init__(setup, link, city)
        self._beats: int | None = None

    async def beat(self) -> None:
        """Write the next number of the heartbeat.

        Raises:
            DeviceError: as ``send``.
        """
        beat, found = self._setup.profile.heartbeat, self._survey
        if beat is None or found is None or found.connect != self._link.connects:
            raise ConnectionLost(f"{self._setup.device.id}: no beat: not identified since the loss")
        self._beats = (self._seen(beat.point) + 1) % _BEATS
        registers = found.writer.encoded(beat.point, self._beats)
        address = found.placed[beat.point].address
        write = Write(points=(beat.point,), address=address, registers=registers)
        await self._write(write, found, "heartbeat: ")

    def _seen(self, point: str) -> int:
        """The number that stands there, as far as we know."""
        if self._beats is not None:
            return self._beats
        last = self._last(point, self._values)
        return 0 if math.isnan(last) else int(last)
