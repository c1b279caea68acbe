"""Intents on their way to the disk, owned, so that nobody else waits for a slow one."""

import asyncio
from dataclasses import replace
from types import TracebackType
from typing import Self

from vpp.control.dispatch import record_of
from vpp.control.supervision import end_all
from vpp.domain.audit import Event
from vpp.domain.command import Command
from vpp.ports.store import Audit


class Intents:
    """Begins records of intent; each task ends when its record is durable, or raises."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await end_all(self._tasks)

    def begin(self, command: Command) -> asyncio.Task[None]:
        """Done when the intent is on disk; AuditUnavailable when it will not be."""
        task = asyncio.create_task(self._intend(command), name=f"intent {command.id}")
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def late(self, command: Command) -> None:
        """Note that this command leaves before its record is on disk."""
        self._audit.note(replace(record_of(command, Event.INTENT), late=True))

    async def _intend(self, command: Command) -> None:
        await self._audit.intend(record_of(command, Event.INTENT))

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever still waits for it hears of it; for the others it is no news
