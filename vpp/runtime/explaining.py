"""Why an asset did what it did: what the record, the reasons and the history say of one moment."""

import json
import mmap
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from vpp.domain.audit import Event
from vpp.domain.errors import InvariantError, StoreUnavailable
from vpp.domain.points import Quantity
from vpp.ports.store import History
from vpp.runtime.audit_file import NAME as AUDIT
from vpp.runtime.reason_log import NAME, remedy

SLOT = timedelta(minutes=15)
"""Of the history's means."""
_unpack = msgspec.msgpack.Decoder().decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The command under which an asset stood."""

    at: datetime
    who: str
    why: str
    write_class: str
    form: str
    lo_kw: float | None
    hi_kw: float | None
    outcome: str
    """What became of it, as far as the record goes; empty if that is not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan that was in force, and what of it concerns the moment."""

    issued_at: datetime
    order: str
    planner: str
    expected_kw: float | None
    """Of the asset in that slot; None where the plan has no power of it, or is over."""
    grid_kw: float | None
    """Of the pool, positive is import."""
    stages: Sequence[Mapping[str, Any]]
    missed: Sequence[Mapping[str, Any]]
    """Preferences that could not be met, with ``since``, ``until`` and what stood in the way."""
    forecasts: Sequence[Mapping[str, Any]]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Everything that is known of why."""

    asset: str
    pool: str
    site: str
    time_zone: str
    at: datetime
    told: Told | None
    decided_at: datetime
    reasons: Sequence[Mapping[str, Any]]
    """Of that tick, for the pool, the asset, and what lies above it; worth in the order's unit."""
    plan: Planned | None
    mean_kw: float | None
    """Of the asset in that quarter hour; None while it is not over, or was not measured."""
    net_kw: float | None
    """Of the pool, positive is import."""

    @property
    def without_kw(self) -> float | None:
        """What the pool's net would have been without the asset's power."""
        if self.mean_kw is None or self.net_kw is None:
            return None
        return self.net_kw - self.mean_kw


async def account(directory: Path, history: History, asset: str, at: datetime | None) -> Account:
    """What is on record about an asset at a moment; None is the newest.

    Without an offset the moment is local time of the asset's city.

    Raises:
        InvariantError: no asset is called that, or nothing is on record of that time.
        StoreUnavailable: the reasons cannot be read.
    """
    path = directory / NAME
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            place = _place(database, asset)
            if at is not None and at.tzinfo is None:
                at = at.replace(tzinfo=ZoneInfo(place["time_zone"]))
            tick_s, reasons = _newest(database, "tick", place["pool"], at)
            plan_s, plan = _newest(database, "plan", place["pool"], at)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path}: {error}; {remedy(error)}") from error
    if tick_s is None:
        since = f" before {at.isoformat()}" if at else ""
        raise InvariantError(f"nothing was decided for pool {place['pool']}{since}")
    told = last_told(directory / AUDIT, asset, at)
    decided_at = datetime.fromtimestamp(tick_s, UTC)
    newest = decided_at if told is None else max(decided_at, told.at)
    moment = newest if at is None else at.astimezone(UTC)
    scopes = {f"asset:{asset}", f"site:{place['site']}", f"pool:{place['pool']}"}
    scopes |= {f"node:{node}" for node in place["nodes"]} | {"portfolio:"}
    slot_s = SLOT.total_seconds()
    start = datetime.fromtimestamp(moment.timestamp() // slot_s * slot_s, UTC)
    mean_kw, net_kw = [
        float((await history.read(subject, Quantity.POWER_KW, start, start + SLOT, slot_s))[0])
        for subject in (asset, place["pool"])
    ]
    return Account(
        asset=asset,
        pool=place["pool"],
        site=place["site"],
        time_zone=place["time_zone"],
        at=moment,
        told=told,
        decided_at=decided_at,
        reasons=[_known(reason) for reason in reasons if reason["scope"] in scopes],
        plan=None if plan_s is None else _planned(plan, asset, moment.timestamp()),
        mean_kw=None if np.isnan(mean_kw) else mean_kw,
        net_kw=None if np.isnan(net_kw) else net_kw,
    )


def last_told(record: Path, asset: str, at: datetime | None) -> Told | None:
    """The newest command to an asset at a moment, or of all, and what became of it."""
    if not record.exists() or not record.stat().st_size:
        return None
    outcomes: dict[str, str] = {}
    with record.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        end, needle = len(text), f'"subject":{json.dumps(asset)}'.encode()
        while (hit := text.rfind(needle, 0, end)) >= 0:
            end = text.rfind(b"\n", 0, hit) + 1
            stop = text.find(b"\n", hit)
            line = json.loads(text[end : stop if stop >= 0 else len(text)])
            if line["event"] == Event.OUTCOME:
                outcomes.setdefault(line["command"], line["outcome"])
            if line["event"] == Event.GATE_REFUSED:
                outcomes.setdefault(line["command"], f"refused: {line['why']}")
            is_later = at is not None and datetime.fromisoformat(line["at"]) > at
            if line["event"] == Event.INTENT and not is_later:
                return _told(line, outcomes.get(line["command"], ""))
    return None


def _told(line: Mapping[str, Any], outcome: str) -> Told:
    kept = ("who", "why", "write_class", "form", "lo_kw", "hi_kw")
    when = datetime.fromisoformat(line["at"])
    return Told(at=when, outcome=outcome, **{name: line[name] for name in kept})


def _place(database: sqlite3.Connection, asset: str) -> Mapping[str, Any]:
    found = database.execute("SELECT told FROM place WHERE asset = ?", (asset,)).fetchone()
    if found is not None:
        return dict(_unpack(found[0]))
    known = [name for (name,) in database.execute("SELECT asset FROM place ORDER BY asset")]
    alike = [name for name in known if asset in name or name in asset] or known
    raise InvariantError(f"no asset is called {asset!r}; on record: {', '.join(alike[:12])}")


def _newest(
    database: sqlite3.Connection, table: str, pool: str, at: datetime | None
) -> tuple[float | None, Any]:
    until_s = float("inf") if at is None else at.timestamp()
    query = f"SELECT at_s, told FROM {table} WHERE pool = ? AND at_s <= ? ORDER BY at_s DESC"  # noqa: S608 - names of our own
    found = database.execute(query, (pool, until_s)).fetchone()
    return (None, []) if found is None else (found[0], _unpack(found[1]))


def _known(reason: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without numbers that are none."""
    return {k: v for k, v in reason.items() if not (isinstance(v, float) and np.isnan(v))}


def _planned(plan: Mapping[str, Any], asset: str, at_s: float) -> Planned:
    edges_s = plan["edges_s"]
    slot = int(np.searchsorted(edges_s, at_s, side="right")) - 1
    inside = 0 <= slot < len(edges_s) - 1
    powers = plan["power_kw"].get(asset)
    return Planned(
        issued_at=plan["issued_at"],
        order=plan["order"],
        planner=plan["planner"],
        expected_kw=powers[slot] if inside and powers else None,
        grid_kw=plan["grid_kw"][slot] if inside else None,
        stages=plan["stages"],
        missed=[
            {
                **{k: v for k, v in slack.items() if k not in {"first_slot", "last_slot"}},
                "since": datetime.fromtimestamp(edges_s[slack["first_slot"]], UTC),
                "until": datetime.fromtimestamp(edges_s[slack["last_slot"] + 1], UTC),
            }
            for slack in plan["slacks"]
        ],
        forecasts=plan["forecasts"],
        notes=plan["notes"],
    )
