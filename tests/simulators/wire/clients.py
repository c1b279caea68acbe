"""Independent clients: pymodbus for registers, raw sockets for frames."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pymodbus.client import AsyncModbusTcpClient

PATIENCE_S = 30.0
"""For what does come, however late the machine."""


@asynccontextmanager
async def modbus(port: int, timeout_s: float = PATIENCE_S) -> AsyncIterator[AsyncModbusTcpClient]:
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=timeout_s, retries=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


async def read(client: AsyncModbusTcpClient, address: int, count: int, unit: int = 1) -> list[int]:
    answer = await client.read_holding_registers(address, count=count, device_id=unit)
    assert not answer.isError(), answer
    return list(answer.registers)


async def write(
    client: AsyncModbusTcpClient, address: int, values: list[int], unit: int = 1
) -> None:
    answer = await client.write_registers(address, values, device_id=unit)
    assert not answer.isError(), answer


def signed16(register: int) -> int:
    return register - 0x10000 if register & 0x8000 else register


def words32(value: int) -> list[int]:
    """High word first."""
    return list(struct.unpack(">HH", struct.pack(">i", value)))


def swapped_float(registers: list[int]) -> float:
    """A float of two registers, low word first."""
    low, high = registers
    return float(struct.unpack(">f", struct.pack(">HH", high, low))[0])


def swapped_words(value: float | int) -> list[int]:
    """Two registers, low word first; a float as float32, an int as uint32."""
    raw = struct.pack(">f", value) if isinstance(value, float) else struct.pack(">I", value)
    high, low = struct.unpack(">HH", raw)
    return [low, high]


class RawClient:
    """Frames byte by byte, as no library would send them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator["RawClient"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def frame(self, within_s: float = PATIENCE_S) -> tuple[int, int, bytes]:
        """Transaction id, unit id and PDU of the next reply."""
        async with asyncio.timeout(within_s):
            head = await self.reader.readexactly(7)
            transaction, _, length, unit = struct.unpack(">HHHB", head)
            return transaction, unit, await self.reader.readexactly(length - 1)

    async def ask(self, pdu: bytes, transaction: int = 1, unit: int = 1) -> tuple[int, int, bytes]:
        await self.send(request(pdu, transaction, unit))
        return await self.frame()


def request(pdu: bytes, transaction: int = 1, unit: int = 1) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def read_pdu(address: int, count: int, function: int = 3) -> bytes:
    return struct.pack(">BHH", function, address, count)


def write_pdu(address: int, values: list[int]) -> bytes:
    data = struct.pack(f">{len(values)}H", *values)
    return struct.pack(">BHHB", 16, address, len(values), len(data)) + data
