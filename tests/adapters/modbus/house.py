"""The house of the simulators' tests as the adapter is told about it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from simulators.wire import SimulatedCity
from tests.simulators.wire.cities import house
from vpp.domain.assets import Asset, Battery, Load, Pv
from vpp.domain.batch import Batch
from vpp.domain.command import Command, WriteClass
from vpp.domain.devices import Carried, Device, Link, SafeState
from vpp.domain.ids import AssetId, DeviceId, LinkId, MeterId, PortfolioId, SiteId
from vpp.domain.points import Point, Quantity
from vpp.domain.quality import Quality
from vpp.domain.setpoint import Setpoint
from vpp.ports.device import LinkRequest
from vpp.runtime.clocks import WireClock

SITE = SiteId("house")
CLOCK = WireClock()
BAT, ROOF, SHED = AssetId("bat"), AssetId("roof"), AssetId("shed")
HYBAT, HYPV, DEMAND = AssetId("hybat"), AssetId("hypv"), AssetId("demand")
GRID = MeterId("grid")
ASSETS: dict[AssetId, Asset] = {
    BAT: Battery(id=BAT, site=SITE, capacity_kwh=100, charge_kw=50, discharge_kw=40),
    ROOF: Pv(id=ROOF, site=SITE, peak_kw=48, curtailable=True),
    SHED: Pv(id=SHED, site=SITE, peak_kw=12),
    HYBAT: Battery(id=HYBAT, site=SITE, capacity_kwh=20, charge_kw=10, discharge_kw=8),
    HYPV: Pv(id=HYPV, site=SITE, peak_kw=12, curtailable=True),
    DEMAND: Load(id=DEMAND, site=SITE, max_kw=60),
}


def device(
    name: str, profile: str, *carries: Carried, safe: SafeState = SafeState.ZERO, **options: Any
) -> Device:
    return Device(
        id=DeviceId(name),
        link=LinkId("link"),
        adapter="modbus",
        profile=profile,
        safe=safe,
        carries=carries,
        options=options,
    )


ESS = device("ess", "sunspec-ess", Carried(subject=BAT, writes=True), unit=1)
PV = device(
    "pv", "sunspec-pv", Carried(subject=ROOF, writes=True), safe=SafeState.AUTONOMOUS, unit=2
)
INVERTER = device("inverter", "sunspec-inverter", Carried(subject=SHED), unit=3)
METER = device("meter", "sunspec-meter", Carried(subject=GRID), unit=4)
BMS = device("bms", "sunspec-bms", Carried(subject=BAT), unit=1)
HYBRID = device(
    "hybrid",
    "storedge",
    Carried(subject=HYBAT, writes=True),
    Carried(subject=HYPV),
    safe=SafeState.AUTONOMOUS,
    unit=1,
    ac_rating_kw=10,
)
HYBRID_ROOF = device(
    "hybrid",
    "storedge",
    Carried(subject=HYBAT),
    Carried(subject=HYPV, writes=True),
    safe=SafeState.AUTONOMOUS,
    unit=1,
    ac_rating_kw=10,
)
"""The same hybrid, steered by its roof alone."""


def request(port: int, *devices: Device, **link_options: Any) -> LinkRequest:
    return LinkRequest(
        portfolio=PortfolioId("test"),
        link=Link(id=LinkId("link"), adapter="modbus", port=port, options=link_options),
        devices=devices,
        assets=ASSETS,
        city=CLOCK,
        wire=CLOCK,
    )


def command(to: Device, setpoint: Setpoint) -> Command:
    return Command(
        id="1",
        device=to.id,
        setpoint=setpoint,
        write_class=WriteClass.COMMAND,
        epoch=1,
        seq=1,
        issued_at=datetime.now(UTC),
        issued_s=CLOCK.monotonic(),
    )


def value(batch: Batch, subject: AssetId | MeterId, quantity: Quantity) -> float | None:
    """The value, NaN included, where it is good; else None."""
    at = batch.points.index(Point(subject=subject, quantity=quantity))
    return float(batch.values[at]) if batch.quality[at] == Quality.GOOD else None


@asynccontextmanager
async def simulated(**changes: Any) -> AsyncIterator[SimulatedCity]:
    """The house, its time standing still until it is moved."""
    async with SimulatedCity(house(without_stations=True, **changes), speed=0) as city:
        yield city
