"""The audit record as a file of JSON lines, put on disk by a thread of its own in groups."""

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec

from vpp.domain.audit import AuditRecord
from vpp.domain.errors import AuditUnavailable

_STOP = None


@dataclass(frozen=True, slots=True)
class _Entry:
    record: AuditRecord
    durable: asyncio.Future[None] | None


class AuditLog:
    """``vpp.ports.store.Audit`` on a file. A whole group of records shares one fsync.

    Nothing waits on the event loop.
    """

    def __init__(self, path: Path, *, sync: Callable[[int], None] = os.fsync) -> None:
        self._path, self._sync = path, sync
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="audit", daemon=True)
        self._encode = msgspec.json.Encoder().encode

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._file: IO[bytes] = await asyncio.to_thread(_open_without_torn_tail, self._path)
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entries.put(_STOP)
        await asyncio.to_thread(self._thread.join, 5.0)

    async def intend(self, record: AuditRecord) -> None:
        durable: asyncio.Future[None] = self._loop.create_future()
        self._entries.put(_Entry(record, durable))
        await durable

    def note(self, record: AuditRecord) -> None:
        self._entries.put(_Entry(record, None))

    def _write_all(self) -> None:
        with self._file:
            stopping = False
            while not stopping:
                group = [self._entries.get()]
                while not self._entries.empty():
                    group.append(self._entries.get())
                stopping = _STOP in group
                self._write([entry for entry in group if entry is not _STOP])

    def _write(self, group: list[_Entry]) -> None:
        if not group:
            return
        fault: AuditUnavailable | None = None
        try:
            self._file.write(b"".join(self._encode(entry.record) + b"\n" for entry in group))
            self._file.flush()
            self._sync(self._file.fileno())
        except OSError as error:
            fault = AuditUnavailable(f"{self._path}: {error}; free space or repair the disk")
        waiting = [entry.durable for entry in group if entry.durable is not None]
        if waiting and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_settle, waiting, fault)


def _settle(waiting: list[asyncio.Future[None]], fault: AuditUnavailable | None) -> None:
    for durable in waiting:
        if durable.done():
            continue
        if fault is None:
            durable.set_result(None)
        else:
            durable.set_exception(fault)


def _open_without_torn_tail(path: Path) -> IO[bytes]:
    """Open for appending; a last line that a power cut left unfinished is cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("ab+")
    size = file.seek(0, os.SEEK_END)
    if size:
        reach = min(size, 1 << 16)
        file.seek(size - reach)
        tail = file.read(reach)
        if not tail.endswith(b"\n"):
            file.truncate(size - len(tail) + tail.rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)
    return file
