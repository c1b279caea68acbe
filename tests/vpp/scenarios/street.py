"""The three houses as a portfolio, and the daemon that runs them, all in virtual time."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from optimizer.forecasting.persistence import PersistenceForecaster
from optimizer.planner import LpPlanner
from tests.vpp.control.living.fakes import LoopClock
from tests.vpp.control.living.small_city import city_of, device_of
from tests.vpp.scenarios.devices import BatteryPort, MeterPort, PvPort, StationPort, Wired
from tests.vpp.scenarios.world import ETA, LEAD_S, SITES, SUN_KW, World, new_cells
from vpp.config.city import City
from vpp.control.control_room import OnExit
from vpp.control.inputs import Timing
from vpp.control.occasions import Rhythm
from vpp.domain.assets import Asset, Battery, EvCharger, Load, Pv
from vpp.domain.audit import AuditRecord
from vpp.domain.capability import Capability, Form
from vpp.domain.day import DayScore, MeasuredDay
from vpp.domain.devices import Carried, Device, SafeState
from vpp.domain.facts import DeviceFacts
from vpp.domain.forecast import Forecast, ForecastRequest
from vpp.domain.ids import AssetId, DeviceId, MeterId, PoolId, SiteId
from vpp.domain.judging import judge
from vpp.domain.ladder import Rung
from vpp.domain.plan import Plan
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.problem import Problem
from vpp.domain.text import read_text
from vpp.ports.clock import Clock, Clocks
from vpp.ports.device import DevicePort
from vpp.runtime.audit_log import AuditLog
from vpp.runtime.clocks import CityClock
from vpp.runtime.composition import running
from vpp.runtime.daemon import Daemon
from vpp.runtime.outside import Options, Outside
from vpp.runtime.view import View

MIDNIGHT = datetime(2026, 6, 1, 15, 0, tzinfo=UTC)
"""Of the second of June in the street's time zone."""
POOL = PoolId("feeder")
SPEED, WIRE_PERIOD_S = 20.0, 0.5
"""City seconds per second of the loop, which is the wire's; fastest tick, wire seconds."""
TIMING = Timing.at_speed(SPEED, WIRE_PERIOD_S)
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


class InStep(AuditLog):
    """On disk as in production; the loop's clock stands while a record is on its way there."""

    async def intend(self, record: AuditRecord) -> None:
        known = threading.Event()
        asyncio.get_running_loop().run_in_executor(None, known.wait)
        try:
            await super().intend(record)
        finally:
            known.set()


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
    planning: InProcess
    daemon: Daemon
    home: Path
    """What is on disk."""
    notes: list[Note] = field(default_factory=list)

    @property
    def view(self) -> View:
        """Of the newest tick."""
        assert self.daemon.view is not None
        return self.daemon.view

    def wired(self, name: str) -> Wired:
        port = self.ports[DeviceId(name)]
        assert isinstance(port, Wired)
        return port

    def observe(self, view: View) -> None:
        plan = view.plans.get(POOL)
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
    home: Path,
    *,
    observe: bool = False,
    of: Portfolio | None = None,
    steady: bool = False,
    on_exit: OnExit = OnExit.SAFE,
    after: Street | None = None,
    audit: type[InStep] = InStep,
) -> AsyncIterator[Street]:
    """The daemon at work, left as ``on_exit`` says.

    ``steady``: as of a ``World``. ``after``: it succeeds that one's daemon, in its world.
    """
    wire, planning = LoopClock(), InProcess()
    city = City(
        portfolio=of or portfolio(), simulation={}, tree=read_text("", "street"), positions={}
    )
    clock = CityClock(wire, speed=SPEED, start=MIDNIGHT - timedelta(seconds=LEAD_S))
    world = World(clock, steady=steady)
    if after is not None:
        clock, world = after.clock, after.world
    world.live()
    ports = _ports(world, city.portfolio, clock)
    outside = Outside(
        devices=lambda *_: nullcontext[Mapping[DeviceId, DevicePort]](ports),
        planning=lambda *_: nullcontext(planning),
        judge=_judged,
        audit=audit,
        draw=lambda: 0.5,
    )
    options = Options(
        state_dir=home,
        observe=observe,
        on_exit=on_exit,
        wire_period_s=WIRE_PERIOD_S,
        rhythm=Rhythm(horizon_s=4 * 3600.0),
    )
    async with running(city, options, Clocks(city=clock, wire=wire), outside) as daemon:
        made = Street(clock, world, ports, planning, daemon, home)
        daemon.on_view(made.observe)
        yield made
    world.live()


async def _judged(day: MeasuredDay, _: Path) -> DayScore:
    return judge(day)


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
