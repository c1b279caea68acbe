"""Brings slot means into the history behind the back of the loop."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Self

from vpp.control.marks import Mark
from vpp.control.means import SlotMeans
from vpp.control.supervision import Health, Supervisor
from vpp.domain.history import Mean
from vpp.domain.snapshot import Snapshot
from vpp.ports.clock import Clock
from vpp.ports.store import History

SLOTS_KEPT = 96
"""Ended slots that wait for a history that cannot be reached; older ones are lost."""


class Recorder:
    """``observe`` every tick; a task of its own appends what ended, again after a failure."""

    def __init__(self, means: SlotMeans, history: History, *, wire: Clock) -> None:
        self._means, self._history = means, history
        self._ended: deque[tuple[Mean, ...]] = deque(maxlen=SLOTS_KEPT)
        self._some = asyncio.Event()
        self._tasks = Supervisor(wire)

    async def __aenter__(self) -> Self:
        self._tasks.watch("history", self._keep)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)

    def observe(self, snapshot: Snapshot, marks: frozenset[Mark] = frozenset()) -> None:
        """Take in one tick, and what holds at it."""
        ended = self._means.add(snapshot, marks)
        if ended:
            self._ended.append(ended)
            self._some.set()

    async def _keep(self, health: Health) -> None:
        while True:
            await self._some.wait()
            while self._ended:
                await self._history.append(self._ended[0])
                self._ended.popleft()
                health.good()
            self._some.clear()
