"""One broker session for all devices of a link, kept across losses."""

import asyncio
from collections.abc import Sequence

import structlog

from adapters.mqtt.backoff import Backoff, TakeoverWatch
from adapters.mqtt.client import Broker, Incoming, Session, connect
from adapters.mqtt.counters import LinkCounters
from adapters.mqtt.port import MqttPort
from vpp.domain.errors import ConnectionLost
from vpp.domain.ids import DeviceId, LinkId
from vpp.ports.clock import Clock

ASK_AGAIN_S = 30.0
"""Wire seconds between two attempts at topics that the broker refuses."""
_log = structlog.get_logger(__name__)


class MqttLink:
    """Gives each device its port, and carries messages both ways.

    The same client id twice is a fight that nobody wins: the loser stops, says so, and stays
    stopped until the daemon is started anew; its devices fall back to their safe states.
    """

    def __init__(self, link: LinkId, broker: Broker, wire: Clock, backoff: Backoff) -> None:
        self.counters = LinkCounters()
        self.conflict = False
        """Somebody else uses our client id; this link has given up."""
        self.id = link
        self._broker, self._wire = broker, wire
        self._ports: dict[DeviceId, MqttPort] = {}
        self._routes: dict[str, tuple[MqttPort, str]] = {}
        self._session: Session | None = None
        self._backoff, self._takeover = backoff, TakeoverWatch()
        self._told_lost = False
        self._pause: asyncio.Task[None] | None = None

    def add(self, port: MqttPort) -> None:
        """Take a device in, before the link is kept."""
        self._ports[port.device.id] = port
        for topic in port.topics.spoken:
            self._routes[topic] = port, topic.rpartition("/")[2]

    def reconnect(self) -> None:
        """Try again now, and wait no more than a moment from here on: the daemon leaves."""
        self._backoff.leave()
        if self._pause is not None:
            self._pause.cancel()

    def port(self, device: DeviceId) -> MqttPort:
        return self._ports[device]

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish once with QoS 1.

        Raises:
            ConnectionLost: not sent.
            NoAnswer: sent, but the broker did not acknowledge.
        """
        if self._session is None:
            raise ConnectionLost(f"not sent: no connection to the broker at {self._broker}")
        await self._session.publish(topic, payload)

    def close(self, reason: str) -> None:
        """Tell every device's reader that nothing will come any more."""
        for port in self._ports.values():
            port.close(reason)

    async def keep(self) -> None:
        """Connect, and connect again, until cancelled or until a rival has our client id."""
        while not self.conflict:
            try:
                reason, lasted_s = await self._serve()
            except ConnectionLost as fault:
                self.counters.failures += 1
                self._takeover.not_connected()
                self._lost(str(fault))
            else:
                self.counters.losses += 1
                self._backoff.lasted(lasted_s)
                self.conflict = self._takeover.lost(lasted_s)
                self._lost(f"the broker at {self._broker} is lost: {reason}")
            if not self.conflict:
                await self._wait(self._backoff.next_s())
        self._give_up()

    async def _wait(self, seconds: float) -> None:
        """Sleep for so long, or until ``reconnect``."""
        self._pause = asyncio.create_task(self._wire.sleep(seconds), name=f"pause of {self.id}")
        try:
            await asyncio.wait([self._pause])
        finally:
            self._pause.cancel()

    async def _serve(self) -> tuple[str, float]:
        """One connection: why it ended, and how long it lasted."""
        async with connect(self._broker, self._take) as session:
            since_s = self._wire.monotonic()
            refused = await session.subscribe(tuple(self._routes))
            self._session = session
            try:
                self._up(refused)
                reason = await self._end(session, refused)
            finally:
                self._session = None
            return reason, self._wire.monotonic() - since_s

    def _up(self, refused: Sequence[str]) -> None:
        self.counters.connections += 1
        if refused:
            _log.error("subscriptions refused", link=self.id, topics=refused)
        if self._told_lost:
            self._told_lost = False
            _log.info("broker back", link=self.id, broker=str(self._broker))
        self._tell_subscribed(refused)

    async def _end(self, session: Session, refused: tuple[str, ...]) -> str:
        """Wait for the end of the connection; refused topics are asked for now and then."""
        while True:
            try:
                async with asyncio.timeout(ASK_AGAIN_S if refused else None):
                    return await session.ended()
            except TimeoutError:
                refused = await session.subscribe(refused)
                self._tell_subscribed(refused)

    def _tell_subscribed(self, refused: Sequence[str]) -> None:
        for port in self._ports.values():
            port.subscribed(tuple(topic for topic in port.topics.spoken if topic in refused))

    def _take(self, message: Incoming) -> None:
        route = self._routes.get(message.topic)
        if route is None:
            self.counters.unknown_topics += 1
            return
        port, suffix = route
        port.take(suffix, message)

    def _lost(self, reason: str) -> None:
        for port in self._ports.values():
            port.cut_off(reason)
        if not self._told_lost:
            self._told_lost = True
            _log.warning("broker lost", link=self.id, reason=reason)

    def _give_up(self) -> None:
        reason = f"another client uses the id {self._broker.client_id}; this one has stopped"
        for port in self._ports.values():
            port.cut_off(reason)
        _log.error("client id conflict", link=self.id, reason=reason)
