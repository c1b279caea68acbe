"""The one module that knows the MQTT library: a connection to a broker, from its beginning to end.

Every connection is a new client object: a QoS 1 message whose publishing failed stays inside the
object and would be delivered by its next connection, a stale setpoint.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiomqtt

from vpp.domain.errors import ConnectionLost, NoAnswer

REFUSAL = 128
"""Return code of a subscription from which on it is refused."""
TOPICS_AT_ONCE = 60
LEAVING_S = 0.5
IN_FLIGHT = 1000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message as it came."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the broker is and who we are to it. Times are wire seconds."""

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    keepalive_s: int = 15
    timeout_s: float = 2.0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class _TlsSocket(ssl.SSLSocket):
    """The library leaves a socket open whose handshake failed."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class _Client(aiomqtt.Client):
    """Adds what the library leaves out: bounded connecting, the end as an event, and cutting."""

    async def enter(self, timeout_s: float) -> None:
        """Connect; nothing is left behind where it fails or is cancelled.

        The library dials in a thread, which cannot be called back from an address that says
        nothing and holds up the end of the process: it is given a socket that is connected.
        """
        self._client.connect_timeout = timeout_s
        try:
            line = await _dialled(self._hostname, self._port, timeout_s)
        except OSError as fault:
            raise aiomqtt.MqttError(str(fault) or "timed out") from fault
        self._client._create_socket_connection = lambda: line  # type: ignore[method-assign]  # noqa: SLF001 - nowhere else does the library dial
        entering = asyncio.create_task(self.__aenter__(), name="connect to the broker")
        try:
            await asyncio.shield(entering)
        except asyncio.CancelledError:
            self._give_up()
            await asyncio.wait([entering], timeout=2 * timeout_s)
            if entering.done() and not entering.cancelled():
                entering.exception()
            await self.leave()
            raise
        except aiomqtt.MqttError:
            await self._shut()
            raise

    async def ended(self) -> str:
        """Wait for the end of the connection; why it ended."""
        await asyncio.wait([self._disconnected])
        fault = self._disconnected.exception()
        if fault is None:
            return "closed"
        unspecified = isinstance(fault, aiomqtt.MqttCodeError) and _number(fault.rc) == REFUSAL
        return "the connection broke off" if unspecified else str(fault)

    async def leave(self) -> None:
        """Say farewell, if that is still possible."""
        try:
            if self._connected.done() and self._connected.exception() is None:
                with contextlib.suppress(aiomqtt.MqttError):
                    await self.__aexit__(None, None, None)
        finally:
            self.cut()
        await self._shut()
        _heed_cancellation()

    def cut(self) -> None:
        """End the connection without a farewell."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _give_up(self) -> None:
        """Wait no longer for a broker that took the connection and says nothing."""
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError("left before the broker answered"))
            self._connected.exception()

    def _on_socket_register_write(self, client: object, userdata: object, sock: object) -> None:
        """Write as soon as the loop may, unless the socket has been closed until then.

        The library keeps the bare number of the socket, which may be nobody's by then, or
        another connection's.
        """

        def write() -> None:
            try:
                self._client.loop_write()
            except Exception as fault:  # noqa: BLE001 - whatever it is, the connection is over
                if not self._disconnected.done():
                    self._disconnected.set_exception(fault)

        def register() -> None:
            if isinstance(sock, socket.socket) and sock.fileno() >= 0:
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(register)

    async def _shut(self) -> None:
        self.cut()
        if self._misc_task is not None:
            await asyncio.wait([self._misc_task], timeout=LEAVING_S)
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()


class Session:
    """One connection that is up."""

    def __init__(self, client: _Client, broker: Broker) -> None:
        self._client, self._broker = client, broker

    async def subscribe(self, topics: Sequence[str]) -> tuple[str, ...]:
        """Subscribe with QoS 1; the topics that the broker refuses.

        Raises:
            ConnectionLost: the broker did not answer.
        """
        refused: list[str] = []
        for start in range(0, len(topics), TOPICS_AT_ONCE):
            some = topics[start : start + TOPICS_AT_ONCE]
            try:
                codes = await self._client.subscribe([(topic, 1) for topic in some])
            except aiomqtt.MqttError as fault:
                raise ConnectionLost(f"subscribing at {self._broker} failed: {fault}") from fault
            _heed_cancellation()
            refused += [t for t, code in zip(some, codes, strict=True) if _number(code) >= REFUSAL]
        return tuple(refused)

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish once with QoS 1, never retained, until the broker acknowledges.

        Raises:
            ConnectionLost: not sent.
            NoAnswer: sent, and the broker did not acknowledge in time; the connection is cut, so
                that nothing is delivered late from here.
        """
        try:
            await self._client.publish(topic, payload, qos=1, retain=False)
        except aiomqtt.MqttCodeError as fault:
            raise ConnectionLost(f"not sent: no connection to {self._broker}: {fault}") from fault
        except aiomqtt.MqttError as fault:
            self._client.cut()
            raise NoAnswer(
                f"the broker at {self._broker} did not acknowledge; the outcome is unknown"
            ) from fault
        except asyncio.CancelledError:
            self._client.cut()
            raise
        _heed_cancellation()

    async def ended(self) -> str:
        """Wait for the end of the connection; why it ended."""
        return await self._client.ended()


@asynccontextmanager
async def connect(broker: Broker, take: Callable[[Incoming], None]) -> AsyncIterator[Session]:
    """A connection for the length of the block; ``take`` is called with every message.

    Raises:
        ConnectionLost: no connection came about.
    """
    if broker.tls is not None:
        broker.tls.sslsocket_class = _TlsSocket
    client = _Client(
        broker.host,
        broker.port,
        identifier=broker.client_id,
        username=broker.username,
        password=broker.password,
        tls_context=broker.tls,
        keepalive=broker.keepalive_s,
        timeout=broker.timeout_s,
        clean_session=True,
        queue_type=_handing_to(take),
        max_inflight_messages=IN_FLIGHT,
        logger=_log,
    )
    client.pending_calls_threshold = IN_FLIGHT
    try:
        await client.enter(broker.timeout_s)
    except aiomqtt.MqttError as fault:
        raise ConnectionLost(f"no connection to the broker at {broker}: {fault}") from fault
    try:
        yield Session(client, broker)
    finally:
        await client.leave()


async def _dialled(host: str, port: int, timeout_s: float) -> socket.socket:
    """A blocking socket, connected to the first address of the host that answers in time each.

    Raises:
        OSError: none does.
    """
    loop = asyncio.get_running_loop()
    fault: OSError | None = None
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        line = socket.socket(family, kind, protocol)
        line.setblocking(False)
        try:
            async with asyncio.timeout(timeout_s):
                await loop.sock_connect(line, address)
        except OSError as one:
            line.close()
            fault = one
        except BaseException:
            line.close()
            raise
        else:
            line.settimeout(timeout_s)
            return line
    raise fault or OSError(f"{host} has no address")


def _heed_cancellation() -> None:
    """Raise what the library lost.

    It waits with ``asyncio.wait_for``, which before Python 3.12 loses a cancellation that comes
    together with the answer.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _handing_to(take: Callable[[Incoming], None]) -> type[asyncio.Queue[aiomqtt.Message]]:
    """A queue that keeps nothing: a task and a wake-up less for every message."""

    class Direct(asyncio.Queue[aiomqtt.Message]):
        def put_nowait(self, item: aiomqtt.Message) -> None:
            payload = item.payload if isinstance(item.payload, bytes) else b""
            take(Incoming(item.topic.value, payload, item.retain))

    return Direct


def _number(code: object) -> int:
    return code if isinstance(code, int) else int(getattr(code, "value", REFUSAL))
