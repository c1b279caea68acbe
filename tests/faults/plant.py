"""The whole control room, real adapters and real sockets, against a city that goes wrong."""

import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from simulators.city_file import parse_city
from simulators.wire import BrokerAddress, SimulatedCity
from simulators.wire.free_ports import free_base_port
from tests.keeping_pace import keep_pace
from tests.ticked import ticked_until
from tests.vpp.control.living.fakes import FakeAudit, FakeHistory, NoGuidance
from vpp.config.city import load_city
from vpp.control import shadowing, state, tick
from vpp.control.control_room import Brain, ControlRoom, Services
from vpp.control.dispatch import Dispatch
from vpp.control.inputs import Timing
from vpp.control.loop import TickView
from vpp.control.pace import Pace
from vpp.control.state import ControlState
from vpp.control.tenure import Tenure
from vpp.domain.audit import Event
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import Outcome
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Proposal, Rank, Scope, ScopeKind
from vpp.ports.clock import Clocks
from vpp.runtime.clocks import CityClock, WireClock
from vpp.runtime.links import open_links

CITY = Path(__file__).with_name("city.yaml")
SPEED, TICK_WIRE_S = 20.0, 0.2
HEARTBEAT = 40372
"""Register of the simulated batteries that counts our heartbeats."""
PATIENCE_S = 80.0
PORTS = 25
"""Of the city, from its base port on."""


@dataclass
class Overrides:
    """An operator who wants a power from every battery."""

    wishes_kw: dict[AssetId, float] = field(default_factory=dict)

    def proposals(self) -> Sequence[Proposal]:
        return [
            Proposal(
                id=f"override-{asset}",
                scope=Scope(kind=ScopeKind.ASSET, id=asset),
                owner="operator",
                rank=Rank.OVERRIDE,
                wish_kw=power_kw,
                reason="test",
                valid_until_s=float("inf"),
            )
            for asset, power_kw in self.wishes_kw.items()
        ]


@dataclass
class Plant:
    """What a test sees of it."""

    sim: SimulatedCity
    room: ControlRoom[ControlState]
    portfolio: Portfolio
    audit: FakeAudit
    overrides: Overrides
    views: list[TickView[ControlState]] = field(default_factory=list)
    sent: list[Dispatch] = field(default_factory=list)

    async def until(
        self, true: Callable[[], bool], what: str, within_s: float = PATIENCE_S
    ) -> None:
        """Wait for something that holds after a tick."""
        await ticked_until(self.room, true, what, within_s)

    def online(self, device: str) -> bool:
        return self.views[-1].snapshot.devices[DeviceId(device)].online

    def heard_s(self, device: str) -> float:
        """When it brought something last, city monotonic."""
        return self.views[-1].snapshot.devices[DeviceId(device)].arrived_s

    def heard_all_along(self, device: str, since: int) -> bool:
        """Whether it was online in every tick from this one on, and brought news for most."""
        states = [view.snapshot.devices[DeviceId(device)] for view in self.views[since:]]
        news = sum(one.arrived_s > before.arrived_s for before, one in pairwise(states))
        return all(one.online for one in states) and news > len(states) / 2

    def holds(self, asset: str, power_kw: float) -> bool:
        """Whether it is measured at this power."""
        now_kw = self.views[-1].snapshot.asset(AssetId(asset), Quantity.POWER_KW)
        return now_kw is not None and abs(now_kw - power_kw) < 0.3

    def decided(self, device: str) -> bool:
        return any(device in result.decided for result in self.views[-1].results.values())

    def alarms(self, subject: str, since: int = 0) -> dict[str, list[str]]:
        """Raised and cleared, by code, from a position of the record on."""
        found: dict[str, list[str]] = {}
        for record in self.audit.records[since:]:
            if record.event is Event.ALARM and record.subject == subject:
                found.setdefault(record.why.partition(":")[0], []).append(record.outcome)
        return found

    def outcomes(self, asset: str, since: int = 0) -> list[str]:
        """Ends of its commands, as recorded."""
        records = self.audit.records[since:]
        return [r.outcome for r in records if r.event is Event.OUTCOME and r.subject == asset]

    def true_kw(self, asset: str) -> float:
        """What the physics says, whatever is reported."""
        return float(self.sim.world.asset[asset].power_w) / 1000

    def left(self, device: str) -> int:
        """Sends to it that left, or may have; what it answered with a refusal left too."""
        return sum(
            one.command.device == device
            and (one.left or (one.outcome is Outcome.REFUSED and not one.rule))
            for one in self.sent
        )

    def repeats(self, device: str) -> Mapping[object, int]:
        """Registers that were written more often than anything was sent; empty if none was."""
        written = Counter(w.where for w in self.sim.write_log.of(device) if w.where != HEARTBEAT)
        most = self.left(device)
        return {where: count for where, count in written.items() if count > most}


@asynccontextmanager
async def plant(broker: BrokerAddress | None = None) -> AsyncIterator[Plant]:
    """Everything running, and every battery doing what the operator wants, 2 kW.

    Without a broker the simulated city brings its own.
    """
    base = broker.port if broker else free_base_port(range(PORTS))
    city = parse_city(CITY.read_text(), CITY.name, base)
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sim = SimulatedCity(city, speed=SPEED, broker=broker)
        await stack.enter_async_context(sim)
        made = await _controlled(sim, base, home, stack)
        batteries = list(made.overrides.wishes_kw)
        await made.until(lambda: all(made.holds(one, 2.0) for one in batteries), "a quiet start")
        yield made


async def _controlled(sim: SimulatedCity, base: int, home: Path, stack: AsyncExitStack) -> Plant:
    city = load_city(CITY, base_port=base)
    wire = WireClock()
    clock = CityClock(wire, speed=SPEED, start=sim.clock.now)
    clocks = Clocks(city=clock, wire=wire)
    links = await open_links(city, clocks, stack, epoch=1)
    portfolio = city.portfolio
    batteries = [asset for asset in portfolio.writer_of if asset.startswith("bat")]
    overrides = Overrides(dict.fromkeys(batteries, 2.0))
    audit = FakeAudit()
    room = ControlRoom(
        portfolio,
        {d.id: links[d.link].port(d.id) for d in portfolio.devices.values()},
        Services(
            audit=audit,
            history=FakeHistory(),
            guidance=NoGuidance(),
            state_dir=home,
            tenure=Tenure(epoch=1),
            sources={"operator": overrides},
        ),
        Brain(
            step=tick.step,
            start=lambda model, now_s: state.start(model.compiled, now_s),
            rehearse=shadowing.rehearse,
        ),
        Pace(clocks=clocks, timing=Timing.at_speed(SPEED, TICK_WIRE_S), speed=lambda: clock.speed),
    )
    keep_pace(room, clock, sim)
    made = Plant(sim, room, portfolio, audit, overrides)
    room.loop.on_tick(made.views.append)
    room.gate.listen(made.sent.append)
    await stack.enter_async_context(room)
    return made
