"""Reads one polled device on its due times."""

import math
from collections import deque
from collections.abc import Callable

from vpp.control.connection import Connection
from vpp.control.nap import Nap
from vpp.control.poll_grid import next_due_s
from vpp.control.state_table import StateTable
from vpp.control.supervision import Health
from vpp.ports.clock import Clock
from vpp.ports.device import Polled

LEAVING_PERIOD_S = 1.0
"""Wire seconds between two polls of any device at most, once the daemon leaves."""


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
        self._nap = Nap(wire)
        self._at_once = self._leaving = False

    async def live(self, health: Health) -> None:
        try:
            if not self._leaving:
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
        self._nap.call_off()

    def at_once(self) -> None:
        """Its next turn is now."""
        self._at_once = True
        self._nap.call_off()

    def leave(self) -> None:
        """The daemon leaves: whoever has no connection waits for no turn of his."""
        self._leaving = True
        if not self._connection.identified:
            self.at_once()

    async def _until_due(self) -> None:
        while not await self._slept():
            self._due_s = -math.inf
        late_s = self._wire.monotonic() - self._due_s
        self._connection.counters.late_s = late_s
        self._lateness_s.append(late_s)

    async def _slept(self) -> bool:
        """False where the turn was called off."""
        now_s = self._wire.monotonic()
        if self._at_once:
            self._at_once, self._due_s = False, now_s
            return True
        period_s = min(self._period_s(), LEAVING_PERIOD_S) if self._leaving else self._period_s()
        after_s = max(now_s, self._due_s)  # timers may end a little early
        self._due_s = next_due_s(self._connection.device.id, after_s, period_s)
        return await self._nap.take(self._due_s - now_s)
