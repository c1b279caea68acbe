"""The composition root: everything that lives while a portfolio is under control."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from vpp.config.city import City
from vpp.control import shadowing, tick
from vpp.control.control_room import Brain, ControlRoom, OnExit, Services
from vpp.control.inputs import Timing
from vpp.control.pace import Pace
from vpp.control.replanning import Replanner
from vpp.control.supervision import Health as TaskHealth
from vpp.control.supervision import Supervisor
from vpp.control.tenure import Tenure
from vpp.domain.audit import AuditRecord, Event
from vpp.domain.devices import Authority
from vpp.domain.errors import AlreadyRunning, VppError
from vpp.domain.portfolio import Portfolio
from vpp.ports import plugins
from vpp.ports.clock import Clock, Clocks
from vpp.ports.sources import SourceRequest
from vpp.runtime.audit_file import NAME as AUDIT
from vpp.runtime.audit_log import AuditLog
from vpp.runtime.clocks import speed_of
from vpp.runtime.collector import settled
from vpp.runtime.command_socket import CommandSocket
from vpp.runtime.daemon import Daemon
from vpp.runtime.desk import Desk
from vpp.runtime.history_sqlite import SqliteHistory
from vpp.runtime.lease import hold
from vpp.runtime.links import check_watchdogs
from vpp.runtime.live_state import MemoryLiveState, RedisLiveState
from vpp.runtime.losses import losses
from vpp.runtime.memory_file import NAME as MEMORY
from vpp.runtime.memory_file import Memory
from vpp.runtime.one_plan import HISTORY
from vpp.runtime.outside import REAL, WORKER_LOG, Options, Outside
from vpp.runtime.price_watch import PriceWatch
from vpp.runtime.reason_log import NAME as REASONS
from vpp.runtime.reason_log import ReasonLog
from vpp.runtime.scorekeeper import Scorekeeper
from vpp.runtime.source_plugins import open_sources
from vpp.runtime.weather import kept_weather


@asynccontextmanager
async def running(
    city: City, options: Options, clocks: Clocks, outside: Outside = REAL
) -> AsyncIterator[Daemon]:
    """Take the portfolio under control, until left; then every device is left as the options say.

    Raises:
        AlreadyRunning: another daemon controls this portfolio.
        ConfigurationError: an adapter refuses its options, or a plugin is not installed.
    """
    portfolio, timing = city.portfolio, _timing(clocks, options)
    plugins.check(
        (plugins.PLANNERS, options.planner),
        (plugins.FORECASTERS, options.forecaster_of(portfolio)),
    )
    pace = Pace(
        clocks=clocks, timing=timing, speed=lambda: speed_of(clocks.city), draw=outside.draw
    )
    async with AsyncExitStack() as stack:
        lease = stack.enter_context(hold(options.state_dir, portfolio=portfolio.id))
        audit = await stack.enter_async_context(
            outside.audit(options.state_dir / AUDIT, ours=lease.stands)
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
        ports = await stack.enter_async_context(outside.devices(city, clocks, lease.epoch))
        check_watchdogs(city, ports, timing)
        replanner = Replanner(
            portfolio,
            planning=await stack.enter_async_context(outside.planning(options, portfolio)),
            history=history,
            clocks=clocks,
            shared_limits=tuple(s for port in ports.values() for s in port.facts.shared_limits),
            rhythm=options.rhythm,
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
            judge=lambda day: outside.judge(day, options.state_dir / WORKER_LOG),
            city=clocks.city,
            state_dir=options.state_dir,
        )
        daemon = Daemon(city, room, replanner, keeper, store, lease)
        Desk(portfolio, room.authority, lambda: daemon.view).open(commands)
        tasks = await stack.enter_async_context(Supervisor(clocks.wire))
        _keep(daemon, tasks, reasons, clocks.wire)
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


def _keep(daemon: Daemon, tasks: Supervisor, reasons: ReasonLog, wire: Clock) -> None:
    """What every tick leaves for others to read."""
    daemon.on_view(reasons.observe)
    tasks.watch("prices", _work(PriceWatch(daemon.portfolio, daemon.reprice, wire=wire).run))
    tasks.watch("live state", _work(daemon.mirror))
    tasks.watch("score", daemon.keeper.run)
    tasks.watch("reasons", _work(reasons.run))


def _work(run: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[TaskHealth], Any]:
    async def work(_: TaskHealth) -> None:
        await run()

    return work


def _timing(clocks: Clocks, options: Options) -> Timing:
    return Timing.at_speed(options.speed or speed_of(clocks.city), options.wire_period_s)


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
