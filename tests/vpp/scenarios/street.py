"""The three houses as a portfolio, and the control room around them, all in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from optimizer.forecasting.persistence import PersistenceForecaster
from optimizer.planner import LpPlanner
from tests.vpp.control.living.fakes import FakeAudit, LoopClock
from tests.vpp.control.living.small_city import city_of, device_of
from tests.vpp.scenarios.devices import BatteryPort, MeterPort, PvPort, StationPort, Wired
from tests.vpp.scenarios.world import ETA, LEAD_S, SITES, SUN_KW, World, new_cells
from vpp.control import state, tick
from vpp.control.control_room import Brain, ControlRoom, OnExit, Services
from vpp.control.inputs import Timing
from vpp.control.loop import TickView
from vpp.control.pace import Pace
from vpp.control.replanning import Replanner, Rhythm
from vpp.control.state import ControlState
from vpp.control.tenure import Tenure
from vpp.domain.arrays import Floats
from vpp.domain.assets import Asset, Battery, EvCharger, Load, Pv
from vpp.domain.capability import Capability, Form
from vpp.domain.devices import Carried, Device, SafeState
from vpp.domain.facts import DeviceFacts
from vpp.domain.forecast import Forecast, ForecastRequest
from vpp.domain.history import Mean
from vpp.domain.ids import AssetId, DeviceId, MeterId, PoolId, SiteId
from vpp.domain.ladder import Rung
from vpp.domain.plan import Plan
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.problem import Problem
from vpp.domain.proposal import Proposal
from vpp.ports.clock import Clock, Clocks
from vpp.ports.device import DevicePort
from vpp.runtime.clocks import CityClock

MIDNIGHT = datetime(2026, 6, 1, 15, 0, tzinfo=UTC)
"""Of the second of June in the street's time zone."""
POOL = PoolId("feeder")
SPEED = 10.0
"""City seconds per second of the loop, which is the wire's."""
TIMING = Timing.at_speed(SPEED, wire_period_s=1.0)
"""Ticks of ten seconds."""
WINDOW = (0.1, 0.95)
"""State of charge that the batteries' owners allow."""
STATION = DeviceId("station")


class InProcess:
    """Planner and forecaster as in production, without a process between."""

    def __init__(self) -> None:
        self._planner, self._forecaster = LpPlanner(), PersistenceForecaster()
        self.problems: list[Problem] = []
        """Everything that was asked."""

    async def plan(self, problem: Problem) -> Plan:
        self.problems.append(problem)
        return self._planner.plan(problem)

    async def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        return self._forecaster.forecast(request)


@dataclass
class Remembering:
    """A history in memory."""

    means: dict[tuple[str, Quantity], dict[float, Mean]] = field(default_factory=dict)

    async def append(self, means: Sequence[Mean]) -> None:
        for mean in means:
            kept = self.means.setdefault((mean.subject, mean.quantity), {})
            kept[mean.start.timestamp()] = mean

    async def read(
        self, subject: str, quantity: Quantity, start: datetime, end: datetime, step_s: float
    ) -> Floats:
        found = np.full(round((end - start).total_seconds() / step_s), np.nan)
        for at_s, mean in self.means.get((subject, quantity), {}).items():
            slot = round((at_s - start.timestamp()) / step_s)
            if 0 <= slot < len(found) and mean.coverage >= 0.5:
                found[slot] = mean.value
        return found


@dataclass
class Desk:
    """A source of proposals that an operator fills."""

    wanted: list[Proposal] = field(default_factory=list)

    def proposals(self) -> Sequence[Proposal]:
        return self.wanted


@dataclass(frozen=True)
class Note:
    """What was seen of one tick."""

    hour: float
    """Of the day."""
    rungs: Mapping[str, Rung]
    alarms: frozenset[str]
    """Code and subject."""
    plan_begins: datetime | None
    """Of the newest plan."""


@dataclass
class Street:
    """Everything a test looks at."""

    clock: CityClock
    world: World
    ports: Mapping[DeviceId, Wired | StationPort]
    room: ControlRoom[ControlState]
    planning: InProcess
    replanner: Replanner
    history: Remembering
    desk: Desk
    notes: list[Note] = field(default_factory=list)

    def wired(self, name: str) -> Wired:
        port = self.ports[DeviceId(name)]
        assert isinstance(port, Wired)
        return port

    def observe(self, view: TickView[ControlState]) -> None:
        self.replanner.observe(view.snapshot, view.held)
        plan = self.replanner.plans.get(POOL)
        self.notes.append(
            Note(
                hour=(view.snapshot.at - MIDNIGHT).total_seconds() / 3600,
                rungs=view.results[POOL].rungs,
                alarms=frozenset(f"{alarm.code} {alarm.subject}" for alarm in view.alarms),
                plan_begins=None if plan is None else plan.grid.start,
            )
        )

    async def until(self, hour: float) -> None:
        """Let the street live until this hour of the day."""
        self.world.live()
        await self.clock.sleep(hour * 3600 - self.world.day_s)


def portfolio() -> Portfolio:
    return city_of([*_assets()], [*_devices()])


@asynccontextmanager
async def street(
    state_dir: Path,
    *,
    observe: bool = False,
    city: Portfolio | None = None,
    steady: bool = False,
    on_exit: OnExit = OnExit.SAFE,
    after: Street | None = None,
) -> AsyncIterator[Street]:
    """The control room at work, left as ``on_exit`` says.

    ``steady``: as of a ``World``. ``after``: it succeeds that one's control room, in its world.
    """
    wire, city, planning = LoopClock(), city or portfolio(), InProcess()
    clock = CityClock(wire, speed=SPEED, start=MIDNIGHT - timedelta(seconds=LEAD_S))
    world = World(clock, steady=steady)
    if after is not None:
        clock, world = after.clock, after.world
    world.live()
    ports = _ports(world, city, clock)
    clocks, desk = Clocks(city=clock, wire=wire), Desk()
    history = Remembering() if after is None else after.history
    replanner = Replanner(
        city,
        planning=planning,
        history=history,
        clocks=clocks,
        rhythm=Rhythm(horizon_s=4 * 3600.0),
    )
    services = Services(
        audit=FakeAudit(),
        history=history,
        guidance=replanner,
        state_dir=state_dir,
        tenure=Tenure(epoch=1),
        sources={"desk": desk},
    )
    devices: dict[DeviceId, DevicePort] = {**ports}
    brain = Brain(step=tick.step, start=lambda model, now: state.start(model.compiled, now))
    pace = Pace(clocks=clocks, timing=TIMING, speed=lambda: SPEED, draw=lambda: 0.5)
    room = ControlRoom(city, devices, services, brain, pace, observe=observe)
    room.on_exit = on_exit
    made = Street(clock, world, ports, room, planning, replanner, history, desk)
    room.loop.on_tick(made.observe)
    async with room:
        replans = asyncio.create_task(replanner.run())
        try:
            yield made
        finally:
            replans.cancel()
    world.live()


def _assets() -> list[Asset]:
    cells, found = new_cells(), list[Asset]()
    for site, sun_kw in zip(SITES, SUN_KW, strict=True):
        cell, where = cells[site], SiteId(site)
        low, high = WINDOW
        found.append(Load(id=AssetId(f"{site}-load"), site=where, max_kw=8.0))
        found.append(
            Battery(
                id=AssetId(f"{site}-bat"),
                site=where,
                capacity_kwh=cell.capacity_kwh,
                charge_kw=cell.power_kw,
                discharge_kw=cell.power_kw,
                eta_charge=ETA,
                eta_discharge=ETA,
                soc_min=low,
                soc_max=high,
            )
        )
        if sun_kw:
            found.append(Pv(id=AssetId(f"{site}-pv"), site=where, peak_kw=sun_kw))
    found.append(EvCharger(id=AssetId("c-cp"), site=SiteId("c"), max_kw=11.0))
    return found


def _devices() -> list[Device]:
    found: list[Device] = []
    for site, sun_kw in zip(SITES, SUN_KW, strict=True):
        reads = dict.fromkeys(BatteryPort.quantities, 0)
        battery = Carried(subject=AssetId(f"{site}-bat"), reads=reads, writes=True)
        found.append(device_of(f"{site}-ess", battery))
        if sun_kw:
            sees = dict.fromkeys(PvPort.quantities, 0)
            plant = Carried(subject=AssetId(f"{site}-pv"), reads=sees)
            found.append(device_of(f"{site}-inverter", plant))
        meter = Carried(subject=MeterId(f"m-{site}"), reads={Quantity.POWER_KW: 0})
        found.append(device_of(f"{site}-meter", meter))
    car = {Quantity.POWER_KW: 0, Quantity.SETPOINT_KW: 0}
    charger = Carried(subject=AssetId("c-cp"), reads=car, writes=True)
    found.append(device_of(STATION, charger, safe=SafeState.FLOOR))
    return found


def _ports(world: World, city: Portfolio, clock: Clock) -> dict[DeviceId, Wired | StationPort]:
    found: dict[DeviceId, Wired | StationPort] = {}
    for site in SITES:
        battery = AssetId(f"{site}-bat")
        able = Capability(
            forms=frozenset({Form.TARGET, Form.STOP}),
            allowed=city.assets[battery].rated,
            dead_time_s=world.cells[site].dead_s,
        )
        for kind, name, subject, facts in (
            (BatteryPort, "ess", battery, DeviceFacts(capabilities={battery: able})),
            (PvPort, "inverter", AssetId(f"{site}-pv"), DeviceFacts()),
            (MeterPort, "meter", MeterId(f"m-{site}"), DeviceFacts(meter_age_s=3.0)),
        ):
            device = DeviceId(f"{site}-{name}")
            if device in city.devices:
                found[device] = kind(device, subject, site, world, facts)
    charger = AssetId("c-cp")
    offers = Capability(
        forms=frozenset({Form.CEILING, Form.STOP}), allowed=city.assets[charger].rated
    )
    facts = DeviceFacts(capabilities={charger: offers})
    found[STATION] = StationPort(STATION, charger, world, clock, facts)
    return found
