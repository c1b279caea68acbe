"""The two sources of proposals that come with the core: a file, and operators at the CLI."""

import asyncio
import json
import math
import os
import stat
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from vpp.control import durable
from vpp.control.supervision import Health, Supervisor
from vpp.domain.audit import AuditRecord, Event
from vpp.domain.errors import ConfigurationError, InvariantError, VppError
from vpp.domain.plain_words import LONGEST, stated
from vpp.domain.proposal import Ending, Proposal, Rank
from vpp.domain.text import TextTree, read_text
from vpp.ports.clock import Clock
from vpp.ports.sources import SourceRequest
from vpp.runtime.damage import make_way, set_aside
from vpp.runtime.given_proposal import KEYS, read_proposal, read_scope
from vpp.runtime.override_range import range_kw, steered

LONGEST_OVERRIDE = timedelta(hours=4)
LOOK_EVERY_S = 1.0
SHOWN = 500
"""Characters of what could not be read."""
LARGEST_FILE = 1 << 18
"""Bytes; more than a thousand proposals. Reading takes time from the ticks of this process."""
FILE = "proposals.yaml"
OVERRIDES = "overrides.json"
WRONG = (
    VppError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What reading comes upon where plain data is not what a proposal is made of."""
_log = structlog.get_logger(__name__)


class _Standing:
    """Proposals that hold until they are replaced.

    Those that end as a wish drop out by themselves.
    """

    def __init__(self, city: Clock) -> None:
        self._city = city
        self.found: tuple[Proposal, ...] = ()

    def proposals(self) -> Sequence[Proposal]:
        now_s = self._city.monotonic()
        return [p for p in self.found if p.valid_until_s > now_s or p.ending is Ending.FAILSAFE]


class FileProposals(_Standing):
    """What ``proposals.yaml`` in the state directory says, read again when it changes.

    A file that is wrong changes nothing: the last good one stands.
    """

    def __init__(self, request: SourceRequest) -> None:
        super().__init__(request.city)
        self._request, self._path = request, request.state_dir / FILE
        self._seen: tuple[int, int] | None = None
        self._fault: ConfigurationError | None = None

    def proposals(self) -> Sequence[Proposal]:
        """What the file says.

        Raises:
            ConfigurationError: it is wrong; with every mistake and its line.
        """
        if self._fault is not None:
            raise self._fault
        return super().proposals()

    async def watch(self, health: Health) -> None:
        while True:
            await asyncio.to_thread(self.look)
            health.good()
            await self._request.wire.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Read the file if it is another than the one seen last."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self.found, self._seen, self._fault = (), None, None
            return
        if (stamp := (status.st_mtime_ns, status.st_size)) == self._seen:
            return
        self._seen = stamp
        try:
            self.found, self._fault = self._read(status), None
        except ConfigurationError as fault:
            self._fault = fault
        except (OSError, *WRONG) as fault:
            whole = TextTree(file=str(self._path), value=None, lines={})
            self._fault = ConfigurationError([whole.mistake("", str(fault))])

    def _read(self, status: os.stat_result) -> tuple[Proposal, ...]:
        if not stat.S_ISREG(status.st_mode):
            raise InvariantError("expected a file")
        size = status.st_size
        if size > LARGEST_FILE:
            raise InvariantError(f"{size} bytes are more than the {LARGEST_FILE} that are read")
        tree = read_text(self._path.read_text(), str(self._path))
        given = tree.value or []
        if not tree.mistakes and not isinstance(given, list):
            raise InvariantError("expected a list of proposals")
        mistakes, found = list(tree.mistakes), list[Proposal]()
        for place, one in enumerate(() if mistakes else given):
            try:
                found.append(self._proposal(one))
            except WRONG as fault:
                mistakes.append(tree.mistake((place,), str(fault)))
        if mistakes:
            raise ConfigurationError(mistakes)
        return tuple(found)

    def _proposal(self, given: Mapping[str, Any]) -> Proposal:
        portfolio, city = self._request.portfolio, self._request.city
        return read_proposal(given, portfolio=portfolio, city=city, rank=Rank.GRID_OPERATOR)


class OperatorProposals(_Standing):
    """Overrides given at the CLI: bounded in time, with a reason, kept over a restart."""

    def __init__(self, request: SourceRequest) -> None:
        super().__init__(request.city)
        self._request, self._path = request, request.state_dir / OVERRIDES
        self._given: dict[str, Mapping[str, Any]] = {}
        self._writing = asyncio.Lock()

    def restore(self) -> None:
        """Take up what still holds from before a restart; the log says what could not be.

        A damaged file, or an override of what the city no longer has, keeps no daemon from
        starting.
        """
        make_way(self._path)
        if not self._path.exists():
            return
        try:
            kept = list(json.loads(self._path.read_text()))
        except (OSError, *WRONG) as fault:
            set_aside(self._path, f"overrides are lost: {fault}")
            return
        for one in kept:
            self._take_up(one)
        self._adopt()

    def _take_up(self, one: Mapping[str, Any]) -> None:
        try:
            if datetime.fromisoformat(one["until"]) > self._request.city.now():
                self._given[self._read(one).id] = one
        except WRONG as fault:
            _log.warning("override not taken up", override=str(one)[:SHOWN], why=str(fault))

    async def override(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add or replace one; ``for_s`` city seconds, at most four hours.

        An older one of the same scope that says otherwise is withdrawn, and the answer names it.
        What is asked beyond the scope's range is held at its end, and the answer says so; so it
        does where the override holds and a restart would lose it, because the disk is full.
        """
        lasts = timedelta(seconds=float(asked.get("for_s", 1800.0)))
        if not timedelta(0) < lasts <= LONGEST_OVERRIDE:
            raise InvariantError(f"an override lasts more than 0 and at most {LONGEST_OVERRIDE}")
        stated(asked.get("owner"), "owner")
        kept = {k: v for k, v in asked.items() if k in KEYS and v is not None}
        kept["until"] = (self._request.city.now() + lasts).isoformat()
        kept.setdefault("id", uuid.uuid4().hex[:8])
        proposal = self._read(kept)
        written = steered(proposal.scope, self._request.portfolio)
        lo_kw, hi_kw = range_kw(proposal.scope, self._request.portfolio)
        held: dict[str, float] = {
            key: min(max(float(kept[key]), lo_kw), hi_kw)
            for key in ("lo_kw", "hi_kw")
            if key in kept
        }
        beyond = {key: kw for key, kw in held.items() if kw != kept[key]}
        kept |= held
        given = self._read(kept)
        replaced = [one for one in self.proposals() if _gives_way(one, given)]
        for one in replaced:
            self._note(
                one,
                "withdrawn",
                given.owner,
                f"{given.id} says otherwise: {given.reason}"[:LONGEST],
            )
        self._note(given, "given", given.owner, given.reason)
        ended = [one.id for one in replaced]
        others = {k: v for k, v in self._given.items() if k not in ended}
        unkept = await self._keep({**others, given.id: kept})
        zone = ZoneInfo(self._request.portfolio.time_zone)
        until = datetime.fromisoformat(str(kept["until"])).astimezone(zone)
        return {
            "id": proposal.id,
            "scope": str(proposal.scope),
            "until": until.isoformat(timespec="seconds"),
            "zone": zone.key,
            "for_s": lasts.total_seconds(),
            "range_kw": [lo_kw, hi_kw],
            "held": beyond,
            "replaced": ended,
            "devices": sorted({self._request.portfolio.writer_of[asset] for asset in written}),
            "unkept": unkept,
        }

    async def end(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Withdraw by id, or all of a scope; of an id alone, those of every kind of scope.

        ``who`` does it goes on record, and the ``reason`` if there is one.
        """
        who, reason = stated(asked.get("who"), "who"), asked.get("reason")
        why = "" if reason in (None, "") else stated(reason, "reason")
        scope = str(asked.get("scope") or "")
        if scope:
            read_scope(scope, self._request.portfolio)
        found = [
            p
            for p in self.proposals()
            if asked.get("id") == p.id or scope in (p.scope.id, str(p.scope))
        ]
        if not found:
            held = ", ".join(f"{p.scope} ({p.id})" for p in self.proposals())
            raise InvariantError(
                f"no override of this scope or id holds now; {held or 'none at all'} does"
            )
        for one in found:
            self._note(one, "withdrawn", who, why)
        ended = [one.id for one in found]
        unkept = await self._keep({k: v for k, v in self._given.items() if k not in ended})
        return {"ended": ended, "unkept": unkept}

    def _note(self, of: Proposal, outcome: str, who: str, why: str) -> None:
        bounds = [kw if math.isfinite(kw) else None for kw in (of.lo_kw, of.hi_kw)]
        self._request.note(
            AuditRecord(
                event=Event.OVERRIDE,
                at=self._request.city.now(),
                subject=of.scope.id,
                who=who,
                why=why,
                command=of.id,
                lo_kw=bounds[0],
                hi_kw=bounds[1],
                outcome=outcome,
            )
        )

    async def _keep(self, given: dict[str, Mapping[str, Any]]) -> str:
        """Let these hold; why they could not be put on disk, else nothing."""
        now = self._request.city.now()
        self._given = {
            k: v for k, v in given.items() if datetime.fromisoformat(str(v["until"])) > now
        }
        self._adopt()
        try:
            async with self._writing:
                kept = json.dumps(list(self._given.values()))
                await asyncio.to_thread(durable.put, self._path, kept)
        except OSError as fault:
            _log.warning("overrides not kept", file=str(self._path), why=str(fault))
            return str(fault)
        return ""

    def _adopt(self) -> None:
        self.found = tuple(self._read(one) for one in self._given.values())

    def _read(self, given: Mapping[str, Any]) -> Proposal:
        return read_proposal(
            given,
            portfolio=self._request.portfolio,
            city=self._request.city,
            rank=Rank.OVERRIDE,
        )


def _gives_way(older: Proposal, newer: Proposal) -> bool:
    """Whether both cannot hold: of what is said of one scope the last word counts."""
    apart = older.lo_kw > newer.hi_kw or older.hi_kw < newer.lo_kw
    return older.scope == newer.scope and older.id != newer.id and apart


@asynccontextmanager
async def file_source(request: SourceRequest) -> AsyncIterator[FileProposals]:
    """Entry point ``file``."""
    source = FileProposals(request)
    async with Supervisor(request.wire) as tasks:
        tasks.watch("proposals file", source.watch)
        yield source


@asynccontextmanager
async def command_source(request: SourceRequest) -> AsyncIterator[OperatorProposals]:
    """Entry point ``cli``."""
    source = OperatorProposals(request)
    await asyncio.to_thread(source.restore)
    request.commands.answer("override", source.override)
    request.commands.answer("end", source.end)
    yield source
