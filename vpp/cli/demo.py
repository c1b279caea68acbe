"""``vpp demo``: the simulated city and the daemon, side by side."""

import asyncio
import contextlib
import math
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from vpp.backtest.data import read_recording
from vpp.cli.baselines import Baseline, baselines
from vpp.cli.console import console as wide_console
from vpp.cli.demo_screen import Screen
from vpp.cli.farewell import farewell
from vpp.cli.named import OtherCityFile, Picture
from vpp.cli.past import past_means
from vpp.cli.run import Address, address_of, first_of, on_fast_loop, stop_on_signals
from vpp.cli.spans import local, moment, seconds
from vpp.cli.streams import never_wait
from vpp.config.city import City, load_city
from vpp.config.examples import example_city
from vpp.domain.errors import ConfigurationError, VppError
from vpp.domain.ids import PortfolioId
from vpp.ports.clock import Clocks
from vpp.runtime.clocks import FASTEST, CityClock, WireClock
from vpp.runtime.composition import running
from vpp.runtime.daemon import Daemon
from vpp.runtime.history_sqlite import SqliteHistory
from vpp.runtime.logs import to_file
from vpp.runtime.one_plan import HISTORY
from vpp.runtime.outside import Options
from vpp.runtime.simulated_city import SimulatedCity, export, simulators
from vpp.runtime.state_home import state_dir
from vpp.web.health import application
from vpp.web.server import serving

PAST = timedelta(days=8)
SETTLING_S = 10.0
LEAST_SCORE, LONGEST_SCORE = timedelta(days=7), timedelta(days=60)
"""Of the demo's own time, for which the score knows what others would have done."""
SCORE_COLUMNS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """What the user asked for."""

    file: Path
    speed: float
    start: datetime
    lasts_s: float | None
    http: Address | None
    picture: Path | None

    @property
    def scored(self) -> timedelta:
        """How long the score has rows to compare with: as long as the demo was asked to last."""
        lasts_s = (self.lasts_s or 0.0) + SETTLING_S
        return min(LEAST_SCORE + timedelta(seconds=lasts_s * self.speed), LONGEST_SCORE)

    @property
    def slow(self) -> float:
        """Speed until every device is read and a plan is there: a tick takes a second."""
        return max(self.speed / 10, 1.0)


def demo(
    file: OtherCityFile = None,
    speed: Annotated[
        str, typer.Option("--speed", help=f"City seconds per real second, 1 to {FASTEST:g}.")
    ] = "60",
    lasts: Annotated[
        str | None, typer.Option("--for", help="End by itself after this real time, as 60s.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            help="Begin then, as 2026-01-12T07:30 in the city's time or with an offset, instead of"
            " at the city's own sunrise.",
        ),
    ] = None,
    http: Annotated[
        str, typer.Option("--http", metavar="HOST:PORT", help="Serve health and metrics there.")
    ] = "off",
    picture: Picture = None,
) -> None:
    """Start the simulated city and run it as one plant, with a live view and a score.

    Real sockets all the way: Modbus TCP to batteries, roofs and meters, MQTT to charging stations.
    Ctrl-C leaves every device in its safe state.

    Example: vpp demo --speed 120 --for 60s
    """
    never_wait()
    asked_speed = _speed(speed)
    with farewell() as begun:
        path = file or example_city()
        city = load_city(path)
        show = Show(
            file=path,
            speed=asked_speed,
            start=_start(start, city),
            lasts_s=seconds(lasts, "--for") if lasts else None,
            http=address_of(http),
            picture=picture,
        )
        on_fast_loop(_demo(show, begun))


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 1 <= speed <= FASTEST:
        problem = f"{text!r} is no speed from 1 to {FASTEST:g}"
        raise typer.BadParameter(problem, param_hint="'--speed'")
    return speed


def _start(asked: str | None, city: City) -> datetime:
    if asked is not None:
        return local(moment(asked, "--start"), city.portfolio.time_zone, "--start")
    return _own_start(city)


def _own_start(city: City) -> datetime:
    given = city.simulation.get("start")
    if isinstance(given, str):
        with contextlib.suppress(ValueError):
            given = datetime.fromisoformat(given)
    if not isinstance(given, datetime) or given.tzinfo is None:
        problem, remedy = "is missing or has no offset", "as 2026-07-15T05:20:00+09:00, or --start"
        raise ConfigurationError([city.mistake("simulation.start", problem, remedy)])
    return given


async def _demo(show: Show, begun: Callable[[Daemon], None]) -> None:
    stop, console = stop_on_signals(), wide_console(SCORE_COLUMNS)
    try:
        await _performed(show, begun, stop, console)
    except TimeoutError:
        if not stop.is_set():
            raise
        console.print("stopped before anything was controlled")


async def _performed(
    show: Show, begun: Callable[[Daemon], None], stop: asyncio.Event, console: Console
) -> None:
    async with AsyncExitStack() as stack:
        async with _unless(stop):
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vpp-demo-")))
            with console.status(
                "working out the city's last eight days, and its next ones without control"
            ):
                await _export(show, scratch)
            with console.status("starting the simulated city"):
                simulated = await stack.enter_async_context(_simulated(show))
            city = _city(show, simulated.ready)
            home = state_dir(city.portfolio.id)
            stack.callback(shutil.rmtree, home, ignore_errors=True)
            to_file(home / "demo.log")
            others = await _others(city, home, scratch)
        daemon = await stack.enter_async_context(
            running(city, Options(state_dir=home, speed=show.speed), _clocks(show, simulated.ready))
        )
        begun(daemon)
        daemon.on_speed(simulated.change_speed)
        screen = Screen(console, others)
        daemon.on_view(screen.follow)
        if show.http is not None:
            await stack.enter_async_context(serving(application(daemon), *show.http))
        with console.status("reading every device before the city's time begins to run fast"):
            await _settled(daemon, stop)
        daemon.go_at(show.speed)
        with screen.shown():
            daemon.on_view(screen.show)
            await first_of(stop, daemon.over, simulated.ended, timeout_s=show.lasts_s)
        lost = simulated.ended.is_set()
    screen.final()
    if show.picture is not None:
        screen.draw(show.picture)
    if lost:
        raise VppError("the simulated city ended by itself: its devices are gone")


@asynccontextmanager
async def _unless(stop: asyncio.Event) -> AsyncIterator[None]:
    """Give up what is inside as soon as ``stop`` is set.

    Raises:
        TimeoutError: it was given up.
    """
    async with asyncio.timeout(None) as patience:

        async def end() -> None:
            await stop.wait()
            patience.reschedule(asyncio.get_running_loop().time())

        ending = asyncio.create_task(end())
        try:
            yield
        finally:
            ending.cancel()


async def _settled(daemon: Daemon, stop: asyncio.Event) -> None:
    """Wait until every device is heard and every pool has a plan, for a bounded time."""
    ready = asyncio.Event()
    daemon.on_view(lambda _: ready.set() if daemon.planned and not daemon.lacks() else None)
    await first_of(ready, stop, timeout_s=SETTLING_S)


async def _export(show: Show, scratch: Path) -> None:
    """The world's truth before the start, and from the start on."""
    spans = {
        "past": (show.start - PAST, show.start),
        "ahead": (show.start, show.start + show.scored),
    }
    for name, (first, last) in spans.items():
        edges = (_quarter(first), _quarter(last))
        await export(
            show.file, "--export", str(scratch / name),
            "--from", edges[0].isoformat(), "--to", edges[1].isoformat(),
        )  # fmt: skip


def _quarter(at: datetime) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // 900 * 900, at.tzinfo)


def _simulated(show: Show) -> contextlib.AbstractAsyncContextManager[SimulatedCity]:
    return simulators(
        show.file, "--base-port", "0", "--speed", f"{show.slow:g}",
        "--start", show.start.isoformat(),
    )  # fmt: skip


def _city(show: Show, ready: Mapping[str, Any]) -> City:
    """The city at the ports it listens on, under an id of its own, so that demos do not meet."""
    base_port = int(ready["base_port"])
    city = load_city(show.file, base_port=base_port)
    own = PortfolioId(f"{city.portfolio.id}-demo-{base_port}")
    return replace(city, portfolio=replace(city.portfolio, id=own))


def _clocks(show: Show, ready: Mapping[str, Any]) -> Clocks:
    """Both clocks, the city's in step with the simulators'."""
    since_s = time.monotonic() - float(ready["monotonic_s"])
    passed = timedelta(seconds=float(ready["elapsed_s"]) + since_s * show.slow)
    wire = WireClock()
    return Clocks(city=CityClock(wire, speed=show.slow, start=show.start + passed), wire=wire)


async def _others(city: City, home: Path, scratch: Path) -> tuple[Baseline, ...]:
    """Bring the past into the history; what other controllers will have reached."""
    past = await asyncio.to_thread(read_recording, scratch / "past")
    async with SqliteHistory(home / HISTORY) as history:
        await history.append(past_means(past, city.portfolio))
    ahead = await asyncio.to_thread(read_recording, scratch / "ahead")
    return await asyncio.to_thread(baselines, ahead, city.portfolio)
