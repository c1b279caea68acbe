"""The audit record as a file of JSON lines, put on disk by a thread of its own in groups."""

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from vpp.domain.audit import AuditRecord
from vpp.domain.errors import AuditUnavailable
from vpp.runtime.audit_file import AuditFile
from vpp.runtime.audit_reserve import USUAL_BYTES
from vpp.runtime.damage import remedy

KEPT = 10_000
"""Records without a place that wait in memory; the oldest give way."""
SHOWN = 500
"""Bytes of an unfinished line that stay readable."""
_STOP = None


@dataclass(frozen=True, slots=True)
class _Entry:
    record: AuditRecord
    durable: asyncio.Future[None] | None


class AuditLog:
    """``vpp.ports.store.Audit`` on a file. A whole group of records shares one fsync.

    Nothing waits on the event loop. While there is no room on disk, intents of discretionary
    commands are refused; everything else goes into the reserve, in its place in the chain.
    """

    def __init__(
        self,
        path: Path,
        *,
        sync: Callable[[int], None] = os.fsync,
        ours: Callable[[], bool] = lambda: True,
        reserve: int = USUAL_BYTES,
    ) -> None:
        """``ours``: nobody else may write it now. ``reserve``: bytes kept for a full disk."""
        self._path, self._sync, self._ours, self._reserve = path, sync, ours, reserve
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._kept: list[_Entry] = []
        self._thread = threading.Thread(target=self._write_all, name="audit", daemon=True)
        self._encode = msgspec.json.Encoder().encode
        self.healed = ""
        """What was done to a record that was damaged, or whose last line was never finished."""
        self.set_aside: Path | None = None
        """Where a damaged record was moved to."""

    async def __aenter__(self) -> Self:
        """Open the record.

        Raises:
            AuditUnavailable: it cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        try:
            self._file = await asyncio.to_thread(
                AuditFile, self._path, sync=self._sync, ours=self._ours, reserve=self._reserve
            )
        except OSError as error:
            raise AuditUnavailable(
                f"the record of writes cannot be opened: {error};"
                f" {remedy(error) or 'repair the disk'}, or move it away: a new one is begun"
            ) from error
        self._thread.start()
        self.set_aside = self._file.set_aside
        self.healed = _healed(self._file.unfinished, self.set_aside)
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
        try:
            stopping = False
            while not stopping:
                group = [self._entries.get()]
                while not self._entries.empty():
                    group.append(self._entries.get())
                stopping = _STOP in group
                self._write([entry for entry in group if entry is not _STOP])
        finally:
            self._file.close()

    def _write(self, group: Sequence[_Entry]) -> None:
        entries = [*self._kept, *group]
        if not entries:
            return
        try:
            self._file.append(self._texts(entries))
        except OSError as error:
            self._without_room(entries, error)
        else:
            self._kept = []
            self._settle(entries, None)

    def _without_room(self, entries: Sequence[_Entry], error: OSError) -> None:
        """Only what must not be lost, into the reserve."""
        fault = AuditUnavailable(f"{self._path}: {error}; free space or repair the disk")
        vital = [entry for entry in entries if not entry.record.discretionary]
        try:
            self._file.append_in_reserve(self._texts(vital))
        except OSError:
            self._kept = [entry for entry in vital if entry.durable is None][-KEPT:]
            self._settle(vital, fault)
        else:
            self._kept = []
            self._settle(vital, None)
        self._settle([entry for entry in entries if entry.record.discretionary], fault)

    def _texts(self, entries: Sequence[_Entry]) -> list[bytes]:
        return [self._encode(entry.record) for entry in entries]

    def _settle(self, entries: Sequence[_Entry], fault: AuditUnavailable | None) -> None:
        waiting = [entry.durable for entry in entries if entry.durable is not None]
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


def _healed(unfinished: bytes, aside: Path | None) -> str:
    if aside is not None:
        return f"the record begins anew: the one before was damaged and is kept as {aside.name}"
    if not unfinished:
        return ""
    shown = unfinished[:SHOWN].decode(errors="backslashreplace")
    return f"cut off {len(unfinished)} bytes of a line that was never finished: {shown}"
