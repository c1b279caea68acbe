"""Everything one daemon runs, as one frozen value with its look-ups."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from vpp.domain.assets import Asset
from vpp.domain.capability import SharedLimit
from vpp.domain.devices import Device, Link
from vpp.domain.ids import (
    AssetId,
    DeviceId,
    LinkId,
    MeterId,
    NodeId,
    PoolId,
    PortfolioId,
    SiteId,
    TariffId,
)
from vpp.domain.network import GridNode, Meter, Pool, Site
from vpp.domain.order import Goals
from vpp.domain.slots import Fineness
from vpp.domain.tariff import Tariff
from vpp.domain.weather import WeatherSupply


@dataclass(frozen=True, kw_only=True)
class Portfolio:
    """A validated city, built and proved consistent by ``vpp.config``.

    Mappings are in the order of the city file.
    """

    id: PortfolioId
    name: str
    currency: str
    time_zone: str
    """IANA name, for tariffs and screens only."""
    country: str
    """ISO 3166 code, for holidays."""
    latitude: float
    longitude: float
    goals: Goals
    nodes: Mapping[NodeId, GridNode]
    sites: Mapping[SiteId, Site]
    assets: Mapping[AssetId, Asset]
    meters: Mapping[MeterId, Meter]
    links: Mapping[LinkId, Link]
    devices: Mapping[DeviceId, Device]
    tariffs: Mapping[TariffId, Tariff] = field(default_factory=dict)
    shared_limits: tuple[SharedLimit, ...] = ()
    forecaster: str = "model"
    """Installed name of who foresees load and sun, where a command does not say otherwise."""
    weather: WeatherSupply | None = None
    """None: nobody forecasts it."""
    bad_day: float | None = None
    """Regret, as part of what all demand from the grid would have come to, above which a day is a
    bad one; None: the order's usual one."""

    slots: Fineness = Fineness.EQUAL
    """Of its plans."""

    @cached_property
    def children(self) -> Mapping[NodeId, tuple[NodeId, ...]]:
        """Direct children of every node, leaves included with an empty tuple."""
        found: dict[NodeId, list[NodeId]] = {node: [] for node in self.nodes}
        for node in self.nodes.values():
            if node.parent is not None:
                found[node.parent].append(node.id)
        return {node: tuple(below) for node, below in found.items()}

    def subtree(self, node: NodeId) -> tuple[NodeId, ...]:
        """The node and everything beneath it, parents before children."""
        return (
            node,
            *(deep for child in self.children[node] for deep in self.subtree(child)),
        )

    @cached_property
    def pools(self) -> Mapping[PoolId, Pool]:
        """One pool per settling node; its id is the node's."""
        site_by_node = {site.node: site.id for site in self.sites.values()}
        return {
            PoolId(node.id): Pool(
                id=PoolId(node.id),
                node=node.id,
                sites=tuple(site_by_node[n] for n in self.subtree(node.id) if n in site_by_node),
            )
            for node in self.nodes.values()
            if node.settles
        }

    @cached_property
    def pool_of_site(self) -> Mapping[SiteId, PoolId]:
        return {site: pool.id for pool in self.pools.values() for site in pool.sites}

    @cached_property
    def assets_of_site(self) -> Mapping[SiteId, tuple[AssetId, ...]]:
        found: dict[SiteId, list[AssetId]] = {site: [] for site in self.sites}
        for asset in self.assets.values():
            found.setdefault(asset.site, []).append(asset.id)
        return {site: tuple(assets) for site, assets in found.items()}

    @cached_property
    def writer_of(self) -> Mapping[AssetId, DeviceId]:
        """The one device through which each controllable asset is written."""
        return {
            asset: device.id for device in self.devices.values() for asset in device.written_assets
        }

    @cached_property
    def meters_of_node(self) -> Mapping[NodeId, tuple[MeterId, ...]]:
        """Meters of each node, the primary one first."""
        found: dict[NodeId, list[Meter]] = {node: [] for node in self.nodes}
        for meter in self.meters.values():
            if meter.node is not None:
                found[meter.node].append(meter)
        return {
            node: tuple(m.id for m in sorted(ms, key=lambda m: m.rank))
            for node, ms in found.items()
        }

    def assets_of_pool(self, pool: PoolId) -> tuple[AssetId, ...]:
        return tuple(a for site in self.pools[pool].sites for a in self.assets_of_site[site])
