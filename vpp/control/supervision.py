"""Named tasks that are owned, and restarted with growing, jittered waits when they fail."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Self

import structlog

from vpp.control.nap import Nap
from vpp.domain.errors import VppError, WrongDevice
from vpp.ports.clock import Clock

_log = structlog.get_logger(__name__)

LONGEST_WAIT_S = 60.0
GOOD_ROUNDS = 3
"""Consecutive good rounds after which earlier failures are forgiven."""
LEAVING_S = 2.0
"""Wire seconds that cancelled tasks get to end."""
LEAVING_WAIT_S = 0.25
"""Wire seconds between two tries at most, once the daemon leaves."""


class Backoff:
    """Waits between tries, wire seconds.

    None before the first retry, then 1 to 2 s, doubling to a minute. Who has answered in between
    is not waited for long, but only three answers in a row make its next retry an immediate one.
    """

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._failures = 0
        self._good = 0

    def good(self) -> None:
        self._good += 1
        self._failures = 0 if self._good >= GOOD_ROUNDS else min(self._failures, 1)

    def failed(self, fault: Exception) -> float:
        """Seconds to wait after this failure; the longest at once where another device answers."""
        self._good = 0
        self._failures += 1
        if isinstance(fault, WrongDevice):
            return LONGEST_WAIT_S * (0.5 + 0.5 * self._draw())
        if self._failures == 1:
            return 0.0
        doubled_s: float = 2.0 ** min(self._failures - 2, 6)
        return min(doubled_s * (1.0 + self._draw()), LONGEST_WAIT_S)


class Health:
    """How one supervised task fares: waits, and one log line per loss and per return."""

    def __init__(self, name: str, backoff: Backoff, *, lost_after: int = 1) -> None:
        self._name, self._backoff, self._lost_after = name, backoff, lost_after
        self.failures = 0
        """Consecutive."""
        self.lost = False

    def good(self) -> None:
        """One round went well."""
        self._backoff.good()
        self.failures = 0
        if self.lost:
            self.lost = False
            _log.info("back", task=self._name)

    def failed(self, fault: Exception) -> float:
        """Take note of a failure; seconds to wait before the next try."""
        self.failures += 1
        if not self.lost and (self.failures >= self._lost_after or isinstance(fault, WrongDevice)):
            self.lost = True
            unforeseen = not isinstance(fault, VppError)
            _log.warning("lost", task=self._name, why=_words(fault), exc_info=unforeseen)
        return self._backoff.failed(fault)


Work = Callable[[Health], Awaitable[None]]
"""One life of a task: reports good rounds, raises when it fails, returns when it is done."""


class Supervisor:
    """Owns tasks from entering to leaving; one task's trouble is its own."""

    def __init__(self, wire: Clock, *, draw: Callable[[], float] = random.random) -> None:
        self._wire, self._draw = wire, draw
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._naps: dict[str, Nap] = {}
        self._longest_s = math.inf

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await end_all(self._tasks.values())

    def watch(self, name: str, work: Work, *, lost_after: int = 1) -> None:
        """Run ``work`` again and again until it returns.

        Its loss is logged after ``lost_after`` failures in a row.
        """
        if name in self._tasks and not self._tasks[name].done():
            raise ValueError(f"task {name!r} is running already")
        health = Health(name, Backoff(self._draw), lost_after=lost_after)
        nap = self._naps[name] = Nap(self._wire)
        self._tasks[name] = asyncio.create_task(self._live(work, health, nap), name=name)

    def leave(self) -> None:
        """The daemon leaves: whoever waits tries again now, and nobody waits for long any more."""
        self._longest_s = LEAVING_WAIT_S
        for nap in self._naps.values():
            nap.call_off()

    async def _live(self, work: Work, health: Health, nap: Nap) -> None:
        while True:
            try:
                await work(health)
            except Exception as fault:  # noqa: BLE001 - whatever it is, it stays with this one task
                wait_s = health.failed(fault)
            else:
                return
            await nap.take(min(wait_s, self._longest_s))


async def end_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel these tasks and wait for their end, for a bounded time."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        _, left = await asyncio.wait(running, timeout=LEAVING_S)
        for task in left:
            _log.error("does not end", task=task.get_name())


def _words(fault: Exception) -> str:
    return str(fault) or type(fault).__name__
