"""Checked entries as domain values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from vpp.config.conversion import converter_of, store_of
from vpp.config.conversion_entries import ConverterEntry, HydrogenStoreEntry, ThermalStoreEntry
from vpp.config.draft import Draft
from vpp.config.entries import (
    AssetEntry,
    BatteryEntry,
    BothWays,
    CarriedEntry,
    ConnectionEntry,
    DeviceEntry,
    EvChargerEntry,
    LinkEntry,
    LoadEntry,
    MeterEntry,
    NodeEntry,
    PortfolioEntry,
    PvEntry,
    SiteEntry,
    TariffEntry,
)
from vpp.config.equipment import port_of
from vpp.config.findings import Findings
from vpp.config.place import weather_of
from vpp.config.reads import kind_of, reads_of
from vpp.config.tariffs import tariff_of
from vpp.domain import ids
from vpp.domain.assets import Asset, Battery, EvCharger, Load, Phases, Pv
from vpp.domain.devices import Carried, Device, Identity, Link
from vpp.domain.errors import InvariantError
from vpp.domain.network import GridNode, Limit, Meter, Sharing, Site, Unit
from vpp.domain.order import Goals
from vpp.domain.portfolio import Portfolio
from vpp.domain.price_series import PriceSeries

POWER_FACTOR = 0.95
"""Of a connection that states its rating in kVA and no power factor."""
_FLOOR_KW = {Phases.THREE: 4.1}
_FLOOR_ONE_PHASE_KW = 1.4


@dataclass(frozen=True)
class _Builder:
    draft: Draft
    findings: Findings
    base_port: int
    prices: Mapping[str, PriceSeries]

    def portfolio(self, stated: PortfolioEntry) -> Portfolio:
        draft = self.draft
        return Portfolio(
            id=ids.PortfolioId(stated.id),
            name=stated.name or stated.id,
            currency=stated.currency,
            time_zone=stated.time_zone,
            country=stated.country,
            latitude=stated.latitude,
            longitude=stated.longitude,
            goals=_goals(stated),
            forecaster=stated.forecaster,
            weather=weather_of(draft.weather, self.base_port),
            bad_day=stated.bad_day,
            slots=stated.slots,
            nodes={node.id: node for node in self._nodes()},
            sites={site.id: site for site in self._sites()},
            assets={asset.id: asset for asset in self._assets()},
            meters={ids.MeterId(m.id): _meter(m) for _, m in draft.each("meters", MeterEntry)},
            links={ids.LinkId(k.id): self._link(k) for _, k in draft.each("links", LinkEntry)},
            devices={
                ids.DeviceId(d.id): self._device(d) for _, d in draft.each("devices", DeviceEntry)
            },
            tariffs={
                ids.TariffId(t.id): tariff_of(
                    t, stated.time_zone, stated.country, self.prices.get(t.id)
                )
                for _, t in draft.each("tariffs", TariffEntry)
            },
        )

    def _nodes(self) -> Iterator[GridNode]:
        for section in ("nodes", "sites"):
            for _, connection in self.draft.each(section, ConnectionEntry):
                yield _node(connection)

    def _sites(self) -> Iterator[Site]:
        for _, site in self.draft.each("sites", SiteEntry):
            yield Site(
                id=ids.SiteId(site.id),
                node=ids.NodeId(site.id),
                name=site.name,
                latitude=site.latitude,
                longitude=site.longitude,
            )

    def _assets(self) -> Iterator[Asset]:
        for path, entry in self.draft.each("assets", AssetEntry):
            try:
                yield _asset(entry, self.draft.portfolio)
            except InvariantError as error:
                self.findings.add(path, str(error))

    def _link(self, link: LinkEntry) -> Link:
        return Link(
            id=ids.LinkId(link.id),
            adapter=link.adapter,
            host=link.host,
            port=port_of(link, self.base_port),
            options=link.options,
        )

    def _device(self, device: DeviceEntry) -> Device:
        return Device(
            id=ids.DeviceId(device.id),
            link=ids.LinkId(device.link),
            adapter=device.adapter,
            profile=device.profile,
            identity=Identity(**device.identity.model_dump()),
            safe=device.safe,
            authority=device.authority,
            carries=tuple(self._carried(carried) for carried in device.carries),
            options=device.options,
        )

    def _carried(self, carried: CarriedEntry) -> Carried:
        subject = ids.MeterId(carried.meter) if carried.meter else ids.AssetId(carried.asset or "")
        kind = kind_of(carried, self.draft) or "meter"
        return Carried(subject=subject, reads=reads_of(carried, kind), writes=carried.writes)


def build(
    draft: Draft, findings: Findings, base_port: int, prices: Mapping[str, PriceSeries]
) -> Portfolio | None:
    """The portfolio of a faultless draft, else None; what the domain refuses is a finding.

    ``prices``: what files of prices say, by tariff.
    """
    if draft.portfolio is None or findings.mistakes:
        return None
    portfolio = _Builder(draft, findings, base_port, prices).portfolio(draft.portfolio)
    return None if findings.mistakes else portfolio


def _node(entry: ConnectionEntry) -> GridNode:
    return GridNode(
        id=ids.NodeId(entry.id),
        parent=None if entry.parent is None else ids.NodeId(entry.parent),
        settles=entry.settles,
        limits=tuple(_limits(entry)),
        tariff=None if entry.tariff is None else ids.TariffId(entry.tariff),
        fee_per_kwh=entry.fee_per_kwh,
        sharing=entry.sharing if isinstance(entry, NodeEntry) else Sharing.PRO_RATA,
    )


def _limits(entry: ConnectionEntry) -> Iterator[Limit]:
    factor = POWER_FACTOR if entry.power_factor is None else entry.power_factor
    for name, unit, stated in (
        ("rating_kw", Unit.KW, entry.rating_kw),
        ("contract_kw", Unit.KW, entry.contract_kw),
        ("rating_kva", Unit.KVA, entry.rated_kva),
        ("contract_kva", Unit.KVA, entry.contract_kva),
    ):
        if stated != BothWays():
            yield Limit(
                import_max=inf if stated.imports is None else stated.imports,
                export_max=inf if stated.exports is None else stated.exports,
                unit=unit,
                source=f"{name} of {entry.id}",
                hard=name.startswith("rating"),
                power_factor=factor,
            )
    if entry.a_per_phase is not None:
        yield Limit(
            import_max=entry.a_per_phase,
            export_max=entry.a_per_phase,
            unit=Unit.A_PER_PHASE,
            source=f"a_per_phase of {entry.id}",
        )


def _asset(entry: AssetEntry, portfolio: PortfolioEntry | None) -> Asset:
    stated = entry.model_dump(exclude={"kind"})
    match entry:
        case BatteryEntry():
            return Battery(**stated)
        case PvEntry():
            return Pv(**stated)
        case LoadEntry():
            return Load(**stated)
        case EvChargerEntry():
            return _charger(entry)
        case ConverterEntry():
            return converter_of(entry)
        case HydrogenStoreEntry() | ThermalStoreEntry() if portfolio is not None:
            return store_of(entry, portfolio.time_zone, portfolio.country)
    raise InvariantError(f"asset {entry.id}: no such kind")


def _charger(entry: EvChargerEntry) -> EvCharger:
    usual = _FLOOR_KW.get(entry.phases, _FLOOR_ONE_PHASE_KW)
    floor = usual if entry.floor_kw is None else entry.floor_kw
    return EvCharger(
        id=ids.AssetId(entry.id),
        site=ids.SiteId(entry.site),
        phases=entry.phases,
        max_kw=entry.max_kw,
        floor_kw=floor,
        guaranteed_kw=floor if entry.guaranteed_kw is None else entry.guaranteed_kw,
        default_need_kwh=entry.default_need_kwh,
        default_stay_s=entry.default_stay_h * 3600.0,
    )


def _goals(stated: PortfolioEntry) -> Goals:
    said: dict[str, Any] = stated.goals.model_dump()
    said.update({name: None for name, weight in said.items() if weight == "usual"})
    return Goals(order=stated.order, **said)


def _meter(entry: MeterEntry) -> Meter:
    return Meter(
        id=ids.MeterId(entry.id),
        role=entry.role,
        node=None if entry.node is None else ids.NodeId(entry.node),
        assets=tuple(ids.AssetId(asset) for asset in entry.assets),
        rank=entry.rank,
    )
