"""One device of the convention as the core sees it: it streams, and it can be written."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from adapters.mqtt.client import Incoming
from adapters.mqtt.commands import Sent, check, payload_of
from adapters.mqtt.counters import DeviceCounters
from adapters.mqtt.facts import Promise, check_meta, facts_of
from adapters.mqtt.hearing import Hearing
from adapters.mqtt.messages import SCHEMA, AckMessage, MetaMessage
from adapters.mqtt.topics import DeviceTopics
from vpp.domain.batch import Batch
from vpp.domain.command import Answer, Command
from vpp.domain.devices import Device, Identity
from vpp.domain.errors import ConnectionLost, NoAnswer, Refused
from vpp.domain.facts import DeviceFacts
from vpp.ports.clock import Clocks

Publish = Callable[[str, bytes], Awaitable[None]]


class MqttPort:
    """Streaming and Writable."""

    def __init__(
        self,
        device: Device,
        topics: DeviceTopics,
        promise: Promise,
        *,
        publish: Publish,
        reconnect: Callable[[], None],
        clocks: Clocks,
    ) -> None:
        """``publish`` sends once, with QoS 1 and not retained; ``reconnect`` is the link's."""
        self.device, self.topics, self._promise = device, topics, promise
        self._publish, self._clocks = publish, clocks
        self._reconnect = reconnect
        self._hearing = Hearing(device, promise.assets, clocks)
        self._facts = facts_of(device, promise)
        self._trouble = "not connected to the broker yet"
        self._hand = asyncio.Lock()

    # What the core asks

    @property
    def facts(self) -> DeviceFacts:
        """From the ratings alone until the device has been identified."""
        return self._facts

    @property
    def counters(self) -> DeviceCounters:
        return self._hearing.counters

    @property
    def connected(self) -> bool:
        return not self._trouble and self._hearing.here

    @property
    def trouble(self) -> str:
        return "" if self.connected else self._trouble or "it has not called in, or has left"

    async def identify(self) -> Identity:
        """Who calls in, by the description that the broker retains.

        Raises:
            ConnectionLost: it has not called in, or the broker cannot be reached.
            WrongDevice: it does not speak this convention, or carries something else.
        """
        meta = await self._description()
        check_meta(self.device, meta, SCHEMA)
        self._facts = facts_of(self.device, self._promise, meta)
        return Identity(maker=meta.maker, model=meta.model, serial=meta.serial, version=meta.fw)

    async def batches(self) -> AsyncIterator[Batch]:
        """Telemetry and sessions as they come, across reconnections; for one reader at a time.

        Raises:
            ConnectionLost: the link has been left.
        """
        self._hearing.inbox.begin()
        while True:
            yield await self._hearing.inbox.take()

    async def send(self, command: Command) -> Answer:
        """Publish the command once and wait for the device's own acknowledgement.

        Raises:
            Refused: the device said no, or the command cannot be said in this convention.
            NoAnswer: the outcome is unknown.
            ConnectionLost: not sent, or the outcome is unknown; the message says which.
        """
        async with self._hand:
            capability = self._facts.capabilities.get(command.setpoint.asset)
            if capability is None:
                raise Refused(f"not sent: {command.setpoint.asset} is not written here")
            check(command, capability.forms, self._clocks.city.monotonic())
            if self._trouble or not self._hearing.presence.online:
                raise ConnectionLost(f"not sent: {self._trouble or 'the device is offline'}")
            ack = await self._exchange(command)
        if ack.state in ("rejected", "expired"):
            raise Refused(f"{ack.state}: {ack.reason or 'no reason given'}")
        return Answer(echoed=True, note=ack.reason or ack.state)

    def reconnect(self) -> None:
        """Dial the broker again now, and wait no more than a moment from here on."""
        self._reconnect()

    # What the link tells

    def take(self, suffix: str, message: Incoming) -> None:
        """A message of the device."""
        self._hearing.take(suffix, message)

    def subscribed(self, refused: tuple[str, ...]) -> None:
        """The session is up; the broker refused these topics of the device."""
        self._trouble = f"the broker refuses us {', '.join(refused)}" if refused else ""
        self._hearing.changed.set()

    def cut_off(self, reason: str) -> None:
        """The session is gone, and with it what is known of the device's presence."""
        self._trouble = reason
        self._hearing.forget(ConnectionLost(f"{reason}; the outcome is unknown"))

    def close(self, reason: str) -> None:
        """The link is left for good, or has failed."""
        self.cut_off(reason)
        self._hearing.inbox.close(ConnectionLost(reason))

    async def _description(self) -> MetaMessage:
        hearing = self._hearing
        try:
            async with asyncio.timeout(self._promise.timeout_s):
                while True:
                    hearing.changed.clear()
                    if not self._trouble and hearing.meta and hearing.presence.online:
                        return hearing.meta
                    await hearing.changed.wait()
        except TimeoutError:
            if not self._trouble and hearing.presence.online:
                problem = f"nothing is retained at {self.topics.of('meta')}"
            else:
                problem = self._trouble or "it has not called in"
            raise ConnectionLost(f"{self.device.id}: {problem}") from None

    async def _exchange(self, command: Command) -> AckMessage:
        """One publish, one answer."""
        sent = self._hearing.waiting.expect(command)
        now_s = self._clocks.city.monotonic()
        payload = payload_of(
            command, now=self._clocks.city.now(), valid_s=command.setpoint.expires_s - now_s
        )
        try:
            return await self._answer(sent, payload)
        finally:
            if not sent.answered:
                self._hearing.held[command.setpoint.asset].in_doubt(sent.until_s)

    async def _answer(self, sent: Sent, payload: bytes) -> AckMessage:
        try:
            await self._publish(self.topics.command, payload)
        except NoAnswer:
            if not sent.answered:
                raise
        try:
            async with asyncio.timeout(self._promise.timeout_s):
                return await asyncio.shield(sent.answer)
        except TimeoutError:
            raise NoAnswer(
                f"{self.device.id} did not acknowledge {sent.command.id} within"
                f" {self._promise.timeout_s:g} s; the outcome is unknown"
            ) from None
