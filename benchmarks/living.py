"""One whole turn of the control loop at 1,000 devices: python benchmarks/living.py.

Freeze, judge, decide (the real tick), hand over to the write gate, alarms; devices in memory, the
audit log on disk. A turn a second; where all devices are told something new in every turn it is ten
seconds of the city, so that they may be. Printed: p50 and p99 of
a turn, as wall time and as CPU time of its core, the commands of all turns, and the writes that
left within them, when few devices move, when all of them are told something new in every turn, and
that again with a disk whose fsync takes 5 s: there a device is told what the record of its last
command has room for.
"""

import argparse
import asyncio
import math
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vpp.control import state, tick
from vpp.control.control_room import Brain, ControlRoom, Services
from vpp.control.inputs import Alarm, Timing
from vpp.control.pace import Pace
from vpp.control.state import ControlState
from vpp.control.tenure import Tenure
from vpp.domain.arrays import Floats
from vpp.domain.assets import Battery
from vpp.domain.batch import Batch
from vpp.domain.capability import Capability, Form
from vpp.domain.command import Answer, Command
from vpp.domain.devices import Authority, Carried, Device, Identity, Link
from vpp.domain.facts import DeviceFacts
from vpp.domain.forecast import Forecast
from vpp.domain.history import Mean
from vpp.domain.ids import AssetId, DeviceId, LinkId, MeterId, NodeId, PoolId, PortfolioId, SiteId
from vpp.domain.network import GridNode, Limit, Meter, MeterRole, Site
from vpp.domain.order import Goals
from vpp.domain.plan import Plan
from vpp.domain.points import Point, Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Proposal, Rank, Scope, ScopeKind
from vpp.ports.clock import Clock, Clocks
from vpp.ports.device import DevicePort
from vpp.runtime.audit_log import AuditLog
from vpp.runtime.clocks import CityClock, WireClock
from vpp.runtime.collector import settled

NOON = datetime(2026, 6, 21, 3, tzinfo=UTC)
WARM_UP = 12
PER_SITE = 5
READ = (Quantity.POWER_KW, Quantity.SOC, Quantity.SETPOINT_KW)
FACTS = DeviceFacts(timeout_s=1.0)


@dataclass
class MemoryBattery:
    """Follows at once."""

    device: DeviceId
    asset: AssetId
    city: Clock
    setpoint_kw: float = math.nan
    facts: DeviceFacts = FACTS

    def __post_init__(self) -> None:
        self.points = tuple(Point(subject=self.asset, quantity=quantity) for quantity in READ)
        allowed = battery(self.asset).rated
        forms = frozenset({Form.TARGET, Form.STOP, Form.RELEASE})
        able = Capability(forms=forms, allowed=allowed, dead_time_s=1.0, resolution_kw=0.01)
        self.facts = DeviceFacts(
            capabilities={self.asset: able}, timeout_s=1.0, atomic_reversal=True
        )

    async def identify(self) -> Identity:
        return Identity()

    async def send(self, command: Command) -> Answer:
        await asyncio.sleep(0.0)
        self.setpoint_kw = command.setpoint.target_kw
        return Answer(echoed=True)

    @property
    def power_kw(self) -> float:
        return 0.0 if math.isnan(self.setpoint_kw) else self.setpoint_kw

    async def read(self) -> Batch:
        return self.batch()

    def batch(self) -> Batch:
        values = [self.power_kw, 0.5, self.setpoint_kw]
        return _batch(self.device, self.points, values, self.city.monotonic())


@dataclass
class MemoryMeter:
    device: DeviceId
    meter: MeterId
    city: Clock
    facts: DeviceFacts = FACTS
    net_kw: float = 0.0

    def __post_init__(self) -> None:
        self.points = (Point(subject=self.meter, quantity=Quantity.POWER_KW),)

    async def identify(self) -> Identity:
        return Identity()

    async def read(self) -> Batch:
        return self.batch()

    def batch(self) -> Batch:
        return _batch(self.device, self.points, [self.net_kw], self.city.monotonic())


class Restless:
    """An operator who, when asked to be, wants another power of everybody in every turn."""

    def __init__(self, assets: Sequence[AssetId]) -> None:
        self.active, self._turn = False, 0
        self._wishes = [[_wish(asset, kw) for asset in assets] for kw in (1.0, 2.0)]

    def proposals(self) -> Sequence[Proposal]:
        """As every source does, it gives out what it holds."""
        if not self.active:
            return ()
        self._turn += 1
        return self._wishes[self._turn % 2]


def _wish(asset: AssetId, power_kw: float) -> Proposal:
    return Proposal(
        id=f"wish-{asset}",
        scope=Scope(kind=ScopeKind.ASSET, id=asset),
        owner="operator",
        rank=Rank.OVERRIDE,
        wish_kw=power_kw,
        reason="benchmark",
        valid_until_s=math.inf,
    )


@dataclass
class Nobody:
    """No plan, no forecast, no history: the measured-surplus rule decides."""

    plans: Mapping[PoolId, Plan] = field(default_factory=dict)
    site_forecasts: Mapping[SiteId, tuple[Forecast, ...]] = field(default_factory=dict)

    def alarms(self) -> tuple[Alarm, ...]:
        return ()

    async def append(self, means: Sequence[Mean]) -> None:
        pass

    async def read(
        self, subject: str, quantity: Quantity, start: datetime, end: datetime, step_s: float
    ) -> Floats:
        raise NotImplementedError


class Town:
    """A control room whose devices are brought to it by hand."""

    def __init__(self, count: int, turn_s: float, audit: AuditLog, home: Path) -> None:
        wire = WireClock()
        clock = CityClock(wire, speed=turn_s, start=NOON)
        self.portfolio = city(count)
        self.batteries = [
            MemoryBattery(device, AssetId(asset), clock)
            for asset, device in self.portfolio.writer_of.items()
        ]
        self.meters = [
            MemoryMeter(DeviceId(f"meter-{meter}"), meter, clock) for meter in self.portfolio.meters
        ]
        ports: dict[DeviceId, DevicePort] = {one.device: one for one in self.batteries}
        ports |= {one.device: one for one in self.meters}
        self.operator, nobody = Restless(list(self.portfolio.writer_of)), Nobody()
        self.room: ControlRoom[ControlState] = ControlRoom(
            self.portfolio,
            ports,
            Services(
                audit=audit,
                history=nobody,
                guidance=nobody,
                state_dir=home,
                tenure=Tenure(epoch=1),
                sources={"operator": self.operator},
            ),
            Brain(step=tick.step, start=lambda model, now_s: state.start(model.compiled, now_s)),
            Pace(
                clocks=Clocks(city=clock, wire=wire),
                timing=replace(Timing.at_speed(turn_s, 1.0), start_ramp_per_min=100.0),
            ),
        )
        for device in self.portfolio.devices:
            self.room.table.answers(device)
            self.room.table.well(device)

    def measure(self, surplus_kw: float) -> None:
        """Every device brings a round."""
        power = np.array([one.power_kw for one in self.batteries])
        nets = np.add.reduceat(power, np.arange(0, len(power), PER_SITE)) - surplus_kw
        for meter, net_kw in zip(self.meters, nets, strict=True):
            meter.net_kw = float(net_kw)
        for battery_batch in [one.batch() for one in self.batteries]:
            self.room.table.apply(battery_batch)
        for meter_batch in [one.batch() for one in self.meters]:
            self.room.table.apply(meter_batch)

    async def turn(self) -> tuple[float, float, int]:
        """Wall and CPU seconds of one turn, and commands that it gave."""
        cpu_s = time.thread_time()
        view = await self.room.loop.tick()
        given = sum(len(result.commands) for result in view.results.values())
        return view.took_s, time.thread_time() - cpu_s, given


def battery(asset: AssetId, site: str = "s0") -> Battery:
    return Battery(
        id=asset, site=SiteId(site), capacity_kwh=60.0, charge_kw=15.0, discharge_kw=15.0
    )


def city(count: int) -> Portfolio:
    """Batteries on sites of five, each site with a meter, under one node that settles."""
    root, sites = NodeId("city"), math.ceil(count / PER_SITE)
    rating = Limit(import_max=20.0 * count, export_max=20.0 * count)
    nodes = {root: GridNode(id=root, settles=True, limits=(rating,))}
    nodes |= {NodeId(f"n{s}"): GridNode(id=NodeId(f"n{s}"), parent=root) for s in range(sites)}
    assets = [battery(AssetId(f"b{i}"), f"s{i // PER_SITE}") for i in range(count)]
    meters = [
        Meter(id=MeterId(f"m{s}"), role=MeterRole.SITE, node=NodeId(f"n{s}")) for s in range(sites)
    ]
    reads = dict.fromkeys(READ, 0)
    devices = [
        _device(f"ess-{a.id}", Carried(subject=a.id, reads=reads, writes=True), Authority.AUTO)
        for a in assets
    ] + [
        _device(f"meter-{m.id}", Carried(subject=m.id, reads={Quantity.POWER_KW: 0}))
        for m in meters
    ]
    return Portfolio(
        id=PortfolioId("benchmark"),
        name="benchmark",
        currency="KRW",
        time_zone="Asia/Seoul",
        country="KR",
        latitude=35.0,
        longitude=127.0,
        goals=Goals(),
        nodes=nodes,
        sites={
            SiteId(f"s{s}"): Site(id=SiteId(f"s{s}"), node=NodeId(f"n{s}")) for s in range(sites)
        },
        assets={asset.id: asset for asset in assets},
        meters={meter.id: meter for meter in meters},
        links={LinkId("memory"): Link(id=LinkId("memory"), adapter="memory")},
        devices={device.id: device for device in devices},
    )


def _device(name: str, carried: Carried, authority: Authority = Authority.OBSERVE) -> Device:
    return Device(
        id=DeviceId(name), link=LinkId("memory"), adapter="memory", profile="memory",
        authority=authority, carries=(carried,),
    )  # fmt: skip


def _batch(
    device: DeviceId, points: tuple[Point, ...], values: Sequence[float], now_s: float
) -> Batch:
    return Batch(
        device=device,
        points=points,
        values=np.array(values),
        quality=np.zeros(len(points), np.uint8),
        arrived_s=now_s,
        measured_s=now_s,
    )


async def measured(title: str, count: int, turns: int, *, all_move: bool, fsync_s: float) -> None:
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        disk = SlowDisk()
        audit = await stack.enter_async_context(AuditLog(home / "audit.jsonl", sync=disk.sync))
        town = Town(count, 10.0 if all_move else 1.0, audit, home)
        for living in (town.room.authority, town.room.gate):
            await stack.enter_async_context(living)
        stack.enter_context(settled())
        town.operator.active = all_move
        rng, found, before = np.random.default_rng(1), list[tuple[float, float, int]](), 0
        for number in range(WARM_UP + turns):
            began_s = time.perf_counter()
            if number == WARM_UP:
                disk.fsync_s, before = fsync_s, town.room.gate.ledger.written.total()
            town.measure(5.0 + float(rng.normal(0.0, 1.0)))
            took = await town.turn()
            if number >= WARM_UP:
                found.append(took)
            await asyncio.sleep(max(1.0 - (time.perf_counter() - began_s), 0.0))
        written = town.room.gate.ledger.written.total() - before
        disk.fsync_s = 0.0
    _tell(title, found, written)


@dataclass
class SlowDisk:
    fsync_s: float = 0.0

    def sync(self, file: int) -> None:
        os.fsync(file)
        time.sleep(self.fsync_s)


def _tell(title: str, found: Sequence[tuple[float, float, int]], written: int) -> None:
    wall, cpu = (1000 * np.array([one[i] for one in found]) for i in (0, 1))
    most, all_given = max(given for _, _, given in found), sum(given for _, _, given in found)
    print(
        f"{title:42} wall p50 {_at(wall, 50)} p99 {_at(wall, 99)}   CPU p50 {_at(cpu, 50)}"
        f" p99 {_at(cpu, 99)}   commands {all_given:6}, in a turn up to {most:5}"
        f"   writes {written:6}",
        flush=True,
    )


def _at(sample: Floats, part: float) -> str:
    return f"{np.percentile(sample, part):6.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=25)
    asked = parser.parse_args()
    about_min = math.ceil(3 * (WARM_UP + asked.turns) / 60)
    print(f"{asked.devices} devices, {asked.turns} turns each: about {about_min} min", flush=True)
    cases: Sequence[tuple[str, bool, float]] = (
        ("few move", False, 0.0),
        ("all are told something new", True, 0.0),
        ("the same, and an fsync takes 5 s", True, 5.0),
    )
    for title, all_move, fsync_s in cases:
        asyncio.run(measured(title, asked.devices, asked.turns, all_move=all_move, fsync_s=fsync_s))


if __name__ == "__main__":
    main()
