"""The fixed tick: one frozen snapshot, one decision per pool, writes handed to the gate."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Self

import structlog

from vpp.control.alarms import AlarmBoard
from vpp.control.arbiter import fallen_before
from vpp.control.inputs import Alarm, Handed, State, TickResult
from vpp.control.live_facts import LiveFacts
from vpp.control.outcome_book import OutcomeBook
from vpp.control.pace import Pace
from vpp.control.parents import ParentMemory, Parents
from vpp.control.pool_loop import Guidance, PoolLoop
from vpp.control.proposing import Proposing
from vpp.control.rehearsals import Rehearsals
from vpp.control.shadow_book import ShadowBook
from vpp.control.state_table import StateTable
from vpp.control.supervision import Health, Supervisor
from vpp.control.write_gate import WriteGate
from vpp.domain.held import Held
from vpp.domain.ids import PoolId
from vpp.domain.proposal import Proposal
from vpp.domain.snapshot import Snapshot

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickView(Generic[State]):
    """What observers see of a tick that completed."""

    snapshot: Snapshot
    pools: Mapping[PoolId, PoolLoop[State]]
    results: Mapping[PoolId, TickResult[State]]
    """The newest of every pool; from an earlier tick where the pool is in ``failed``."""
    failed: frozenset[PoolId]
    alarms: tuple[Alarm, ...]
    """All that hold now, of every origin."""
    took_s: float
    """Wire seconds from the snapshot to the alarms, without what ran between two pools."""
    late_s: float
    """City seconds after it was due, or after the first of the due ticks skipped before it was."""
    proposals: tuple[Proposal, ...] = ()
    """What every source wanted."""

    @property
    def held(self) -> Mapping[PoolId, Held]:
        """What the storages hold, of the pools whose tick completed."""
        return {
            pool: result.held
            for pool, result in self.results.items()
            if pool not in self.failed and result.held is not None
        }


@dataclass(slots=True)
class LoopCounters:
    """Since the start."""

    ticks: int = 0
    skipped: int = 0
    """Due ticks that did not run because an earlier one was late; they are not made up for."""
    failed: int = 0
    """Steps of a pool that raised."""
    observer_failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a tick reads from and writes to."""

    table: StateTable
    facts: LiveFacts
    gate: WriteGate
    outcomes: OutcomeBook
    board: AlarmBoard
    guidance: Guidance
    proposing: Proposing
    rehearsals: Rehearsals
    shadows: ShadowBook
    limits: Mapping[str, Proposal] = field(default_factory=dict)
    """From before the start, that must not lapse above the pools; by proposal id."""


Observer = Callable[[TickView[State]], None]


class ControlLoop(Generic[State]):
    """Ticks from entering to leaving; nothing that watches it can break it."""

    def __init__(
        self,
        pools: Sequence[PoolLoop[State]],
        parents: Parents,
        surroundings: Surroundings,
        pace: Pace,
        observers: Sequence[Observer[State]] = (),
    ) -> None:
        self._pools = {pool.model.pool: pool for pool in pools}
        self._around, self._pace = surroundings, pace
        self._observers = list(observers)
        self._broken: set[object] = set()
        self._tasks = Supervisor(pace.wire, draw=pace.draw)
        self._stall: Alarm | None = None
        self._parents = parents
        self._parent_memory = ParentMemory(
            limits=surroundings.limits,
            lapsed=fallen_before(surroundings.limits, pace.city.monotonic()),
        )
        self._parent_alarms: tuple[Alarm, ...] = ()
        self.counters = LoopCounters()
        self.view: TickView[State] | None = None
        """Of the newest tick."""

    async def __aenter__(self) -> Self:
        self._tasks.watch("control loop", self._run)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)

    def on_tick(self, observer: Observer[State]) -> None:
        """Call ``observer`` after every tick; it must be quick; what it raises is only logged."""
        self._observers.append(observer)

    async def _run(self, health: Health) -> None:
        city, tick_s = self._pace.city, self._pace.timing.tick_s
        due_s, skipped_s = city.monotonic(), 0.0
        while True:
            await city.sleep(due_s - city.monotonic())
            await self.tick(late_s=city.monotonic() - due_s + skipped_s)
            health.good()
            turns = max(math.floor((city.monotonic() - due_s) / tick_s + 1e-6) + 1, 1)
            self._note_skipped(turns - 1)
            skipped_s = (turns - 1) * tick_s
            due_s += turns * tick_s

    async def tick(self, *, late_s: float = 0.0) -> TickView[State]:
        """One turn: freeze, judge, decide, hand over, tell."""
        around, city, wire = self._around, self._pace.city, self._pace.wire
        began_s, aside_s = wire.monotonic(), 0.0
        self.counters.ticks += 1
        snapshot = around.table.freeze(self.counters.ticks, city.now(), city.monotonic())
        around.outcomes.observe(snapshot)
        around.shadows.observe(snapshot)
        news = around.outcomes.news()
        proposals, facts = around.proposing.all(snapshot.now_s), around.facts.frozen()
        handed = self._hand_down(proposals, snapshot.now_s)
        failed: dict[PoolId, Alarm] = {}
        done: list[TickResult[State]] = []
        for pool_id, pool in self._pools.items():
            pool.fit(facts)
            pool.hear(news)
            try:
                done.append(pool.tick(snapshot, around.guidance, proposals, handed[pool_id]))
            except Exception as fault:  # noqa: BLE001 - one pool's trouble is its own
                failed[pool_id] = self._failed(pool_id, fault)
            if len(self._pools) > 1:
                yielded_s = wire.monotonic()
                await asyncio.sleep(0)  # devices are read between two pools
                aside_s += wire.monotonic() - yielded_s
        self._hand_over(done)
        around.rehearsals.run(pool for id_, pool in self._pools.items() if id_ not in failed)
        results = {id_: pool.result for id_, pool in self._pools.items() if pool.result is not None}
        self._broken = {key for key in self._broken if key not in self._pools or key in failed}
        self.view = TickView(
            snapshot=snapshot,
            pools=self._pools,
            results=results,
            failed=frozenset(failed),
            alarms=around.board.show(self._alarms(results, failed), snapshot.at),
            took_s=wire.monotonic() - began_s - aside_s,
            late_s=late_s,
            proposals=proposals,
        )
        self._show(self.view)
        return self.view

    def _hand_down(self, proposals: tuple[Proposal, ...], now_s: float) -> Mapping[PoolId, Handed]:
        failed = self.view.failed if self.view is not None else frozenset()
        requests = {
            pool_id: pool.result.request
            for pool_id, pool in self._pools.items()
            if pool_id not in failed and pool.result is not None and pool.result.request is not None
        }
        self._parent_memory, handed, self._parent_alarms = self._parents.hand_down(
            self._parent_memory, proposals, requests, now_s
        )
        return handed

    def _hand_over(self, done: Sequence[TickResult[State]]) -> None:
        gate = self._around.gate
        gate.completed(frozenset(device for result in done for device in result.decided))
        for result in done:
            gate.submit(*result.commands)

    def _alarms(
        self, results: Mapping[PoolId, TickResult[State]], failed: Mapping[PoolId, Alarm]
    ) -> list[Alarm]:
        found = [*failed.values(), *self._around.table.alarms(), *self._around.outcomes.alarms()]
        found.extend(self._around.proposing.alarms())
        found.extend(self._around.rehearsals.alarms())
        found.extend(self._around.guidance.alarms())
        found.extend(self._parent_alarms)
        for result in results.values():
            found.extend(result.alarms)
        return found if self._stall is None else [*found, self._stall]

    def _failed(self, pool: PoolId, fault: Exception) -> Alarm:
        self.counters.failed += 1
        if pool not in self._broken:
            self._broken.add(pool)
            _log.error("tick failed", pool=pool, exc_info=fault)
        return Alarm(code="TICK_FAILED", subject=pool, text=repr(fault))

    def _note_skipped(self, skipped: int) -> None:
        self.counters.skipped += skipped
        lost_s = skipped * self._pace.timing.tick_s
        text = f"{skipped} ticks, {lost_s:g} city seconds, were skipped"
        self._stall = Alarm(code="LOOP_STALL", subject="loop", text=text) if skipped else None

    def _show(self, view: TickView[State]) -> None:
        for observer in self._observers:
            try:
                observer(view)
            except Exception as fault:  # noqa: BLE001 - whoever only watches must not break the loop
                self.counters.observer_failures += 1
                if observer not in self._broken:
                    self._broken.add(observer)
                    _log.error("observer failed", observer=repr(observer), exc_info=fault)
