"""``vpp run``: a city under control, day and night."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Annotated, Any, TypeVar

import structlog
import typer
from rich.live import Live

from vpp.cli.check import BasePort
from vpp.cli.console import can_draw, console
from vpp.cli.exits import errors
from vpp.cli.farewell import farewell
from vpp.cli.live_view import ScoreRow, live_view
from vpp.cli.named import CityFile, Forecaster, Planner
from vpp.cli.spans import seconds
from vpp.cli.streams import never_wait
from vpp.config.city import City, load_city
from vpp.control.control_room import OnExit
from vpp.ports.clock import Clocks
from vpp.runtime.clocks import CityClock, WireClock
from vpp.runtime.composition import running
from vpp.runtime.daemon import Daemon
from vpp.runtime.lease import holder
from vpp.runtime.logs import to_file
from vpp.runtime.outlet import is_behind
from vpp.runtime.outside import Options
from vpp.runtime.score import Reached
from vpp.runtime.state_home import state_dir
from vpp.runtime.view import View
from vpp.web.health import application
from vpp.web.server import require_free, serving

_log = structlog.get_logger(__name__)
Result = TypeVar("Result")
Address = tuple[str, int]
LOG = "run.log"
"""In the state directory, while the live view has the terminal."""


def run(
    file: CityFile,
    observe: Annotated[
        bool, typer.Option("--observe", help="Run the whole loop; write not one byte.")
    ] = False,
    on_exit: Annotated[
        OnExit,
        typer.Option(
            "--on-exit",
            help="safe: every device to its safe state; release: setpoints run to their expiry.",
        ),
    ] = OnExit.SAFE,
    lasts: Annotated[
        str | None, typer.Option("--for", help="End by itself after this time, as 10min.")
    ] = None,
    http: Annotated[
        str, typer.Option("--http", metavar="HOST:PORT", help="Health and metrics; off: none.")
    ] = "127.0.0.1:9464",
    redis: Annotated[
        str | None, typer.Option("--redis", metavar="URL", help="Mirror the live state to Redis.")
    ] = None,
    planner: Planner = "lp",
    forecaster: Forecaster = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help=f"Show the live view here; log to {LOG} beside the record."),
    ] = False,
    base_port: BasePort = None,
) -> None:
    """Run a city's batteries, chargers and sun as one plant until Ctrl-C, SIGTERM or SIGHUP.

    On the way out every device is brought to its safe state and read back, within 5 s.

    Example: vpp run city.yaml --watch
    """
    never_wait()
    address, lasts_s = address_of(http), None if lasts is None else seconds(lasts, "--for")
    with farewell(observe=observe) as begun:
        city = load_city(file, base_port=base_port)
        wire = WireClock()
        clocks = Clocks(city=CityClock(wire), wire=wire)
        options = Options(
            state_dir=state_dir(city.portfolio.id),
            observe=observe,
            on_exit=on_exit,
            planner=planner,
            forecaster=forecaster,
            redis_url=redis,
            wire_period_s=1.0,
        )
        if address is not None and holder(options.state_dir) is None:
            require_free(*address)  # no device is touched for nothing
        if watch := watch and _can_watch():
            to_file(options.state_dir / LOG)
        on_fast_loop(_run(begun, city, options, clocks, address, lasts_s, watch=watch))


async def _run(
    begun: Callable[[Daemon], None],
    city: City,
    options: Options,
    clocks: Clocks,
    http: Address | None,
    lasts_s: float | None,
    *,
    watch: bool,
) -> None:
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        daemon = await stack.enter_async_context(running(city, options, clocks))
        begun(daemon)
        health = "off"
        if http is not None:
            port = await stack.enter_async_context(serving(application(daemon), *http))
            health = f"http://{http[0]}:{port}"
        if watch:
            stack.enter_context(_watching(daemon))
        _tell_begun(city, options, health)
        await first_of(stop, daemon.over, timeout_s=lasts_s)
        endings = {"a signal": stop, "a fault": daemon.over}
        why = next((why for why, event in endings.items() if event.is_set()), "--for")
        _log.info("stopping", portfolio=city.portfolio.id, why=why)


def _tell_begun(city: City, options: Options, health: str) -> None:
    of = city.portfolio
    _log.info(
        "running", portfolio=of.id, devices=len(of.devices), assets=len(of.assets),
        writes="none: --observe" if options.observe else "as each device's authority allows",
        planner=options.planner, forecast=options.forecaster or of.forecaster, health=health,
        record=str(options.state_dir),
    )  # fmt: skip


def address_of(text: str) -> Address | None:
    """Host and port; None for ``off``."""
    host, _, port = text.rpartition(":")
    if text == "off":
        return None
    if not (host and port.isascii() and port.isdigit() and int(port) <= 65535):
        problem = f"{text!r} is no address; write 127.0.0.1:9464, or off"
        raise typer.BadParameter(problem, param_hint="'--http'")
    return host, int(port)


def _can_watch() -> bool:
    if can_draw(console()):
        return True
    errors.print("no live view: this is no terminal that can be drawn on; what is logged follows")
    return False


def _watching(daemon: Daemon) -> Live:
    live = Live(console=console(), auto_refresh=False, screen=True)

    def show(view: View) -> None:
        if is_behind(live.console.file):
            return
        width, height = live.console.size
        shown = live_view(view, [reached_row(view)], width=width, height=height)
        live.update(shown, refresh=True)

    daemon.on_view(show)
    return live


def reached_row(view: View) -> ScoreRow:
    return score_row("this daemon", view.reached)


def score_row(controller: str, reached: Reached | None) -> ScoreRow:
    if reached is None:
        return ScoreRow(controller=controller)
    return ScoreRow(
        controller=controller,
        self_consumption=reached.self_consumption,
        self_sufficiency=reached.self_sufficiency,
        import_kwh=reached.import_kwh,
        peak_kw=reached.peak_kw,
        early=reached.early,
    )


def stop_on_signals() -> asyncio.Event:
    """An event that SIGINT, SIGTERM and SIGHUP set: Ctrl-C, a manager, a terminal that was closed.

    Leaving is bounded, so a second one changes nothing, not even after the loop has ended. Where
    the parent ignores SIGHUP, as ``nohup`` does, it stays ignored.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)

    def heard(*_: object) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    for number in signals:
        signal.signal(number, heard)
    return stop


async def first_of(*events: asyncio.Event, timeout_s: float | None) -> None:
    """Wait until one of them is set, or so long."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def on_fast_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)
