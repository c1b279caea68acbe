"""What must outlive the daemon, in one small file: accounts of the day and year, and limits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import structlog

from vpp.control import durable
from vpp.control.control_room import ControlRoom
from vpp.control.gate_ledger import GateLedger
from vpp.control.inputs import Alarm, PoolModel
from vpp.control.lasting import PoolAccount, account_of, resumed, unseen_writes
from vpp.control.loop import TickView
from vpp.control.pace import Pace
from vpp.control.state import ControlState, start
from vpp.control.supervision import Health, Supervisor
from vpp.domain.errors import VppError
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import DeviceId, PoolId
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Proposal, Rank
from vpp.ports.device import DevicePort
from vpp.runtime.damage import make_way, remedy, set_aside
from vpp.runtime.given_proposal import read_proposal, write_proposal

NAME = "memory.json"
"""In a daemon's state directory."""
LOOK_S, KEEP_S = 1.0, 60.0
"""Wire seconds between two looks whether a budget or a limit has changed, and after which all is
kept anew."""
MOST = 1e9
"""Writes, seconds, kWh or days that can be."""
UNSEEN_LOOKS = 2
"""So many looks may miss what was written before a daemon died."""
_VERSION = 1
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    version: int = _VERSION
    unseen_s: float = 0.0
    """City seconds of writes that this may not count; 0 at an orderly end."""
    day: date | None = None
    """UTC, of which writes are counted."""
    writes: Mapping[DeviceId, int] = field(default_factory=dict)
    pools: Mapping[PoolId, PoolAccount] = field(default_factory=dict)
    limits: tuple[Mapping[str, Any], ...] = ()
    """As in ``proposals.yaml``."""


class Memory:
    """Read once, at the start; kept from entering to leaving ``of``."""

    def __init__(
        self, path: Path, portfolio: Portfolio, pace: Pace, *, ours: Callable[[], bool]
    ) -> None:
        """Blocks. A damaged file is set aside.

        Args:
            path: Of the file.
            portfolio: Whose devices and limits it names.
            pace: Of the loop.
            ours: Whether the file is still this process's to write.
        """
        self._path, self._portfolio, self._pace, self._ours = path, portfolio, pace, ours
        self.set_aside: Path | None = make_way(path)
        self._kept = self._read()
        self.limits: Mapping[str, Proposal] = {one.id: one for one in self._limits()}
        """That must not lapse, by proposal id."""
        self._states: Mapping[PoolId, ControlState] = {}
        self._unkept: Alarm | None = None

    def alarms(self) -> Sequence[Alarm]:
        """``MEMORY_UNKEPT`` from a try to keep it that fails to the next that does not."""
        return () if self._unkept is None else (self._unkept,)

    def start(self, model: PoolModel, now_s: float) -> ControlState:
        """The state with which a pool's ticks begin."""
        blank = start(model.compiled, now_s)
        account = self._kept.pools.get(model.pool) or account_of(blank)
        return resumed(
            blank, model.compiled, model.timing, account, self.limits, unseen_s=self._kept.unseen_s
        )

    @asynccontextmanager
    async def of(
        self, room: ControlRoom[ControlState], ports: Mapping[DeviceId, DevicePort]
    ) -> AsyncIterator[None]:
        """Let the gate go on with what was spent, and keep all until left, after the room."""
        self.resume(room.gate.ledger, _facts(ports))
        room.loop.on_tick(self._observe)
        room.board.hear(self.alarms)

        async def work(health: Health) -> None:
            await self._run(health, room.gate.ledger, ports)

        try:
            async with Supervisor(self._pace.wire) as tasks:
                tasks.watch("memory", work)
                yield
        finally:
            await self.keep(room.gate.ledger, ended=True)

    def resume(self, ledger: GateLedger, facts: Mapping[DeviceId, DeviceFacts]) -> None:
        """Let the gate go on with what was spent, and what may have been."""
        kept, timing = self._kept, self._pace.timing
        if kept.day is not None:
            unseen = {d: unseen_writes(one, timing, kept.unseen_s) for d, one in facts.items()}
            ledger.resume(kept.day, {d: kept.writes.get(d, 0) + n for d, n in unseen.items()})

    def _observe(self, seen: TickView[ControlState]) -> None:
        self._states = {pool: result.state for pool, result in seen.results.items()}

    async def _run(
        self, health: Health, ledger: GateLedger, ports: Mapping[DeviceId, DevicePort]
    ) -> None:
        looks, seen = 0, None
        while True:
            news = self._news(ledger, _facts(ports))
            if news != seen or looks >= KEEP_S / LOOK_S or self._unkept is not None:
                looks, seen = 0, news
                await self.keep(ledger)
            looks += 1
            health.good()
            await self._pace.wire.sleep(LOOK_S)

    async def keep(self, ledger: GateLedger, *, ended: bool = False) -> None:
        """On disk on return, or log and alarm say why not.

        Args:
            ledger: Of the gate.
            ended: Nothing is written to devices any more.
        """
        if not self._ours():
            return
        spent, day = ledger.spent, self._pace.city.now().date()
        unseen_s = 0.0 if ended else UNSEEN_LOOKS * LOOK_S * self._pace.speed()
        unseen_s += 0.0 if self._states else self._kept.unseen_s
        try:
            await asyncio.to_thread(self._put, spent, day, self._states, unseen_s)
            self._unkept = None
        except (OSError, ValueError, ArithmeticError) as fault:
            if self._unkept is None:
                _log.warning("memory not kept", file=str(self._path), why=str(fault))
            self._unkept = _unkept(self._path, fault)

    def _news(self, ledger: GateLedger, facts: Mapping[DeviceId, DeviceFacts]) -> object:
        """What is worth a write to the disk at once: of budgets and limits, where there are any."""
        spent = ledger.spent
        writes = [spent.get(d, 0) for d, one in facts.items() if one.writes_per_day is not None]
        counted = {
            asset
            for one in facts.values()
            for asset, able in one.capabilities.items()
            if able.starts_per_day is not None
        }
        starts = [
            float(state.memory.starts[at])
            for state in self._states.values()
            for at, asset in enumerate(state.assets if counted else ())
            if asset in counted
        ]
        bounds = {
            (name, one.lo_kw, one.hi_kw, one.failsafe_lo_kw, one.failsafe_hi_kw)
            for state in self._states.values()
            for name, one in state.limits.items()
        }
        return writes, starts, bounds

    def _put(
        self,
        writes: Mapping[DeviceId, int],
        day: date,
        states: Mapping[PoolId, ControlState],
        unseen_s: float,
    ) -> None:
        pools = {pool: account_of(state) for pool, state in states.items()}
        limits = {n: one for state in states.values() for n, one in state.limits.items()}
        kept = _Kept(
            unseen_s=unseen_s,
            day=day,
            writes=writes,
            pools={**self._kept.pools, **pools},
            limits=tuple(
                write_proposal(one, self._pace.city)
                for one in (limits if states else self.limits).values()
            ),
        )
        durable.put(self._path, msgspec.json.encode(kept).decode())

    def _read(self) -> _Kept:
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
            if kept.version != _VERSION:
                raise msgspec.ValidationError(f"version {kept.version}, expected {_VERSION}")
            _require_sense(kept)
        except FileNotFoundError:
            return _Kept()
        except (OSError, ValueError, RecursionError) as fault:
            self.set_aside = set_aside(self._path, str(fault))
            return _Kept()
        return kept

    def _limits(self) -> list[Proposal]:
        found: list[Proposal] = []
        for one in self._kept.limits:
            try:
                found.append(
                    read_proposal(
                        one,
                        portfolio=self._portfolio,
                        city=self._pace.city,
                        rank=Rank.GRID_OPERATOR,
                    )
                )
            except (VppError, ValueError, LookupError, TypeError) as fault:
                _log.warning("limit not taken up", limit=str(one), why=str(fault))
        return found


def _unkept(path: Path, fault: Exception) -> Alarm:
    cure = remedy(fault) if isinstance(fault, OSError) else ""
    lost = "a daemon that dies now takes the day's budgets and new limits with it"
    text = f"{path} cannot be written: {fault}; {cure or 'repair the disk'}: {lost}"
    return Alarm(code="MEMORY_UNKEPT", subject="memory", text=text)


def _require_sense(kept: _Kept) -> None:
    counts = [kept.unseen_s, *kept.writes.values()]
    sizes = list[float]()
    for account in kept.pools.values():
        counts += [*account.writes.values(), *account.starts.values()]
        sizes.append(account.ledger.ahead_kwh)
        for one in account.ledger.days:
            sizes += [one.day, one.given_up_kwh, one.import_kwh]
    if not all(0.0 <= one <= MOST for one in counts) or not all(abs(one) <= MOST for one in sizes):
        raise msgspec.ValidationError(f"a number in it is below 0 or above {MOST:g}")


def _facts(ports: Mapping[DeviceId, DevicePort]) -> Mapping[DeviceId, DeviceFacts]:
    return {device: port.facts for device, port in ports.items()}
