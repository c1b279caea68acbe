"""Slot means in one SQLite file, written and read by a thread of its own."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, TypeVarTuple

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.errors import StoreUnavailable
from vpp.domain.history import Mean
from vpp.domain.points import Quantity
from vpp.runtime.damage import BESIDE, is_damage, make_way, set_aside
from vpp.runtime.spare_room import SPARE_BYTES, check_room

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mean (
    subject TEXT NOT NULL, quantity TEXT NOT NULL, step_s REAL NOT NULL, start_s REAL NOT NULL,
    value REAL NOT NULL, coverage REAL NOT NULL,
    PRIMARY KEY (subject, quantity, step_s, start_s)
) WITHOUT ROWID
"""
_LEAST_COVERAGE = 0.5
Given = TypeVarTuple("Given")
Result = TypeVar("Result")


class SqliteHistory:
    """``vpp.ports.store.History`` on a file."""

    def __init__(self, path: Path, *, ours: bool = False, spare_bytes: int = SPARE_BYTES) -> None:
        """``ours``: nobody else has it, so that a damaged file may make way for a new one."""
        self._path, self._ours, self._spare_bytes = path, ours, spare_bytes
        self.set_aside: Path | None = None
        """Where a damaged file was moved to."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")

    async def __aenter__(self) -> Self:
        self._database = await self._run(self._open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._run(self._database.close)
        self._thread.shutdown(wait=False)

    async def append(self, means: Sequence[Mean]) -> None:
        rows = [
            (m.subject, m.quantity, m.step_s, m.start.timestamp(), m.value, m.coverage)
            for m in means
        ]
        await self._run(self._insert, rows)

    async def read(
        self, subject: str, quantity: Quantity, start: datetime, end: datetime, step_s: float
    ) -> Floats:
        return await self._run(
            self._select, subject, quantity, start.timestamp(), end.timestamp(), step_s
        )

    async def span(
        self, subject: str, quantity: Quantity, step_s: float
    ) -> tuple[datetime, datetime] | None:
        """Start of the first and of the last recorded slot, or None."""
        return await self._run(self._bounds, subject, quantity, step_s)

    async def _run(self, work: Callable[[*Given], Result], *given: *Given) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)
        except sqlite3.Error as error:
            raise StoreUnavailable(
                f"history {self._path}: {error}; make it readable and writable, or move it away"
            ) from error

    def _open(self) -> sqlite3.Connection:
        if self._ours:
            self.set_aside = make_way(self._path)
        try:
            return self._opened()
        except sqlite3.DatabaseError as error:
            if not self._ours or not is_damage(error):
                raise
            self.set_aside = set_aside(self._path, str(error), BESIDE)
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            database.execute(_SCHEMA)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        check_room(self._path.parent, self._spare_bytes)
        insert = "INSERT OR REPLACE INTO mean VALUES (?, ?, ?, ?, ?, ?)"
        self._database.execute("BEGIN")
        try:
            self._database.executemany(insert, rows)
            self._database.execute("COMMIT")
        except sqlite3.Error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _select(
        self, subject: str, quantity: str, start_s: float, end_s: float, step_s: float
    ) -> Floats:
        values = np.full(round((end_s - start_s) / step_s), np.nan)
        query = (
            "SELECT start_s, value FROM mean WHERE subject = ? AND quantity = ? AND step_s = ?"
            " AND start_s >= ? AND start_s < ? AND coverage >= ?"
        )
        for at_s, value in self._database.execute(
            query, (subject, quantity, step_s, start_s, end_s, _LEAST_COVERAGE)
        ):
            values[round((at_s - start_s) / step_s)] = value
        return values

    def _bounds(
        self, subject: str, quantity: str, step_s: float
    ) -> tuple[datetime, datetime] | None:
        query = (
            "SELECT min(start_s), max(start_s) FROM mean"
            " WHERE subject = ? AND quantity = ? AND step_s = ?"
        )
        first_s, last_s = self._database.execute(query, (subject, quantity, step_s)).fetchone()
        if first_s is None:
            return None
        return datetime.fromtimestamp(first_s, UTC), datetime.fromtimestamp(last_s, UTC)
