"""Reads one polled device on its due times."""

import math
from collections import deque
from collections.abc import Callable

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

    async def _until_due(self) -> None:
        now_s = self._wire.monotonic()
        after_s = max(now_s, self._due_s)  # timers may end a little early
        due_s = next_due_s(self._connection.device.id, after_s, self._period_s())
        self._due_s = due_s
        await self._wire.sleep(due_s - now_s)
        late_s = self._wire.monotonic() - due_s
        self._connection.counters.late_s = late_s
        self._lateness_s.append(late_s)
