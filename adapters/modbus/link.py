"""A link to one host and port: one connection that all its devices share, one request at a time."""

import asyncio
from dataclasses import dataclass

from adapters.modbus.connection import Connection
from vpp.domain.errors import ConnectionLost
from vpp.ports.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """What the slowest device on the link asks for; wire seconds."""

    min_gap_s: float = 0.0
    """Between the end of one request and the start of the next."""
    connect_delay_s: float = 0.0
    """After connecting, before the first request."""


class ModbusLink:
    """Connects when first asked, and anew by the next call after a loss; never waits to retry."""

    def __init__(self, host: str, port: int, pacing: Pacing, wire: Clock) -> None:
        self._host, self._port, self._pacing, self._wire = host, port, pacing, wire
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None
        self._closed = False
        self._free_s = 0.0
        self.connects = 0
        """Connections made so far; a device knows by it whether it was identified on this one."""

    @property
    def alive(self) -> bool:
        return self._connection is not None and self._connection.lost is None

    async def connect(self, timeout_s: float) -> int:
        """Make sure of a connection, with one attempt; its number.

        Raises:
            ConnectionLost: there is none.
        """
        if not self.alive:
            async with self._turn:
                if not self.alive:
                    await self._open(timeout_s)
        return self.connects

    async def ask(self, unit: int, request: bytes, timeout_s: float, connect: int) -> bytes:
        """Send one request, once, on the connection of this number.

        Raises:
            DeviceError: as ``Connection.ask``; ConnectionLost also where that connection is gone.
        """
        async with self._turn:
            connection = self._connection
            if connection is None or connect != self.connects:
                raise ConnectionLost(f"{self._host}:{self._port}: not sent: connected anew since")
            if not self._pacing.min_gap_s:
                return await connection.ask(unit, request, timeout_s)
            await self._pause()
            try:
                return await connection.ask(unit, request, timeout_s)
            finally:
                self._free_s = self._wire.monotonic() + self._pacing.min_gap_s

    async def close(self) -> None:
        """End it for good, in bounded time."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _open(self, timeout_s: float) -> None:
        if self._closed:
            raise ConnectionLost(f"{self._host}:{self._port}: the link is closed")
        old, self._connection = self._connection, None
        if old is not None:
            await old.close()
        self._connection = await Connection.open(self._host, self._port, timeout_s)
        self.connects += 1
        if self._pacing.connect_delay_s:
            await self._wire.sleep(self._pacing.connect_delay_s)

    async def _pause(self) -> None:
        wait_s = self._free_s - self._wire.monotonic()
        if wait_s > 0:
            await self._wire.sleep(wait_s)
