"""What the production planner and tick are told of a recording: a portfolio, and what steers it.

Every battery, every charger, and every plant of the city that can be held back, is a device of its
own that does at once and exactly what it is told. A charger has no floor: the mean of a slot may be
anything.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from vpp.backtest.city import pools_of
from vpp.backtest.data import Recording
from vpp.domain.assets import Asset, Battery, EvCharger, Load, Pv
from vpp.domain.capability import Capability, Form
from vpp.domain.devices import Authority, Carried, Device, Link
from vpp.domain.errors import InvariantError
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId, LinkId, MeterId, NodeId, PortfolioId, SiteId
from vpp.domain.network import GridNode, Limit, Meter, MeterRole, Site
from vpp.domain.order import Goals
from vpp.domain.portfolio import Portfolio
from vpp.domain.problem import NO_CURRENCY
from vpp.domain.tariff import Tariff

LEAST_KW = 1e-3
"""Nameplate of what was never seen to have any power."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """A recording as a portfolio."""

    portfolio: Portfolio
    batteries: tuple[AssetId, ...]
    """In the order of the recording's batteries."""
    chargers: Mapping[str, AssetId]
    """Whose cars are steered, by their names in the recording."""
    nameplates: bool
    """Whether the ratings of plants are known; else they are no news to a forecaster."""

    @cached_property
    def facts(self) -> Mapping[DeviceId, DeviceFacts]:
        """Of every device that is steered: no dead time, no ramp, no resolution, no idle turn."""
        return {
            device.id: DeviceFacts(capabilities=able, atomic_reversal=True)
            for device in self.portfolio.devices.values()
            if (able := self._capabilities(device))
        }

    @cached_property
    def steered(self) -> frozenset[AssetId]:
        """Assets that may be commanded."""
        return frozenset(asset for facts in self.facts.values() for asset in facts.capabilities)

    @cached_property
    def _steered_chargers(self) -> frozenset[AssetId]:
        return frozenset(self.chargers.values())

    def _capabilities(self, device: Device) -> Mapping[AssetId, Capability]:
        found: dict[AssetId, Capability] = {}
        for name in device.written_assets:
            asset = self.portfolio.assets[name]
            if isinstance(asset, Battery) and name in self.batteries:
                forms = frozenset({Form.TARGET, Form.STOP, Form.RELEASE})
                found[name] = Capability(forms=forms, allowed=asset.rated)
            elif isinstance(asset, Pv) and asset.curtailable:
                forms = frozenset({Form.CEILING, Form.RELEASE})
                found[name] = Capability(forms=forms, allowed=asset.rated)
            elif name in self._steered_chargers:
                forms = frozenset({Form.CEILING, Form.STOP})
                found[name] = Capability(forms=forms, allowed=asset.rated)
        return found


def of_city(recording: Recording, portfolio: Portfolio) -> Setting:
    """The setting of a configured city.

    Raises:
        InvariantError: the recording lacks a site of the city, or knows others.
    """
    pools_of(recording, portfolio)
    missing = [site for site in portfolio.sites if site not in recording.sites]
    if missing:
        lacking = f"{', '.join(missing[:5])}{' and others' if len(missing) > 5 else ''}"
        raise InvariantError(
            f"nothing is on record of {lacking} of the city {portfolio.id}: name with --sites those"
            " that are meant"
        )
    batteries = tuple(AssetId(name) for name in recording.batteries)
    named = {AssetId(session.charger) for session in recording.sessions}
    chargers = {
        str(asset.id): asset
        for asset in portfolio.assets.values()
        if isinstance(asset, EvCharger) and asset.id in named and asset.id in portfolio.writer_of
    }
    assets = {asset.id: replace(asset, floor_kw=0.0) for asset in chargers.values()}
    return Setting(
        portfolio=replace(portfolio, assets={**portfolio.assets, **assets}),
        batteries=batteries,
        chargers={name: charger.id for name, charger in chargers.items()},
        nameplates=True,
    )


def of_recording(
    recording: Recording,
    *,
    pools: Sequence[Sequence[int]] | None = None,
    goals: Goals | None = None,
    tariff: Tariff | None = None,
    contract_kw: float = math.inf,
) -> Setting:
    """Per site a meter, a load, a plant, and the recorded batteries and chargers.

    ``contract_kw``: what each pool should not import more of; nothing else is limited.
    """
    groups = [list(pool) for pool in pools or [range(len(recording.sites))]]
    chargers = _chargers(recording)
    assets = {asset.id: asset for asset in (*_assets(recording), *chargers.values())}
    batteries = tuple(AssetId(f"{name} battery") for name in recording.batteries)
    steered = (*batteries, *(charger.id for charger in chargers.values()))
    link = Link(id=LinkId("record"), adapter="record")
    sites = [SiteId(site) for site in recording.sites]
    portfolio = Portfolio(
        id=PortfolioId("recording"),
        name="a recording",
        currency=NO_CURRENCY,
        time_zone=recording.time_zone,
        country=str(recording.meta.get("country", "")),
        latitude=float(recording.meta.get("latitude", 0.0)),
        longitude=float(recording.meta.get("longitude", 0.0)),
        goals=goals or Goals(),
        nodes={node.id: node for node in _nodes(recording, groups, tariff, contract_kw)},
        tariffs={} if tariff is None else {tariff.id: tariff},
        sites={site: Site(id=site, node=_node(site)) for site in sites},
        assets=assets,
        meters={meter.id: meter for meter in map(_meter, sites)},
        links={link.id: link},
        devices={device.id: device for device in (_device(link.id, name) for name in steered)},
    )
    return Setting(
        portfolio=portfolio,
        batteries=batteries,
        chargers={name: charger.id for name, charger in chargers.items()},
        nameplates=False,
    )


def _nodes(
    recording: Recording, groups: list[list[int]], tariff: Tariff | None, contract_kw: float
) -> list[GridNode]:
    found: list[GridNode] = []
    limits = (Limit(import_max=contract_kw, hard=False),) if math.isfinite(contract_kw) else ()
    price = None if tariff is None else tariff.id
    for number, group in enumerate(groups, start=1):
        pool = NodeId(f"pool {number}")
        found.append(GridNode(id=pool, settles=True, tariff=price, limits=limits))
        found += [GridNode(id=_node(recording.sites[site]), parent=pool) for site in group]
    return found


def _node(site: str) -> NodeId:
    return NodeId(f"{site} connection")


def _meter(site: SiteId) -> Meter:
    return Meter(id=MeterId(f"{site} meter"), role=MeterRole.SITE, node=_node(site))


def _device(link: LinkId, asset: AssetId) -> Device:
    return Device(
        id=DeviceId(f"{asset} device"),
        link=link,
        adapter="record",
        profile="record",
        authority=Authority.AUTO,
        carries=(Carried(subject=asset, writes=True),),
    )


def _assets(recording: Recording) -> list[Asset]:
    found: list[Asset] = []
    most_load = recording.load_kw.max(axis=1, initial=LEAST_KW)
    most_sun = recording.pv_kw.max(axis=1, initial=LEAST_KW)
    for name, load_kw, sun_kw in zip(recording.sites, most_load, most_sun, strict=True):
        site = SiteId(name)
        found.append(Load(id=AssetId(f"{name} load"), site=site, max_kw=float(load_kw)))
        found.append(Pv(id=AssetId(f"{name} plant"), site=site, peak_kw=float(sun_kw)))
    return found + [_battery(recording, at) for at in range(len(recording.storage))]


def _chargers(recording: Recording) -> dict[str, EvCharger]:
    """By their recorded names; each at the site of its first car, as strong as its strongest."""
    found: dict[str, EvCharger] = {}
    for session in recording.sessions:
        known = found.get(session.charger)
        found[session.charger] = EvCharger(
            id=AssetId(f"{session.charger} charger"),
            site=SiteId(recording.sites[session.site or 0]) if known is None else known.site,
            max_kw=session.max_kw if known is None else max(known.max_kw, session.max_kw),
            floor_kw=0.0,
            guaranteed_kw=0.0,
        )
    return found


def _battery(recording: Recording, at: int) -> Battery:
    """Its capacity is the upper end of its window."""
    storage = recording.storage
    high_kwh = float(storage.high_kwh[at])
    if not 0 < high_kwh < math.inf:
        raise InvariantError(f"battery {recording.batteries[at]} holds {high_kwh} kWh at most")
    return Battery(
        id=AssetId(f"{recording.batteries[at]} battery"),
        site=SiteId(recording.sites[int(storage.site[at])]),
        capacity_kwh=high_kwh,
        charge_kw=float(storage.charge_kw[at]),
        discharge_kw=float(storage.discharge_kw[at]),
        eta_charge=float(storage.eta_charge[at]),
        eta_discharge=float(storage.eta_discharge[at]),
        soc_min=float(np.clip(storage.low_kwh[at] / high_kwh, 0.0, 1.0)),
    )
