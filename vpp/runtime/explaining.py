"""Why an asset did what it did: what the record, the reasons and the history say of one moment."""

import json
import mmap
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from vpp.domain.audit import Event
from vpp.domain.devices import Authority
from vpp.domain.errors import InvariantError, StoreUnavailable
from vpp.domain.local_time import instant
from vpp.domain.points import Quantity
from vpp.ports.store import History
from vpp.runtime.audit_file import NAME as AUDIT
from vpp.runtime.reason_log import LATEST_S, NAME, remedy

SLOT = timedelta(minutes=15)
"""Of the history's means."""
FORGOTTEN = timedelta(seconds=2 * LATEST_S)
"""A tick is put down more often: after that nobody was in control, or the moment is to come."""
OBSERVING = "'vpp run --observe'"
"""By whose word nothing is written while a daemon only looks."""
GIVES_KW = 0.05
"""Less is nothing that a plan has an asset give out."""
NAMED = 12
"""Assets that are named where one is not known."""
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
class Standing:
    """What the daemon might do to the device through which the asset is written."""

    device: str
    authority: Authority
    who: str
    """Empty where the city file says it."""
    why: str
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overridden:
    """What somebody asked at the command line of the asset, or of a node above it."""

    at: datetime
    scope: str
    outcome: str
    """``given`` or ``withdrawn``."""
    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan that was in force, and what of it concerns the moment."""

    issued_at: datetime
    order: str
    planner: str
    cause: str
    """Why it was made then."""
    expected_kw: float | None
    """Of the asset in that slot; None where the plan has no power of it, or is over."""
    grid_kw: float | None
    """Of the pool, positive is import."""
    net_kw: float | None
    """The same without its storages: what they were expected to serve."""
    next_at: datetime | None
    """Start of the first slot after the moment in which the plan has the asset give power out, and
    not in the slot before; None where it has none."""
    next_kw: float | None
    """In that slot, negative."""
    stages: Sequence[Mapping[str, Any]]
    missed: Sequence[Mapping[str, Any]]
    """Preferences that could not be met, with ``since``, ``until`` and what stood in the way."""
    bindings: Sequence[Mapping[str, Any]]
    """Limits above the asset that were kept and held the plan back at the moment, with ``since``,
    ``until``, and what the first kWh beyond would have gained where that was most."""
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
    standing: Standing | None
    """None for what nobody writes."""
    override: Overridden | None
    """The newest word before the moment; None where there was none."""
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
    """What is on record about an asset, or that of a device, at a moment; None is the newest.

    Without an offset the moment is local time of the asset's city.

    Raises:
        InvariantError: no asset is called that, or nothing is on record of that time, or no clock
            shows it.
        StoreUnavailable: the reasons cannot be read.
    """
    path = directory / NAME
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            asset, place = _place(database, asset)
            if at is not None and at.tzinfo is None:
                at = instant(at, place["time_zone"])
            decided_at, reasons = _decided(database, place, at)
            told = last_told(directory / AUDIT, asset, at)
            newest = decided_at if told is None else max(decided_at, told.at)
            moment = newest if at is None else at.astimezone(UTC)
            plan_s, plan = _newest(database, "plan", place["pool"], moment)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path}: {error}; {remedy(error)}") from error
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
        standing=_standing(directory / AUDIT, place, moment),
        override=_override(directory / AUDIT, asset, place, moment),
        decided_at=decided_at,
        reasons=[_known(reason) for reason in reasons if reason["scope"] in scopes],
        plan=None if plan_s is None else _planned(plan, asset, place["nodes"], moment),
        mean_kw=None if np.isnan(mean_kw) else mean_kw,
        net_kw=None if np.isnan(net_kw) else net_kw,
    )


def last_told(record: Path, asset: str, at: datetime | None) -> Told | None:
    """The newest command to an asset at a moment, or of all, and what became of it."""
    outcomes: dict[str, str] = {}
    for line in _newest_first(record, asset):
        if line["event"] == Event.OUTCOME:
            outcomes.setdefault(line["command"], line["outcome"])
        if line["event"] == Event.GATE_REFUSED:
            outcomes.setdefault(line["command"], f"refused: {line['why']}")
        is_later = at is not None and datetime.fromisoformat(line["at"]) > at
        if line["event"] == Event.INTENT and not is_later:
            return _told(line, outcomes.get(line["command"], ""))
    return None


def _standing(record: Path, place: Mapping[str, Any], at: datetime) -> Standing | None:
    """By the newest word on record before the moment, else by the city file.

    A daemon that only observes is above all words.
    """
    device = place.get("writer")
    if not device:
        return None
    for line in _newest_first(record, place.get("portfolio", "")):
        when = datetime.fromisoformat(line["at"])
        if line["event"] == Event.LIFECYCLE and when <= at:
            if line["outcome"] != Authority.OBSERVE:
                break
            said, why = Authority.OBSERVE, "the daemon only looks"
            return Standing(device=device, authority=said, who=OBSERVING, why=why, since=when)
    for line in _newest_first(record, device):
        when = datetime.fromisoformat(line["at"])
        if line["event"] == Event.AUTHORITY and when <= at:
            said, who, why = Authority(line["outcome"]), line["who"], line["why"]
            return Standing(device=device, authority=said, who=who, why=why, since=when)
    said = Authority(place["authority"])
    return Standing(device=device, authority=said, who="", why="", since=None)


def _override(
    record: Path, asset: str, place: Mapping[str, Any], at: datetime
) -> Overridden | None:
    found = []
    for scope in {asset, place["site"], place["pool"], *place["nodes"]}:
        for line in _newest_first(record, scope):
            when = datetime.fromisoformat(line["at"])
            if line["event"] == Event.OVERRIDE and when <= at:
                said = {name: line[name] for name in ("outcome", "who", "why")}
                found.append(Overridden(at=when, scope=scope, **said))
                break
    return max(found, key=lambda one: one.at, default=None)


def _newest_first(record: Path, subject: str) -> Iterator[Mapping[str, Any]]:
    """Lines of the record about a subject."""
    if not record.exists() or not record.stat().st_size:
        return
    with record.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        end, needle = len(text), f'"subject":{json.dumps(subject)}'.encode()
        while (hit := text.rfind(needle, 0, end)) >= 0:
            end = text.rfind(b"\n", 0, hit) + 1
            stop = text.find(b"\n", hit)
            yield json.loads(text[end : stop if stop >= 0 else len(text)])


def _told(line: Mapping[str, Any], outcome: str) -> Told:
    kept = ("who", "why", "write_class", "form", "lo_kw", "hi_kw")
    when = datetime.fromisoformat(line["at"])
    return Told(at=when, outcome=outcome, **{name: line[name] for name in kept})


def _place(database: sqlite3.Connection, name: str) -> tuple[str, Mapping[str, Any]]:
    """The asset of that name, or the one that a device of that name carries, and where it is."""
    rows = database.execute("SELECT asset, told FROM place ORDER BY asset").fetchall()
    places: Mapping[str, Mapping[str, Any]] = {asset: _unpack(told) for asset, told in rows}
    if name in places:
        return name, places[name]
    carried = [asset for asset, place in places.items() if name in place.get("devices", ())]
    if len(carried) == 1:
        return carried[0], places[carried[0]]
    if carried:
        raise InvariantError(f"{name} is a device that carries {', '.join(carried)}: ask for one")
    alike = [one for one in places if name in one or one in name] or list(places)
    more = f" and {len(alike) - NAMED} more" if len(alike) > NAMED else ""
    listed = f"{', '.join(alike[:NAMED])}{more}"
    raise InvariantError(f"no asset is called {name!r}; on record: {listed}")


def _decided(
    database: sqlite3.Connection, place: Mapping[str, Any], at: datetime | None
) -> tuple[datetime, Any]:
    """The tick in whose reasons the pool stood at a moment."""
    pool, zone = place["pool"], ZoneInfo(place["time_zone"])
    tick_s, reasons = _newest(database, "tick", pool, at)
    if tick_s is None:
        since = f" before {_local(at, zone)}" if at else ""
        raise InvariantError(f"nothing was decided for pool {pool}{since}")
    decided_at = datetime.fromtimestamp(tick_s, UTC)
    if at is not None and at - decided_at > FORGOTTEN:
        raise InvariantError(
            f"nothing is on record of pool {pool} at {_local(at, zone)}: the last before it is of"
            f" {_local(decided_at, zone)}"
        )
    return decided_at, reasons


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


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


def _planned(plan: Mapping[str, Any], asset: str, nodes: Sequence[str], at: datetime) -> Planned:
    edges_s, at_s = plan["edges_s"], at.timestamp()
    slot = int(np.searchsorted(edges_s, at_s, side="right")) - 1
    inside = 0 <= slot < len(edges_s) - 1
    powers, nets = plan["power_kw"].get(asset), plan.get("net_kw")
    following = _gives_out(powers, slot) if inside and powers else None
    return Planned(
        issued_at=plan["issued_at"],
        order=plan["order"],
        planner=plan["planner"],
        cause=plan.get("cause", ""),
        expected_kw=powers[slot] if inside and powers else None,
        grid_kw=plan["grid_kw"][slot] if inside else None,
        net_kw=nets[slot] if inside and nets else None,
        next_at=None if following is None else datetime.fromtimestamp(edges_s[following], UTC),
        next_kw=None if following is None or powers is None else powers[following],
        bindings=[
            _dated(one, edges_s)
            for one in plan.get("bindings", ())
            if one["node"] in nodes and one["first_slot"] <= slot <= one["last_slot"]
        ],
        stages=plan["stages"],
        missed=[_dated(slack, edges_s) for slack in plan["slacks"]],
        forecasts=plan["forecasts"],
        notes=plan["notes"],
    )


def _gives_out(powers_kw: Sequence[float], slot: int) -> int | None:
    """The first slot after this one in which it begins to."""
    gives = [power < -GIVES_KW for power in powers_kw]
    later = range(slot + 1, len(gives))
    return next((one for one in later if gives[one] and not gives[one - 1]), None)


def _dated(one: Mapping[str, Any], edges_s: Sequence[float]) -> Mapping[str, Any]:
    """With begin and end in place of its slots."""
    return {
        **{k: v for k, v in one.items() if k not in {"first_slot", "last_slot"}},
        "since": datetime.fromtimestamp(edges_s[one["first_slot"]], UTC),
        "until": datetime.fromtimestamp(edges_s[one["last_slot"] + 1], UTC),
    }
