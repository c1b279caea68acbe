"""The composition root: everything that lives while a portfolio is under control."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from vpp.config.city import City
from vpp.control import shadowing, tick
from vpp.control.control_room import Brain, ControlRoom, OnExit, Services
from vpp.control.inputs import Timing
from vpp.control.loop import TickView
from vpp.control.pace import Pace
from vpp.control.parting import Left
from vpp.control.replanning import Replanner, Rhythm
from vpp.control.state import ControlState
from vpp.control.supervision import Health as TaskHealth
from vpp.control.supervision import Supervisor
from vpp.control.tenure import Tenure
from vpp.domain.audit import AuditRecord, Event
from vpp.domain.devices import Authority
from vpp.domain.errors import AlreadyRunning, InvariantError, VppError
from vpp.domain.portfolio import Portfolio
from vpp.ports import plugins
from vpp.ports.clock import Clocks
from vpp.ports.sources import SourceRequest
from vpp.ports.store import LiveState
from vpp.runtime.audit_file import NAME as AUDIT
from vpp.runtime.audit_log import AuditLog
from vpp.runtime.clocks import CityClock, Governor
from vpp.runtime.collector import settled
from vpp.runtime.command_socket import CommandSocket
from vpp.runtime.day_metrics import days
from vpp.runtime.desk import Desk
from vpp.runtime.history_sqlite import SqliteHistory
from vpp.runtime.judge_process import judged
from vpp.runtime.lease import Lease, hold
from vpp.runtime.links import check_watchdogs, open_links
from vpp.runtime.live_state import MemoryLiveState, RedisLiveState
from vpp.runtime.losses import losses
from vpp.runtime.memory_file import NAME as MEMORY
from vpp.runtime.memory_file import Memory
from vpp.runtime.metrics import DaemonMetrics, FleetMetrics, standing
from vpp.runtime.mirror import Mirror
from vpp.runtime.model_registry import MODELS
from vpp.runtime.one_plan import HISTORY
from vpp.runtime.reason_log import NAME as REASONS
from vpp.runtime.reason_log import ReasonLog
from vpp.runtime.score import Score
from vpp.runtime.scorekeeper import Scorekeeper
from vpp.runtime.source_plugins import open_sources
from vpp.runtime.view import View
from vpp.runtime.weather import kept_weather
from vpp.runtime.worker import PlanningWorker

_log = structlog.get_logger(__name__)
WORKER_LOG = "worker.log"
"""In the state directory: what planner, forecaster and judge print."""
STALLED_AFTER_S = 10.0
"""A daemon that has completed no tick for so long, on the wire, is not healthy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a daemon is run."""

    state_dir: Path
    observe: bool = False
    """Run the whole loop and write not one byte to any device."""
    on_exit: OnExit = OnExit.SAFE
    planner: str = "lp"
    forecaster: str | None = None
    """None: the city's."""
    redis_url: str | None = None
    speed: float | None = None
    """Speed that ticks, polls and expiries are made for; None: the one the city begins with."""
    wire_period_s: float = 0.1
    """Fastest tick on the wire; at speed 1 a tick is one second."""


class Daemon:
    """A portfolio under control. Made by ``running``; lives until that context is left."""

    def __init__(
        self,
        city: City,
        room: ControlRoom[ControlState],
        replanner: Replanner,
        keeper: Scorekeeper,
        store: LiveState,
        lease: Lease,
    ) -> None:
        self.portfolio, self._lease = city.portfolio, lease
        self._room, self._replanner, self.keeper = room, replanner, keeper
        self._clocks = clocks = room.pace.clocks
        self._score = Score(city.portfolio, room.table.layout)
        self._mirror = Mirror(store, lambda: self.view.fields() if self.view else {})
        self._metrics = DaemonMetrics(room.gate.ledger.written, room.outcomes.ended)
        self._fleet = FleetMetrics(city.portfolio, room.table.layout)
        self._listeners: list[Callable[[View], None]] = []
        self._speed_listeners: list[Callable[[float, float], None]] = []
        self._governor = _governor(clocks, room.pace.timing)
        self._ticked_s = clocks.wire.monotonic()
        self.view: View | None = None
        """Of the newest tick."""
        self.left: Sequence[Left] = ()
        """How devices were left, after the end."""
        self.over = asyncio.Event()
        """Set when it must be left: its right to control is in doubt."""
        room.loop.on_tick(self._observe)
        room.board.hear(keeper.alarms)

    def on_view(self, listener: Callable[[View], None]) -> None:
        """Call ``listener`` with every new view; it must be quick."""
        self._listeners.append(listener)

    def on_speed(self, listener: Callable[[float, float], None]) -> None:
        """Call ``listener`` with every new speed and its beginning, wire monotonic."""
        self._speed_listeners.append(listener)

    def ills(self) -> Sequence[str]:
        silent_s = self._clocks.wire.monotonic() - self._ticked_s
        if silent_s > STALLED_AFTER_S:
            return [f"no tick completed for {silent_s:.0f} s"]
        return []

    @property
    def fault(self) -> VppError | None:
        """Why it is over."""
        return self._lease.fault

    def lacks(self) -> Sequence[str]:
        if self.fault is not None or not self._lease.stands():
            return [str(self.fault or "its lock file cannot be seen: nothing is written")]
        if self.view is None:
            return ["no tick has completed yet"]
        states = self.view.snapshot.devices
        return [f"device {name} is not heard" for name, one in states.items() if not one.online]

    @property
    def planned(self) -> bool:
        """Whether every pool has a plan."""
        return self._replanner.plans.keys() >= self.portfolio.pools.keys()

    def metrics(self) -> bytes:
        self._metrics.speed.set(_speed(self._clocks))
        self._metrics.plan_rounds.set(self._replanner.rounds)
        self._metrics.store_failures.set(self._mirror.failures)
        if self.view is None:
            return self._metrics.text()
        view = self.view
        rungs = {pool: view.rung(pool) for pool in self.portfolio.pools}
        fleet = self._fleet.text(view.snapshot, view.reached, view.shadows)
        scores = days(view.scores, self.portfolio.time_zone)
        return self._metrics.text() + standing(rungs, view.alarms) + fleet + scores

    def _observe(self, seen: TickView[ControlState]) -> None:
        self._ticked_s = self._clocks.wire.monotonic()
        self._look_at_lease()
        self._govern(max(seen.late_s, self._room.sensing.slow_s * _speed(self._clocks)))
        self._replanner.observe(seen.snapshot, seen.held)
        self._score.observe(seen.snapshot)
        self._metrics.tick_seconds.observe(seen.took_s)
        self._metrics.tick_lateness.observe(seen.late_s / self._room.pace.timing.tick_s)
        self._metrics.alarms.set(len(seen.alarms))
        self.view = View(
            portfolio=self.portfolio,
            snapshot=seen.snapshot,
            results=seen.results,
            plans=self._replanner.plans,
            alarms=seen.alarms,
            reached=self._score.reached,
            writes=self._room.gate.ledger.written.total(),
            speed=_speed(self._clocks),
            asked_speed=self._governor.asked if self._governor is not None else 1.0,
            plan_rounds=self._replanner.rounds,
            shadows=self._room.shadows.setpoints,
            scores=self.keeper.newest,
        )
        self._mirror.touch()
        for listener in self._listeners:
            listener(self.view)

    async def mirror(self) -> None:
        """Show the newest view to other processes, until cancelled."""
        await self._mirror.run()

    def _look_at_lease(self) -> None:
        self._lease.stands()
        if self.fault is None or self.over.is_set():
            return
        self.over.set()
        _log.error("the right to control is lost", why=str(self.fault))

    def go_at(self, speed: float) -> None:
        """Let the city run at this speed from now on, and tell who must know.

        Raises:
            InvariantError: the city's time is not ours to change.
        """
        if self._governor is None:
            raise InvariantError("the city's clock has a speed of its own")
        self._governor.go_at(speed)
        self._tell_speed(self._governor.city)

    def _govern(self, late_s: float) -> None:
        governor = self._governor
        if governor is None:
            return
        before = governor.city.speed
        if governor.observe(late_s):
            now, asked = governor.city.speed, governor.asked
            if now < before:
                _log.warning("slower", speed=now, asked=asked, why="ticks or readings were late")
            else:
                _log.info("faster", speed=now, asked=asked, why="they are punctual again")
            self._tell_speed(governor.city)

    def _tell_speed(self, city: CityClock) -> None:
        self._room.sensing.hurry()
        for listener in self._speed_listeners:
            listener(city.speed, city.changed_s)


@asynccontextmanager
async def running(city: City, options: Options, clocks: Clocks) -> AsyncIterator[Daemon]:
    """Take the portfolio under control, until left; then every device is left as the options say.

    Raises:
        AlreadyRunning: another daemon controls this portfolio.
        ConfigurationError: an adapter refuses its options, or a plugin is not installed.
    """
    portfolio, timing = city.portfolio, _timing(clocks, options)
    forecaster = options.forecaster or portfolio.forecaster
    plugins.check((plugins.PLANNERS, options.planner), (plugins.FORECASTERS, forecaster))
    pace = Pace(clocks=clocks, timing=timing, speed=lambda: _speed(clocks))
    async with AsyncExitStack() as stack:
        lease = stack.enter_context(hold(options.state_dir, portfolio=portfolio.id))
        audit = await stack.enter_async_context(
            AuditLog(options.state_dir / AUDIT, ours=lease.stands)
        )
        history = await stack.enter_async_context(
            SqliteHistory(options.state_dir / HISTORY, ours=True)
        )
        reasons = await stack.enter_async_context(ReasonLog(options.state_dir / REASONS, portfolio))
        await stack.enter_async_context(kept_weather(portfolio, history, clocks, options.state_dir))
        commands = await stack.enter_async_context(CommandSocket(options.state_dir))
        sources = await open_sources(
            SourceRequest(
                portfolio=portfolio,
                state_dir=options.state_dir,
                commands=commands,
                city=clocks.city,
                wire=clocks.wire,
                note=audit.note,
            ),
            stack,
        )
        links = await open_links(city, clocks, stack, epoch=lease.epoch)
        ports = {d.id: links[d.link].port(d.id) for d in portfolio.devices.values()}
        check_watchdogs(city, ports, timing)
        replanner = Replanner(
            portfolio,
            planning=await stack.enter_async_context(
                PlanningWorker(
                    planner=options.planner,
                    forecaster=forecaster,
                    log=options.state_dir / WORKER_LOG,
                    models=options.state_dir / MODELS,
                )
            ),
            history=history,
            clocks=clocks,
            shared_limits=tuple(s for port in ports.values() for s in port.facts.shared_limits),
            rhythm=Rhythm(),
        )
        memory = await asyncio.to_thread(
            Memory, options.state_dir / MEMORY, portfolio, pace, ours=lease.stands
        )
        services = Services(
            audit=audit,
            history=history,
            guidance=replanner,
            state_dir=options.state_dir,
            tenure=Tenure(
                epoch=lease.epoch, until_s=lambda: math.inf if lease.stands() else -math.inf
            ),
            sources=sources,
            limits=memory.limits,
        )
        room = ControlRoom(
            portfolio,
            ports,
            services,
            Brain(step=tick.step, start=memory.start, rehearse=shadowing.rehearse),
            pace,
            observe=options.observe,
        )
        room.board.last(*losses(audit=audit, history=history, reasons=reasons, memory=memory))
        store = _store(options, portfolio)
        await stack.enter_async_context(store)
        keeper = Scorekeeper(
            portfolio,
            history=history,
            judge=partial(judged, log=options.state_dir / WORKER_LOG),
            city=clocks.city,
            state_dir=options.state_dir,
        )
        daemon = Daemon(city, room, replanner, keeper, store, lease)
        Desk(portfolio, room.authority, lambda: daemon.view).open(commands)
        tasks = await stack.enter_async_context(Supervisor(clocks.wire))
        _keep(daemon, tasks, reasons)
        await stack.enter_async_context(memory.of(room, ports))
        _lifecycle(
            audit,
            clocks,
            portfolio,
            audit.healed,
            f"started with epoch {lease.epoch}",
            observe=options.observe,
        )
        stack.enter_context(settled())
        async with room:
            tasks.watch("planning", _work(replanner.run))
            try:
                yield daemon
            finally:
                taken = isinstance(lease.fault, AlreadyRunning)
                daemon.left = await room.stop(OnExit.RELEASE if taken else options.on_exit)
                _lifecycle(audit, clocks, portfolio, _stopped(options.on_exit, lease.fault))


def _keep(daemon: Daemon, tasks: Supervisor, reasons: ReasonLog) -> None:
    """What every tick leaves for others to read."""
    daemon.on_view(reasons.observe)
    tasks.watch("live state", _work(daemon.mirror))
    tasks.watch("score", daemon.keeper.run)
    tasks.watch("reasons", _work(reasons.run))


def _work(run: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[TaskHealth], Any]:
    async def work(_: TaskHealth) -> None:
        await run()

    return work


def _speed(clocks: Clocks) -> float:
    return clocks.city.speed if isinstance(clocks.city, CityClock) else 1.0


def _governor(clocks: Clocks, timing: Timing) -> Governor | None:
    city = clocks.city
    return Governor(city, tick_s=timing.tick_s) if isinstance(city, CityClock) else None


def _timing(clocks: Clocks, options: Options) -> Timing:
    return Timing.at_speed(options.speed or _speed(clocks), options.wire_period_s)


def _store(options: Options, portfolio: Portfolio) -> MemoryLiveState | RedisLiveState:
    if options.redis_url:
        return RedisLiveState(options.redis_url, portfolio.id)
    return MemoryLiveState()


def _stopped(on_exit: OnExit, fault: VppError | None) -> str:
    return f"stopped: {on_exit}" if fault is None else f"stopped: {on_exit}: {fault}"


def _lifecycle(
    audit: AuditLog, clocks: Clocks, portfolio: Portfolio, *whys: str, observe: bool = False
) -> None:
    for why in filter(None, whys):
        audit.note(
            AuditRecord(
                event=Event.LIFECYCLE,
                at=clocks.city.now(),
                subject=portfolio.id,
                who="daemon",
                why=why,
                outcome=Authority.OBSERVE if observe else "",
            )
        )
