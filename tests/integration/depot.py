"""Charging stations on a broker, our adapters on real sockets, and the loop around them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from optimizer.planner import LpPlanner
from simulators.city_file import parse_city
from simulators.physics.charger import ChargerUnit, Session
from simulators.wire import BrokerAddress, SimulatedCity
from simulators.wire.free_ports import free_base_port
from tests.keeping_pace import keep_pace
from tests.ticked import ticked_until
from tests.vpp.control.living.fakes import FakeAudit
from tests.vpp.runtime.remembering import Remembering
from tests.vpp.scenarios.street import InProcess
from vpp.config.city import load_city
from vpp.control import state, tick
from vpp.control.control_room import Brain, ControlRoom, Services
from vpp.control.inputs import Timing
from vpp.control.loop import TickView
from vpp.control.occasions import Rhythm
from vpp.control.pace import Pace
from vpp.control.replanning import Replanner
from vpp.control.state import ControlState
from vpp.control.tenure import Tenure
from vpp.domain.ids import AssetId, DeviceId, PoolId
from vpp.domain.plan import Plan
from vpp.domain.problem import Problem
from vpp.domain.proposal import Proposal, Rank, Scope, ScopeKind
from vpp.ports.clock import Clocks
from vpp.runtime.clocks import CityClock, WireClock
from vpp.runtime.links import open_links

CITY = Path(__file__).with_name("depot.yaml")
SPEED, TICK_WIRE_S = 60.0, 0.2
PATIENCE_S, PORTS, POOL = 80.0, 2, PoolId("city")
CARS = ("cp1", "cp2", "cp3")


class BesideTheLoop(InProcess):
    """Plans in a thread, so that no socket waits for it."""

    async def plan(self, problem: Problem) -> Plan:
        self.problems.append(problem)
        return await asyncio.to_thread(LpPlanner().plan, problem)


@dataclass
class Operator:
    """Of the grid: holds the yard to a power."""

    limit_kw: float | None = None

    def proposals(self) -> Sequence[Proposal]:
        if self.limit_kw is None:
            return []
        scope = Scope(kind=ScopeKind.SITE, id="yard")
        return [
            Proposal(
                id="limit", scope=scope, owner="grid", rank=Rank.GRID_OPERATOR, reason="test",
                hi_kw=self.limit_kw, valid_until_s=float("inf"),
            )
        ]  # fmt: skip


class Reluctant(Session):
    """A car that draws less than its station offers."""

    most_w = 4600.0

    def accepts_w(self) -> float:
        return min(super().accepts_w(), self.most_w)


@dataclass
class Depot:
    """What a test sees of it."""

    sim: SimulatedCity
    room: ControlRoom[ControlState]
    audit: FakeAudit
    planning: BesideTheLoop
    operator: Operator
    views: list[TickView[ControlState]] = field(default_factory=list)

    def unit(self, car: str) -> ChargerUnit:
        unit = self.sim.world.asset[car]
        assert isinstance(unit, ChargerUnit)
        return unit

    def plug(
        self, car: str, need_kwh: float, *, hours: float = 8.0, silent: bool = False,
        kind: type[Session] = Session,
    ) -> None:  # fmt: skip
        """A car comes; ``silent``: it announces neither need nor departure."""
        now = self.sim.world.now
        departure = now + timedelta(hours=hours)
        self.unit(car).session = kind(
            id=f"{car}-{self.sim.world.now_s:.0f}", arrival=now, departure=departure,
            announced_departure=None if silent else departure,
            announced_need_wh=None if silent else 1000 * need_kwh,
            need_wh=1000 * need_kwh, min_w=4100.0, max_w=11000.0, phases=3,
        )  # fmt: skip

    async def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait for something that holds after a tick."""
        await ticked_until(self.room, true, what, PATIENCE_S)

    async def for_s(self, city_s: float) -> None:
        """Let so many city seconds pass in ticks."""
        end_s = self.views[-1].snapshot.now_s + city_s
        await self.until(lambda: self.views[-1].snapshot.now_s >= end_s, "the clock")

    def online(self, device: str) -> bool:
        return self.views[-1].snapshot.devices[DeviceId(device)].online

    def known(self, view: TickView[ControlState], car: str) -> bool:
        """Whether its session is known in that tick."""
        return view.snapshot.sessions.get(AssetId(car)) is not None

    def told_kw(self, view: TickView[ControlState], car: str) -> float:
        at = view.snapshot.layout.asset_at[AssetId(car)]
        return float(view.results[POOL].wanted_kw[at])

    def true_kw(self, car: str) -> float:
        """What the physics says."""
        return self.unit(car).power_w / 1000


@asynccontextmanager
async def depot(broker: BrokerAddress | None = None) -> AsyncIterator[Depot]:
    """Everything running and all stations heard; no car is there."""
    base = broker.port if broker else free_base_port(range(PORTS))
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        simulated = parse_city(CITY.read_text(), CITY.name, base)
        sim = SimulatedCity(simulated, speed=SPEED, broker=broker)
        await stack.enter_async_context(sim)
        made = await _controlled(sim, base, home, stack)
        stations = ("st1", "st2", "st3")
        await made.until(lambda: all(map(made.online, stations)), "the stations")
        yield made


async def _controlled(sim: SimulatedCity, base: int, home: Path, stack: AsyncExitStack) -> Depot:
    city = load_city(CITY, base_port=base)
    wire = WireClock()
    clock = CityClock(wire, speed=SPEED, start=sim.clock.now)
    clocks = Clocks(city=clock, wire=wire)
    links = await open_links(city, clocks, stack, epoch=1)
    portfolio, planning, history = city.portfolio, BesideTheLoop(), Remembering()
    replanner = Replanner(
        portfolio, planning=planning, history=history, clocks=clocks,
        rhythm=Rhythm(horizon_s=4 * 3600.0),
    )  # fmt: skip
    operator, audit = Operator(), FakeAudit()
    services = Services(
        audit=audit, history=history, guidance=replanner, state_dir=home,
        tenure=Tenure(epoch=1), sources={"grid": operator},
    )  # fmt: skip
    brain = Brain(step=tick.step, start=lambda model, now_s: state.start(model.compiled, now_s))
    pace = Pace(
        clocks=clocks, timing=Timing.at_speed(SPEED, TICK_WIRE_S), speed=lambda: clock.speed
    )
    ports = {d.id: links[d.link].port(d.id) for d in portfolio.devices.values()}
    room = ControlRoom(portfolio, ports, services, brain, pace)
    keep_pace(room, clock, sim)
    made = Depot(sim, room, audit, planning, operator)
    room.loop.on_tick(made.views.append)
    room.loop.on_tick(lambda view: replanner.observe(view.snapshot, view.held))
    await stack.enter_async_context(room)
    replans = asyncio.create_task(replanner.run())
    stack.callback(replans.cancel)
    return made
