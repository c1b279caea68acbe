"""One TCP connection to a Modbus server, strict: a reply counts only if it answers what was asked.

Nothing is ever sent twice. A reset or a half-close fails what is outstanding at once.
"""

import asyncio
from collections import deque
from typing import Self, cast

from adapters.modbus.framing import Deframer, Frame, framed
from adapters.modbus.pdu import answer_to, told
from vpp.domain.errors import ConnectionLost, DeviceError, NoAnswer, ProtocolViolation

_REMEMBERED = 32
"""Given-up requests of which each may still be answered once, too late."""
_CLOSE_S = 0.5
_HUNG_AFTER = 2
"""Time-outs in a row without a whole reply to anything: the connection is taken for dead."""


class Connection(asyncio.Protocol):
    """Made by ``open``; dead for good once ``lost`` says why."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._deframer = Deframer()
        self._transport: asyncio.Transport | None = None
        self._outstanding: dict[int, tuple[int, asyncio.Future[bytes]]] = {}
        self._given_up: deque[int] = deque(maxlen=_REMEMBERED)
        self._last = 0
        self._silent = 0
        self._closed = self._loop.create_future()
        self.lost: DeviceError | None = None

    @classmethod
    async def open(cls, host: str, port: int, timeout_s: float) -> Self:
        """Connect, once.

        Raises:
            ConnectionLost: refused, unreachable or not answered in time.
        """
        peer = f"{host}:{port}"
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: cls(peer), host, port
                )
        except TimeoutError as error:
            raise ConnectionLost(f"{peer}: not connected within {timeout_s:g} s") from error
        except OSError as error:
            raise ConnectionLost(f"{peer}: {error.strerror or error}") from error
        return connection

    async def ask(self, unit: int, request: bytes, timeout_s: float) -> bytes:
        """Send a request once; the registers read, or nothing for a write.

        Raises:
            Refused: an exception reply.
            NoAnswer: nothing within the time-out; a later reply is dropped.
            ProtocolViolation: another reply than the one to this request; the connection is cut.
            ConnectionLost: the connection ended.
        """
        if self.lost is not None or self._transport is None:
            raise self._failure("not sent")
        transaction = self._next()
        reply: asyncio.Future[bytes] = self._loop.create_future()
        self._outstanding[transaction] = unit, reply
        deadline = self._loop.call_later(timeout_s, self._expire, transaction, timeout_s)
        try:
            self._transport.write(framed(transaction, unit, request))
            pdu = await reply
        except asyncio.CancelledError:
            self._give_up(transaction)
            raise
        except DeviceError as fault:
            raise type(fault)(f"{self._peer} unit {unit}: {told(request)}: {fault}") from None
        finally:
            deadline.cancel()
        try:
            return answer_to(request, pdu)
        except ProtocolViolation as fault:
            self._cut(fault)
            raise ProtocolViolation(f"{self._peer} unit {unit}: {fault}") from None

    async def close(self) -> None:
        """End the connection, in bounded time."""
        if self._transport is None:
            return
        self._transport.close()
        done, _ = await asyncio.wait([self._closed], timeout=_CLOSE_S)
        if not done:
            self._transport.abort()
            await asyncio.wait([self._closed], timeout=_CLOSE_S)

    # Called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.lost is not None:
            return
        try:
            for frame in self._deframer.feed(data):
                self._take(frame)
        except ProtocolViolation as fault:
            self._cut(fault)

    def eof_received(self) -> bool:
        self._fail(ConnectionLost("closed by the other side"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(ConnectionLost(f"connection lost: {exc or 'closed'}"))
        if not self._closed.done():
            self._closed.set_result(None)

    # Within

    def _next(self) -> int:
        """Transaction ids go round, 0 left out, since faulty devices answer with it."""
        self._last = self._last % 0xFFFF + 1
        return self._last

    def _take(self, frame: Frame) -> None:
        self._silent = 0
        waiting = self._outstanding.get(frame.transaction)
        if waiting is None:
            if frame.transaction in self._given_up:
                self._given_up.remove(frame.transaction)
                return
            raise ProtocolViolation(
                f"a reply to transaction {frame.transaction}, for which none is awaited"
            )
        unit, reply = waiting
        if frame.unit != unit:
            raise ProtocolViolation(f"unit {frame.unit} answered for unit {unit}")
        del self._outstanding[frame.transaction]
        if not reply.done():
            reply.set_result(frame.pdu)

    def _expire(self, transaction: int, timeout_s: float) -> None:
        waiting = self._outstanding.get(transaction)
        if waiting is None:
            return
        reply = waiting[1]
        self._give_up(transaction)
        self._silent += 1
        if not reply.done():
            reply.set_exception(NoAnswer(f"no answer within {timeout_s:g} s"))
        if self._silent >= _HUNG_AFTER:
            self._cut(ConnectionLost(f"silent for {self._silent} requests; cut"))

    def _give_up(self, transaction: int) -> None:
        self._outstanding.pop(transaction, None)
        self._given_up.append(transaction)

    def _cut(self, fault: DeviceError) -> None:
        """Trust nothing more from this stream."""
        self._fail(fault)
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, fault: DeviceError) -> None:
        if self.lost is None:
            self.lost = fault
        outstanding, self._outstanding = self._outstanding, {}
        for _, reply in outstanding.values():
            if not reply.done():
                reply.set_exception(type(fault)(str(fault)))

    def _failure(self, what: str) -> ConnectionLost:
        return ConnectionLost(f"{self._peer}: {what}: {self.lost or 'not connected'}")
