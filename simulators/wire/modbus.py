"""A Modbus TCP server made for many: one small object per port, per unit and per connection.

Several unit ids answer on a port; frames that come split or pipelined are answered in order.
Delays here are wire seconds.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from typing import cast

from simulators.wire.misbehaviour import Reply, misbehave
from simulators.wire.registers import GATEWAY_TARGET_SILENT
from simulators.wire.unit import Unit, exception_reply

HEADER = struct.Struct(">HHHB")  # transaction id, protocol 0, bytes that follow, unit id
LONGEST = 260  # unit id and the longest PDU, with room to refuse what is a little longer
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Port:
    """A listening port and how it treats its clients.

    Attributes:
        units: By unit id.
        max_clients: Connections beyond these are closed at once.
        ready_after_s: Requests within this time after connecting are lost.
        idle_close_s: A connection without a request for so long is closed.
        number: The port number, once it listens.
    """

    units: dict[int, Unit]
    max_clients: int | None = None
    ready_after_s: float = 0.0
    idle_close_s: float | None = None
    host: str = "127.0.0.1"
    number: int = 0
    connections: set["Connection"] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Listen; number 0 takes a free port, which `number` then names."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), self.host, self.number)
        self.number = self._server.sockets[0].getsockname()[1]

    def shut(self) -> None:
        """Close the port; connections are reset, later ones refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset_all()

    def reset_all(self) -> None:
        for connection in tuple(self.connections):
            connection.reset()

    def strand_all(self) -> None:
        """Let every connection of now go deaf for good, without closing it."""
        for connection in self.connections:
            connection.strand()


class Connection(asyncio.Protocol):
    """One client's connection."""

    __slots__ = ("_buffer", "_due", "_idle", "_last", "_loop", "_port", "_ready", "_transport")

    def __init__(self, port: Port) -> None:
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._due = self._last = self._ready = self._loop.time()
        self._idle: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        port = self._port
        if port.max_clients is not None and len(port.connections) >= port.max_clients:
            transport.close()
            return
        port.connections.add(self)
        self._ready += port.ready_after_s
        self._watch_idleness()

    def connection_lost(self, exc: Exception | None) -> None:
        self._port.connections.discard(self)
        if self._idle is not None:
            self._idle.cancel()

    def data_received(self, data: bytes) -> None:
        if self not in self._port.connections:
            return
        self._last = self._loop.time()
        self._buffer = data = self._buffer + data
        while len(data) >= HEADER.size:
            transaction, protocol, length, unit_id = HEADER.unpack_from(data)
            if protocol or not 2 <= length <= LONGEST:
                self._transport.close()
                return
            if len(data) < 6 + length:
                break
            self._buffer, pdu = data[6 + length :], data[HEADER.size : 6 + length]
            data = self._buffer
            if self._last >= self._ready:
                self._respond(transaction, unit_id, pdu)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        sock = self._transport.get_extra_info("socket")
        if sock is not None and not self._transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    def strand(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def _respond(self, transaction: int, unit_id: int, pdu: bytes) -> None:
        unit = self._port.units.get(unit_id)
        if unit is None:
            self._send(unit_id, Reply(exception_reply(pdu, GATEWAY_TARGET_SILENT), transaction))
        elif unit.faults:
            self._send(unit_id, misbehave(unit, transaction, pdu))
        else:
            answer = unit.answer(pdu)
            header = HEADER.pack(transaction, 0, len(answer) + 1, unit_id)
            self._write_in_turn(header + answer, 0.0)

    def _send(self, unit_id: int, reply: Reply) -> None:
        if reply.reset:
            self.reset()
        elif reply.pdu is not None:
            header = HEADER.pack(reply.transaction, 0, len(reply.pdu) + 1, unit_id)
            self._write_in_turn(reply.raw or header + reply.pdu, reply.after_s)

    def _write_in_turn(self, frame: bytes, after_s: float) -> None:
        """Send, after `after_s`, and never before a reply that was due earlier."""
        now = self._loop.time()
        self._due = max(self._due + 1e-6, now + after_s)
        if self._due <= now:
            self._transport.write(frame)
        else:
            self._loop.call_at(self._due, self._write_late, frame)

    def _write_late(self, frame: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(frame)

    def _watch_idleness(self) -> None:
        limit = self._port.idle_close_s
        if limit is None:
            return
        left = self._last + limit - self._loop.time()
        if left <= 0:
            self._transport.close()
        else:
            self._idle = self._loop.call_later(left, self._watch_idleness)
