"""Takes in what one streaming device sends, and identifies it whenever it comes back."""

import asyncio
import math
from collections.abc import Callable

from vpp.control.connection import Connection
from vpp.control.nap import Nap
from vpp.control.state_table import StateTable
from vpp.control.supervision import LEAVING_WAIT_S, Health, end_all
from vpp.domain.batch import Batch
from vpp.domain.errors import ConnectionLost, DeviceError
from vpp.domain.ids import AssetId
from vpp.domain.points import Point
from vpp.domain.session import EvSession
from vpp.ports.clock import Clock
from vpp.ports.device import Streaming

SHAPES_HELD = 64
SLOWEST_LOOK_S = 1.0
"""Wire seconds between two looks at whether the device is there."""


class Listener:
    """What comes before the device is identified is held, newest of each shape, and then used."""

    def __init__(
        self,
        connection: Connection,
        port: Streaming,
        table: StateTable,
        *,
        wire: Clock,
        period_s: Callable[[], float],
    ) -> None:
        self._connection, self._port, self._table = connection, port, table
        self._period_s, self._nap, self._longest_s = period_s, Nap(wire), math.inf
        self._why = ""
        """What was told last of why it is away."""
        self._held: dict[tuple[Point, ...], Batch] = {}
        self._held_sessions: dict[AssetId, EvSession | None] = {}

    async def live(self, health: Health) -> None:
        listening = asyncio.create_task(
            self._listen(health), name=f"stream {self._connection.device.id}"
        )
        try:
            while not listening.done():
                wait_s = await self._look(health)
                await self._nap.take(min(wait_s, self._longest_s))
            listening.result()
        except Exception as fault:
            self._connection.failed(fault, health)
            raise
        finally:
            await end_all([listening])

    def at_once(self) -> None:
        """Look now whether the device is there."""
        self._nap.call_off()

    def leave(self) -> None:
        """The daemon leaves: the device is looked after all the time."""
        self._longest_s = LEAVING_WAIT_S
        self._nap.call_off()

    async def _listen(self, health: Health) -> None:
        async for batch in self._port.batches():
            if self._connection.identified:
                self._table.apply(batch)
                self._connection.good(health)
            else:
                self._hold(batch)
        raise ConnectionLost("the stream ended")

    async def _look(self, health: Health) -> float:
        """Identify a device that came back; wire seconds until the next look."""
        if not self._port.connected:
            why = self._port.trouble
            if self._connection.identified:
                health.failed(ConnectionLost(why))
                self._away(why)
            elif health.lost and why != self._why:
                self._away(why)
        elif not self._connection.identified:
            try:
                await self._connection.identify()
            except DeviceError as fault:
                self._held.clear()
                self._connection.failed(fault, health)
                return max(health.failed(fault), self._period_s())
            self._release_held()
            self._connection.good(health)
        return min(self._period_s(), SLOWEST_LOOK_S)

    def _away(self, why: str) -> None:
        self._why = why
        self._connection.gone(why)

    def _hold(self, batch: Batch) -> None:
        self._held_sessions.update(batch.sessions)
        if batch.points in self._held or len(self._held) < SHAPES_HELD:
            self._held[batch.points] = batch

    def _release_held(self) -> None:
        for batch in self._held.values():
            self._table.apply(batch)
        self._table.plugged(self._held_sessions)
        self._held.clear()
        self._held_sessions.clear()
