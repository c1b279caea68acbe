"""The smallest complete adapter: copy it to begin one of your own.

It speaks an invented protocol to devices that call in: each opens a TCP connection to our listener
and says who it is; from then on we ask, and it answers, one JSON object a line.

    device  {"hello": {"maker": "Acme", "model": "B1", "serial": "7"}}
    we      {"n": 1, "ask": "state"}
    device  {"n": 1, "out_w": -1200, "soc_percent": 41.5, "hold_out_w": null}
    we      {"n": 2, "hold_out_w": 3000, "for_s": 60}       (null: back to its own rule)
    device  {"n": 2, "ok": true}                            (or {"n": 2, "no": "too hot"})

``out_w`` is power out of the battery, so that this file flips the sign; house values are positive
into the asset. An adapter is found by its entry point in the group ``vpp.adapters``, here
``adapters._blueprint:open_link``, and ``tests/contract`` says what it must do.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import numpy as np

from vpp.domain.assets import Battery
from vpp.domain.batch import Batch
from vpp.domain.capability import Capability, Form
from vpp.domain.command import Answer, Command
from vpp.domain.devices import Device, Identity
from vpp.domain.errors import (
    ConfigurationError,
    ConnectionLost,
    DeviceError,
    Mistake,
    NoAnswer,
    ProtocolViolation,
    Refused,
)
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.points import Point, Quantity
from vpp.domain.quality import Quality
from vpp.ports.clock import Clock
from vpp.ports.device import DevicePort, LinkRequest, OpenLink

TIMEOUT_S = 1.0
LONGEST_LINE = 4096
_QUANTITIES = (Quantity.POWER_KW, Quantity.SOC, Quantity.SETPOINT_KW)


class Caller(asyncio.Protocol):
    """One connection that a device made to us."""

    def __init__(self, ports: Mapping[str, "Port"]) -> None:
        self._ports = ports
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._number = 0
        self._waiting: asyncio.Future[dict[str, Any]] | None = None
        self.identity: Identity | None = None
        self.lost = False

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request, once, and wait for the reply with its number."""
        if self.lost or self._transport is None:
            raise ConnectionLost("not sent: the device has hung up")
        self._number += 1
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(json.dumps({"n": self._number, **request}).encode() + b"\n")
        try:
            async with asyncio.timeout(TIMEOUT_S):
                reply = await self._waiting
        except TimeoutError as late:
            raise NoAnswer(f"no answer within {TIMEOUT_S:g} s") from late
        finally:
            self._waiting = None
        if "no" in reply:
            raise Refused(str(reply["no"]))
        return reply

    def hang_up(self, fault: DeviceError) -> None:
        """Whatever waits fails now; nothing of this connection is trusted any more."""
        self.lost = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(fault)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.hang_up(ConnectionLost(f"the device hung up: {exc or 'closed'}"))

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        try:
            for line in lines:
                self._take(dict(json.loads(line)))
        except (ValueError, TypeError) as error:
            self.hang_up(ProtocolViolation(f"not understood: {error}"))
        if len(self._rest) > LONGEST_LINE:
            self.hang_up(ProtocolViolation("a line without an end"))

    def _take(self, message: dict[str, Any]) -> None:
        if self.identity is None:
            self.identity = Identity(**message["hello"]) if "hello" in message else Identity()
            port = self._ports.get(self.identity.serial)
            if port is None:
                raise ValueError(f"no device has the serial {self.identity.serial!r}")
            port.caller = self
        elif message.get("n") == self._number and self._waiting and not self._waiting.done():
            self._waiting.set_result(message)
        elif not 0 < message.get("n", 0) <= self._number:  # what is late is dropped
            raise ValueError(f"an answer to {message.get('n')}, which was never asked")


class Port:
    """One configured battery. It exists before the device has called."""

    def __init__(self, device: Device, asset: Battery, city: Clock) -> None:
        self._device, self._city = device, city
        self._points = tuple(Point(subject=asset.id, quantity=q) for q in _QUANTITIES)
        self.caller: Caller | None = None
        self.facts = DeviceFacts(
            capabilities={
                asset.id: Capability(
                    forms=frozenset({Form.TARGET, Form.STOP, Form.RELEASE}), allowed=asset.rated
                )
            },
            timeout_s=TIMEOUT_S,
            atomic_reversal=True,
        )

    async def identify(self) -> Identity:
        await self._ask({"ask": "state"})  # it still answers
        return self._there().identity or Identity()

    async def read(self) -> Batch:
        state = await self._ask({"ask": "state"})
        now_s = self._city.monotonic()
        try:
            hold = state["hold_out_w"]
            values = np.array([
                -float(state["out_w"]) / 1000,
                float(state["soc_percent"]) / 100,
                math.nan if hold is None else -float(hold) / 1000,
            ])  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolViolation(f"{self._device.id}: incomplete state: {error}") from error
        quality = np.where(np.isnan(values), Quality.MISSING, Quality.GOOD).astype(np.uint8)
        if hold is None:
            quality[2] = Quality.GOOD  # it is known to hold none
        return Batch(
            device=self._device.id,
            points=self._points,
            values=values,
            quality=quality,
            arrived_s=now_s,
            measured_s=now_s,
        )

    async def send(self, command: Command) -> Answer:
        setpoint = command.setpoint
        life_s = setpoint.expires_s - self._city.monotonic()
        if life_s <= 0:
            raise Refused(f"{self._device.id}: not sent: expired {-life_s:.1f} s ago")
        hold = None if setpoint.form is Form.RELEASE else -1000 * setpoint.target_kw
        await self._ask({"hold_out_w": hold, "for_s": math.ceil(life_s)})
        return Answer(echoed=True)

    def _there(self) -> Caller:
        if self.caller is None or self.caller.lost:
            raise ConnectionLost("not sent: the device has not called")
        return self.caller

    async def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One exchange; whatever fails names the device."""
        try:
            return await self._there().ask(request)
        except DeviceError as fault:
            raise type(fault)(f"{self._device.id}: {fault}") from fault


class Listener:
    """The open link."""

    def __init__(self, ports: Mapping[DeviceId, Port]) -> None:
        self._ports = ports

    def port(self, device: DeviceId) -> DevicePort:
        return self._ports[device]


def open_link(request: LinkRequest) -> AbstractAsyncContextManager[OpenLink]:
    """Check the configuration now, listen when entered.

    Raises:
        ConfigurationError: with paths of the city file; the core adds file and line.
    """
    mistakes = [m for device in request.devices for m in _mistakes(device, request)]
    if mistakes:
        raise ConfigurationError(mistakes)
    return _listening(request)


def _mistakes(device: Device, request: LinkRequest) -> list[Mistake]:
    found = [(f"options.{name}", "is no option here", "leave it out") for name in device.options]
    if not device.identity.serial:
        found.append(("identity.serial", "is missing", "the serial that the device calls in with"))
    batteries = [request.assets.get(AssetId(carried.subject)) for carried in device.carries]
    if len(batteries) != 1 or not isinstance(batteries[0], Battery):
        found.append(("carries", "has to be one battery", ""))
    return [
        Mistake(file="city file", line=None, path=f"devices.{device.id}.{where}", problem=problem,
                remedy=remedy)
        for where, problem, remedy in found
    ]  # fmt: skip


@asynccontextmanager
async def _listening(request: LinkRequest) -> AsyncIterator[OpenLink]:
    ports: dict[DeviceId, Port] = {}
    for device in request.devices:
        battery = request.assets[AssetId(device.carries[0].subject)]
        ports[device.id] = Port(device, cast("Battery", battery), request.city)
    by_serial = {device.identity.serial: ports[device.id] for device in request.devices}
    server = await asyncio.get_running_loop().create_server(
        lambda: Caller(by_serial), request.link.host, request.link.port
    )
    try:
        yield Listener(ports)
    finally:
        server.close()
        for port in ports.values():
            if port.caller is not None:
                port.caller.hang_up(ConnectionLost("the link is closed"))
