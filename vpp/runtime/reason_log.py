"""Why every pool did what it did, and what its plans stood on: kept on disk, to be asked later."""

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
import numpy as np
import structlog

from vpp.control.inputs import Reason
from vpp.domain.ids import NodeId, PoolId, SiteId
from vpp.domain.order import Order
from vpp.domain.plan import Explanation, Plan, Schedule
from vpp.domain.portfolio import Portfolio
from vpp.domain.slots import SlotGrid
from vpp.runtime.damage import BESIDE, is_damage, make_way, set_aside
from vpp.runtime.spare_room import SPARE_BYTES, check_room
from vpp.runtime.view import View

NAME = "reasons.db"
"""In a daemon's state directory."""
SOONEST_S, LATEST_S = 10.0, 60.0
"""City seconds from one row of a pool to the next: where the terms that decided change, and where
they stay."""
KEPT_S = 30 * 86400.0
"""City seconds for which rows are kept."""
FLUSH_S = 2.0
"""Wire seconds from one write to the next."""
WAITING = 20_000
"""Rows that wait for a disk; the oldest give way."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS place (asset TEXT PRIMARY KEY, told BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tick (
    pool TEXT NOT NULL, at_s REAL NOT NULL, told BLOB NOT NULL, PRIMARY KEY (pool, at_s)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plan (
    pool TEXT NOT NULL, at_s REAL NOT NULL, told BLOB NOT NULL, PRIMARY KEY (pool, at_s)
) WITHOUT ROWID;
"""
_log = structlog.get_logger(__name__)
_pack = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class _Planned:
    """Of a plan what is kept: without its curve, which is large where rows wait for a disk."""

    issued_at: datetime
    order: Order
    grid: SlotGrid
    schedule: Schedule
    explanation: Explanation


class _Row(NamedTuple):
    """A tuple, because every tick may leave one."""

    table: str
    key: tuple[str, ...] | tuple[str, float]
    told: Mapping[str, object] | tuple[Reason, ...] | _Planned
    """Made plain by the thread that writes it."""


class ReasonLog:
    """Rows wait in memory and are written by a thread of its own; no tick ever waits for it."""

    def __init__(
        self,
        path: Path,
        portfolio: Portfolio,
        *,
        flush_s: float = FLUSH_S,
        spare_bytes: int = SPARE_BYTES,
    ) -> None:
        self._path, self._flush_s, self._spare_bytes = path, flush_s, spare_bytes
        self._places = tuple(_places(portfolio))
        self._rows: deque[_Row] = deque(maxlen=WAITING)
        self._placed = False
        """Whether this daemon's city has been put down."""
        self._newest: dict[PoolId, tuple[object, float]] = {}
        self._plans: dict[PoolId, Plan] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reasons")
        self.lost = False
        """Whether the last write failed; the log says so once."""
        self.set_aside: Path | None = None
        """Where a damaged file was moved to, the last one."""

    async def __aenter__(self) -> Self:
        """Begin the file; a disk that fails is a matter of the first rows."""
        with contextlib.suppress(sqlite3.Error, OSError):
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, ())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._flush(), FLUSH_S)
        self._thread.shutdown(wait=False)

    def observe(self, view: View) -> None:
        """Take in a tick: what is new in it, and once a minute what is not."""
        now_s = view.snapshot.at.timestamp()
        for pool, result in view.results.items():
            terms = [(reason.scope, reason.rung, reason.binding) for reason in result.reasons]
            before, put_s = self._newest.get(pool, ([], -LATEST_S))
            since_s = abs(now_s - put_s)
            if since_s >= LATEST_S or (terms != before and since_s >= SOONEST_S):
                self._newest[pool] = (terms, now_s)
                self._rows.append(_Row("tick", (pool, now_s), result.reasons))
            plan = view.plans.get(pool)
            if plan is not None and plan is not self._plans.get(pool):
                self._plans[pool] = plan
                kept = _Planned(
                    plan.issued_at, plan.order, plan.grid, plan.schedule, plan.explanation
                )
                self._rows.append(_Row("plan", (pool, now_s), kept))

    async def run(self) -> None:
        """Write what has come, until cancelled."""
        while True:
            await asyncio.sleep(self._flush_s)
            await self._flush()

    async def _flush(self) -> None:
        rows = list(self._rows)
        if not rows:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, rows)
        except (sqlite3.Error, OSError) as error:
            if not self.lost:
                why = f"{self._path}: {error}; {remedy(error)}"
                _log.warning("reasons lost; control goes on", why=why)
            self.lost = True
            return
        for row in rows:
            if self._rows and self._rows[0] is row:
                self._rows.popleft()
        if self.lost:
            _log.info("reasons are kept again", file=str(self._path))
        self.lost = False

    def _write(self, rows: Sequence[_Row]) -> None:
        """A damaged file makes way for a new one."""
        try:
            self.set_aside = make_way(self._path) or self.set_aside
            self._put(rows)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            self.set_aside = set_aside(self._path, str(error), BESIDE)
            self._put(rows)

    def _put(self, rows: Sequence[_Row]) -> None:
        check_room(self._path.parent, self._spare_bytes)
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=OFF")
            database.executescript(_SCHEMA)
            database.execute("BEGIN")
            known = database.execute("SELECT count(*) FROM place").fetchone() != (0,)
            places = () if known and self._placed else self._places
            for table, key, told in (*places, *rows):
                values = (*key, _pack(_plain(told)))
                marks = ", ".join("?" * len(values))
                database.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", values)  # noqa: S608 - names of our own
            for pool, (_, put_s) in list(self._newest.items()):
                for table in ("tick", "plan"):
                    older = f"DELETE FROM {table} WHERE pool = ? AND at_s < ?"  # noqa: S608 - names of our own
                    database.execute(older, (pool, put_s - KEPT_S))
            database.execute("COMMIT")
            self._placed = True


def remedy(error: sqlite3.Error | OSError) -> str:
    """What a person can do about it."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "somebody else holds it: try again when he has let go"
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return "it is damaged: the daemon sets it aside, and begins a new one"
        case _:
            return "make it readable and writable, or free space; 'vpp run' begins it"


def _places(portfolio: Portfolio) -> Iterator[_Row]:
    devices = portfolio.devices.values()
    for pool in portfolio.pools:
        for asset in portfolio.assets_of_pool(pool):
            site, writer = portfolio.assets[asset].site, portfolio.writer_of.get(asset)
            told = {
                "portfolio": portfolio.id,
                "pool": pool,
                "site": site,
                "nodes": list(_nodes(portfolio, site)),
                "time_zone": portfolio.time_zone,
                "devices": [d.id for d in devices if asset in (c.subject for c in d.carries)],
                "writer": writer or "",
                "authority": portfolio.devices[writer].authority if writer else "",
            }
            yield _Row("place", (asset,), told)


def _nodes(portfolio: Portfolio, site: SiteId) -> Iterator[NodeId]:
    """The site's own and all above it."""
    node: NodeId | None = portfolio.sites[site].node
    while node is not None:
        yield node
        node = portfolio.nodes[node].parent


def _plain(told: Mapping[str, object] | tuple[Reason, ...] | _Planned) -> object:
    if isinstance(told, _Planned):
        return _plan(told)
    if isinstance(told, Mapping):
        return told
    return [
        {
            "scope": f"{reason.scope.kind}:{reason.scope.id}",
            "rung": reason.rung.name.lower(),
            "binding": reason.binding,
            "text": reason.text,
            "net_kw": reason.net_kw,
            "power_kw": reason.power_kw,
            "worth": reason.worth,
            "marginal": reason.marginal,
            "rule_kw": reason.rule_kw,
            "stored_kwh": reason.stored_kwh,
        }
        for reason in told
    ]


def _plan(plan: _Planned) -> dict[str, object]:
    why, schedule = plan.explanation, plan.schedule
    storages = ~np.isnan(schedule.energy_kwh).any(axis=1)
    return {
        "issued_at": plan.issued_at,
        "order": plan.order,
        "planner": why.planner,
        "cause": why.cause,
        "edges_s": plan.grid.edges_s.tolist(),
        "grid_kw": schedule.grid_kw.round(2).tolist(),
        "net_kw": (schedule.grid_kw - schedule.power_kw[storages].sum(axis=0)).round(2).tolist(),
        "power_kw": {
            asset: powers.round(2).tolist()
            for asset, powers in zip(schedule.assets, schedule.power_kw, strict=True)
        },
        "stages": why.stages,
        "slacks": why.slacks,
        "bindings": why.bindings,
        "forecasts": why.forecasts,
        "notes": why.notes,
    }
