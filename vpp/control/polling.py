"""Reads one polled device on its due times."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Any

from vpp.control.connection import Connection
from vpp.control.poll_grid import next_due_s
from vpp.control.state_table import StateTable
from vpp.control.supervision import Health
from vpp.ports.clock import Clock
from vpp.ports.device import Polled


class Poller:
    """``live`` is one connection's life: identified, then read when due until a round fails."""

    def __init__(
        self,
        connection: Connection,
        port: Polled,
        table: StateTable,
        *,
        wire: Clock,
        period_s: Callable[[], float],
        lateness_s: deque[float],
    ) -> None:
        """``period_s``: between two polls, wire seconds, now."""
        self._connection, self._port, self._table = connection, port, table
        self._wire, self._period_s, self._lateness_s = wire, period_s, lateness_s
        self._due_s = -math.inf
        self._nap: asyncio.Task[Any] | None = None

    async def live(self, health: Health) -> None:
        try:
            await self._until_due()
            await self._connection.identify()
            while True:
                self._table.apply(await self._connection.bounded(self._port.read()))
                self._connection.good(health)
                await self._until_due()
        except Exception as fault:
            self._connection.failed(fault, health)
            raise

    def hurry(self) -> None:
        """The period has become shorter: whoever waits for his turn waits for the next one now."""
        nap, self._nap = self._nap, None
        if nap is not None:
            nap.cancel()

    async def _until_due(self) -> None:
        while not await self._slept():
            self._due_s = -math.inf
        late_s = self._wire.monotonic() - self._due_s
        self._connection.counters.late_s = late_s
        self._lateness_s.append(late_s)

    async def _slept(self) -> bool:
        """False where the turn was called off by ``hurry``."""
        now_s = self._wire.monotonic()
        after_s = max(now_s, self._due_s)  # timers may end a little early
        self._due_s = next_due_s(self._connection.device.id, after_s, self._period_s())
        task = self._nap = asyncio.current_task()
        before = 0 if task is None else task.cancelling()
        try:
            await self._wire.sleep(self._due_s - now_s)
        except asyncio.CancelledError:
            if task is not None and self._nap is None and task.uncancel() <= before:
                return False
            raise
        finally:
            self._nap = None
        return True
