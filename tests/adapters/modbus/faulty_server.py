"""A Modbus server that answers as a test says, byte by byte."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HEADER = struct.Struct(">HHHB")


@dataclass(frozen=True, slots=True)
class Request:
    transaction: int
    unit: int
    pdu: bytes


def frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    return HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu


def registers(count: int) -> bytes:
    """Registers 0, 1, 2 and so on."""
    return struct.pack(f">{count}H", *range(count))


def good(request: Request) -> bytes:
    """The right reply: registers in order, or the echo of a write."""
    if request.pdu[0] in (3, 4):
        (count,) = struct.unpack_from(">H", request.pdu, 3)
        return frame(
            request.transaction,
            request.unit,
            bytes((request.pdu[0], 2 * count)) + registers(count),
        )
    return frame(request.transaction, request.unit, request.pdu[:5])


Reply = Callable[[Request], list[bytes | float] | bytes | None]
"""Bytes to send; a list mixes them with pauses in seconds; None: nothing."""


@dataclass(slots=True)
class FaultyServer:
    port: int = 0
    reply: Reply = good
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    end: str = ""
    """``reset`` or ``half_close`` instead of a reply."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                transaction, _, length, unit = HEADER.unpack(await reader.readexactly(7))
                request = Request(transaction, unit, await reader.readexactly(length - 1))
                self.requests.append(request)
                await self._answer(request, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if self.end == "reset":
            writer.transport.abort()
        elif self.end == "half_close":
            writer.write_eof()
        else:
            reply = self.reply(request)
            for part in [reply] if isinstance(reply, bytes) else reply or []:
                if isinstance(part, bytes):
                    writer.write(part)
                    await writer.drain()
                else:
                    await asyncio.sleep(part)


@asynccontextmanager
async def faulty_server() -> AsyncIterator[FaultyServer]:
    faulty = FaultyServer()
    server = await asyncio.start_server(faulty.serve, "127.0.0.1", 0)
    faulty.port = server.sockets[0].getsockname()[1]
    try:
        yield faulty
    finally:
        server.close()
