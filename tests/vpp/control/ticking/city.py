"""Small cities for tests of the tick: sites in a row under one settling node."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vpp.control.inputs import PoolModel, Timing
from vpp.domain.assets import Asset, Battery, EvCharger, Load, Phases, Pv
from vpp.domain.capability import AllowedSet, Capability, Form
from vpp.domain.devices import Authority, Carried, Device, Link, SafeState
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId, LinkId, MeterId, NodeId, PoolId, PortfolioId, SiteId
from vpp.domain.network import GridNode, Limit, Meter, MeterRole, Site, Unit
from vpp.domain.order import Goals
from vpp.domain.portfolio import Portfolio
from vpp.domain.snapshot import Layout

POOL = PoolId("pool")
CITY = NodeId("pool")
PLAIN = DeviceFacts()


@dataclass(frozen=True, kw_only=True)
class Store:
    """A battery as a test wants it."""

    kwh: float = 30.0
    kw: float = 15.0
    discharge_kw: float | None = None
    dead_s: float = 1.0
    ramp_kw_s: float = math.inf
    resolution_kw: float = 0.0
    eta: float = 0.95
    efficient_min_kw: float = 0.0
    safe: SafeState = SafeState.ZERO
    refreshed: bool = True
    writes_per_day: int | None = None
    min_on_s: float = 0.0
    min_off_s: float = 0.0
    starts_per_day: int | None = None
    atomic_reversal: bool = True


@dataclass(frozen=True, kw_only=True)
class House:
    """One site."""

    stores: Sequence[Store] = ()
    cars: Sequence[tuple[float, float]] = ()
    """Floor and largest power of each charger, kW."""
    car_starts: int | None = None
    """Of each charger, a day."""
    pv_kw: float = 0.0
    inverter_kw: float = math.inf
    """What the plant's inverter gives out at most, and can be told."""
    curtailable: bool = False
    load_kw: float = 100.0
    rating_kw: float = math.inf
    export_kw: float = math.inf
    amperes: float = math.inf
    kva: float = math.inf
    power_factor: float = 0.95
    metered: bool = True


@dataclass(frozen=True, kw_only=True)
class City:
    model: PoolModel
    layout: Layout
    batteries: tuple[AssetId, ...] = field(default=())


def city(
    houses: Sequence[House],
    *,
    boundary: bool = True,
    rating_kw: float = math.inf,
    export_kw: float = math.inf,
    timing: Timing | None = None,
    authority: Authority = Authority.AUTO,
    allowance: float = 0.001,
    car_phases: Phases = Phases.THREE,
) -> City:
    nodes = {
        CITY: GridNode(
            id=CITY, settles=True, limits=(Limit(import_max=rating_kw, export_max=export_kw),)
        )
    }
    sites: dict[SiteId, Site] = {}
    assets: dict[AssetId, Asset] = {}
    meters: dict[MeterId, Meter] = {}
    devices: dict[DeviceId, Device] = {}
    facts: dict[DeviceId, DeviceFacts] = {}
    if boundary:
        meters[MeterId("boundary")] = Meter(
            id=MeterId("boundary"), role=MeterRole.BOUNDARY, node=CITY
        )
    for h, house in enumerate(houses):
        node, site = NodeId(f"node{h}"), SiteId(f"site{h}")
        limits = [Limit(import_max=house.rating_kw, export_max=house.export_kw)]
        if math.isfinite(house.amperes):
            limits.append(
                Limit(import_max=house.amperes, export_max=house.amperes, unit=Unit.A_PER_PHASE)
            )
        if math.isfinite(house.kva):
            limits.append(
                Limit(
                    import_max=house.kva,
                    export_max=house.kva,
                    unit=Unit.KVA,
                    power_factor=house.power_factor,
                )
            )
        nodes[node] = GridNode(id=node, parent=CITY, limits=tuple(limits))
        sites[site] = Site(id=site, node=node)
        if house.metered:
            meters[MeterId(f"meter{h}")] = Meter(
                id=MeterId(f"meter{h}"), role=MeterRole.SITE, node=node
            )
        load = Load(id=AssetId(f"load{h}"), site=site, max_kw=house.load_kw)
        assets[load.id] = load
        if house.pv_kw:
            told = AllowedSet.between(-min(house.inverter_kw, house.pv_kw), 0.0)
            pv = Pv(
                id=AssetId(f"pv{h}"), site=site, peak_kw=house.pv_kw, curtailable=house.curtailable
            )
            assets[pv.id] = pv
            _wire(devices, facts, pv, Capability(
                forms=frozenset({Form.CEILING, Form.RELEASE}), allowed=told, dead_time_s=1.0,
            ), SafeState.AUTONOMOUS, authority)  # fmt: skip
        for b, store in enumerate(house.stores):
            battery = Battery(
                id=AssetId(f"bat{h}-{b}"), site=site, capacity_kwh=store.kwh, charge_kw=store.kw,
                discharge_kw=store.discharge_kw or store.kw,
                eta_charge=store.eta, eta_discharge=store.eta,
            )  # fmt: skip
            assets[battery.id] = battery
            _wire(devices, facts, battery, Capability(
                forms=frozenset({Form.TARGET, Form.STOP, Form.RELEASE}), allowed=battery.rated,
                dead_time_s=store.dead_s, ramp_kw_per_s=store.ramp_kw_s,
                resolution_kw=store.resolution_kw, efficient_min_kw=store.efficient_min_kw,
                min_on_s=store.min_on_s, min_off_s=store.min_off_s,
                starts_per_day=store.starts_per_day,
            ), store.safe, authority, DeviceFacts(
                refresh_s=10.0 if store.refreshed else None, writes_per_day=store.writes_per_day,
                atomic_reversal=store.atomic_reversal,
            ))  # fmt: skip
        for c, (floor_kw, max_kw) in enumerate(house.cars):
            car = EvCharger(
                id=AssetId(f"car{h}-{c}"), site=site, max_kw=max_kw, floor_kw=floor_kw,
                guaranteed_kw=floor_kw, phases=car_phases,
            )  # fmt: skip
            assets[car.id] = car
            _wire(devices, facts, car, Capability(
                forms=frozenset({Form.CEILING, Form.STOP}), allowed=car.rated, dead_time_s=1.0,
                starts_per_day=house.car_starts,
            ), SafeState.FLOOR, authority)  # fmt: skip
    link = Link(id=LinkId("link"), adapter="none")
    portfolio = Portfolio(
        id=PortfolioId("test"), name="test", currency="KRW", time_zone="Asia/Seoul", country="KR",
        latitude=35.0, longitude=127.0, goals=Goals(allowance=allowance), nodes=nodes, sites=sites,
        assets=assets, meters=meters, links={link.id: link},
        devices=devices,
    )  # fmt: skip
    model = PoolModel(
        portfolio=portfolio, pool=POOL, facts=facts,
        timing=timing or Timing(start_ramp_per_min=100.0),
    )  # fmt: skip
    return City(
        model=model,
        layout=Layout(assets=tuple(assets), meters=tuple(meters)),
        batteries=tuple(a.id for a in assets.values() if isinstance(a, Battery)),
    )


def _wire(  # noqa: PLR0917 - one line of a table each
    devices: dict[DeviceId, Device],
    facts: dict[DeviceId, DeviceFacts],
    asset: Asset,
    capability: Capability,
    safe: SafeState,
    authority: Authority,
    facts_of: DeviceFacts = PLAIN,
) -> None:
    device = DeviceId(f"dev-{asset.id}")
    devices[device] = Device(
        id=device, link=LinkId("link"), adapter="none", profile="none", safe=safe,
        authority=authority, carries=(Carried(subject=asset.id, writes=True),),
    )  # fmt: skip
    facts[device] = replace(facts_of, capabilities={asset.id: capability})
