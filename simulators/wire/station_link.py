"""The connection of one charging station to its broker: will, birth, telemetry, commands."""

import asyncio
import json
import logging
import math
import random
import socket
from contextlib import AsyncExitStack, suppress
from typing import Any

import aiomqtt

from simulators.faults import Fault
from simulators.wire.broker import BrokerAddress
from simulators.wire.station import Station

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
KEEPALIVE_S, TIMEOUT_S, FAREWELL_S = 15, 5, 1
TELEMETRY_S, SESSION_S, ALARM_S = 1.0, 60.0, 180.0


class CuttableClient(aiomqtt.Client):
    """An MQTT client whose connection can end without a farewell, so that its will is sent."""

    def cut(self) -> None:
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            sock.shutdown(socket.SHUT_RDWR)


class StationLink:
    """Keeps one station connected; a new client object for every connection.

    Times are wire seconds but for the periods: telemetry every city second, sessions when a car
    comes or goes and each city minute, alarms when they come or go and what stands every three
    city minutes, none faster than `moved` is called.
    """

    def __init__(self, station: Station, broker: BrokerAddress) -> None:
        self.station = station
        self.connected = asyncio.Event()
        self.broker = broker
        self._client: CuttableClient | None = None
        self._alarms: dict[str, dict[str, Any]] = {}
        """Those that were told and not taken back."""
        self._allowed = asyncio.Event()
        self._allowed.set()
        self._moved = asyncio.Event()
        self._pauses = random.Random(station.device.id)
        station.on_cut = self._cut

    def moved(self) -> None:
        """The physics has moved on."""
        self._moved.set()

    async def run(self) -> None:
        """Connect, serve, and connect again, until cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            await self._allowed.wait()
            try:
                await self._serve()
            except* (aiomqtt.MqttError, TimeoutError) as lost:
                log.info("%s has lost its broker: %s", self.station.device.id, lost.exceptions[0])
            lived = self.connected.is_set()
            pause_s = FIRST_PAUSE_S if lived else min(2 * pause_s, LONGEST_PAUSE_S)
            self.connected.clear()
            await asyncio.sleep(pause_s * self._pauses.uniform(0.5, 1.0))

    # What goes wrong: the station's faults, and the connection's share in them

    def suffers(self, kind: str) -> bool:
        return self.station.suffers(kind)

    async def begin(self, fault: Fault) -> None:
        if fault.kind == "drop":
            self._allowed.clear()
        await self.station.begin(fault)

    async def end(self, fault: Fault) -> None:
        await self.station.end(fault)
        if not self.station.suffering("drop"):
            self._allowed.set()

    def _cut(self) -> None:
        if self._client is not None:
            self._client.cut()

    async def _serve(self) -> None:
        station = self.station
        will = aiomqtt.Will(f"{station.topic}/status", _json(station.will()), qos=1, retain=True)
        client = CuttableClient(
            self.broker.host,
            self.broker.port,
            identifier=station.device.id,
            will=will,
            keepalive=KEEPALIVE_S,
            timeout=math.inf,  # its own time-outs may swallow a cancellation; those here do not
        )
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(TIMEOUT_S):
                await stack.enter_async_context(client)
            self._client = client
            stack.callback(self._forget_client)
            await self._introduce(client)
            self.connected.set()
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._report(client))
                    tasks.create_task(self._listen(client))
            except asyncio.CancelledError:
                await self._take_leave(client)
                raise

    async def _take_leave(self, client: aiomqtt.Client) -> None:
        """Switched off: whoever comes later finds it offline. A farewell takes back the will."""
        with suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self._publish(client, "status", self.station.will(), retain=True)

    def _forget_client(self) -> None:
        self._client = None

    async def _introduce(self, client: aiomqtt.Client) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await client.subscribe(f"{self.station.topic}/cmd", qos=1)
        await self._publish(client, "meta", self.station.meta(), retain=True)
        await self._publish(client, "status", self.station.status(), retain=True)

    async def _report(self, client: aiomqtt.Client) -> None:
        telemetry_s = session_s = alarms_s = float("-inf")
        plugged: tuple[str, ...] | None = None
        while True:
            now_s = self.station.clock.elapsed_s
            there = self.station.cars()
            if there != plugged or now_s >= session_s + SESSION_S:
                plugged, session_s = there, now_s
                await self._publish(client, "session", self.station.session_message(), retain=True)
            again = now_s >= alarms_s + ALARM_S
            alarms_s = now_s if again else alarms_s
            await self._tell_alarms(client, again=again)
            if now_s >= telemetry_s + TELEMETRY_S:
                telemetry_s = now_s
                await self._publish(client, "telemetry", self.station.telemetry(), qos=0)
            await self._moved.wait()
            self._moved.clear()

    async def _tell_alarms(self, client: aiomqtt.Client, *, again: bool) -> None:
        """Beginnings and ends, and once in a while what stands."""
        standing = self.station.alarms()
        for name in self._alarms.keys() - standing.keys():
            await self._publish(client, "alarm", self._alarms[name] | {"active": False})
        for name, alarm in standing.items():
            if again or self._alarms.get(name) != alarm:
                await self._publish(client, "alarm", alarm | {"active": True})
        self._alarms = standing

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if self.station.suffering("silent"):
                continue
            payload = message.payload if isinstance(message.payload, bytes) else b""
            answer = self.station.obey(payload, retained=message.retain)
            if answer is not None:
                await self._publish(client, "ack", answer)

    async def _publish(
        self,
        client: aiomqtt.Client,
        suffix: str,
        message: Any,
        *,
        qos: int = 1,
        retain: bool = False,
    ) -> None:
        if not self.station.suffering("silent"):
            topic = f"{self.station.topic}/{suffix}"
            async with asyncio.timeout(TIMEOUT_S):
                await client.publish(topic, _json(message), qos=qos, retain=retain)


def _json(message: Any) -> str:
    return json.dumps(message, separators=(",", ":"))
