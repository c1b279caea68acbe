"""A town for benchmarks of the tick: assets on metered sites, beneath four feeders, in one pool."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

import numpy as np

from vpp.control.inputs import PoolModel, Timing
from vpp.domain.arrays import Floats
from vpp.domain.assets import Asset
from vpp.domain.capability import Capability, Form
from vpp.domain.devices import Authority, Carried, Device, Link
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import DeviceId, LinkId, MeterId, NodeId, PoolId, PortfolioId
from vpp.domain.network import GridNode, Limit, Meter, MeterRole, Site
from vpp.domain.order import Goals
from vpp.domain.portfolio import Portfolio
from vpp.domain.quality import Quality
from vpp.domain.snapshot import Column, DeviceState

NOON = datetime(2025, 6, 21, 3, tzinfo=UTC)
FEEDERS = 4
OBEDIENT = DeviceState(
    online=True, identified=True, read_back=True, arrived_s=0.0, authority=Authority.AUTO
)
"""A device that is heard and may be written."""


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """Of one node of each kind, kW both ways; infinite where it is not rated."""

    town_kw: float = inf
    feeder_kw: float = inf
    site_kw: float = inf


def pool_of(
    assets: Sequence[Asset], form: Form, timing: Timing, ratings: Ratings, *, boundary: bool = False
) -> PoolModel:
    """Assets that are told ``form`` and follow after a second.

    ``boundary``: the pool has a meter of its own beside those of its sites.
    """
    root = NodeId("pool")
    nodes = {root: _node(root, None, ratings.town_kw)}
    for f in range(FEEDERS):
        nodes[NodeId(f"feeder{f}")] = _node(NodeId(f"feeder{f}"), root, ratings.feeder_kw)
    sites: dict[str, Site] = {}
    for s, site in enumerate(dict.fromkeys(asset.site for asset in assets)):
        node = NodeId(f"node-{site}")
        nodes[node] = _node(node, NodeId(f"feeder{s % FEEDERS}"), ratings.site_kw)
        sites[site] = Site(id=site, node=node)
    meters = [
        Meter(id=MeterId("boundary"), role=MeterRole.BOUNDARY, node=root) if boundary else None,
        *(
            Meter(id=MeterId(f"meter-{site.id}"), role=MeterRole.SITE, node=site.node)
            for site in sites.values()
        ),
    ]
    link = Link(id=LinkId("link"), adapter="none")
    devices = [
        Device(
            id=DeviceId(f"dev-{asset.id}"), link=link.id, adapter="none", profile="none",
            authority=Authority.AUTO, carries=(Carried(subject=asset.id, writes=True),),
        )
        for asset in assets
    ]  # fmt: skip
    facts = {
        device.id: DeviceFacts(
            capabilities={
                asset.id: Capability(
                    forms=frozenset({form, Form.STOP}), allowed=asset.rated, dead_time_s=1.0,
                    resolution_kw=0.01,
                )
            },
            atomic_reversal=True,
        )
        for device, asset in zip(devices, assets, strict=True)
    }  # fmt: skip
    portfolio = Portfolio(
        id=PortfolioId("bench"), name="bench", currency="KRW", time_zone="Asia/Seoul", country="KR",
        latitude=35.0, longitude=127.0, goals=Goals(), nodes=nodes,
        sites={site.id: site for site in sites.values()},
        assets={asset.id: asset for asset in assets},
        meters={meter.id: meter for meter in meters if meter is not None},
        links={link.id: link}, devices={device.id: device for device in devices},
    )  # fmt: skip
    return PoolModel(portfolio=portfolio, pool=PoolId("pool"), facts=facts, timing=timing)


def column(values: Floats, now_s: float) -> Column:
    """Good values, measured now."""
    quality = np.full(len(values), Quality.GOOD, dtype=np.uint8)
    return Column(values=values, quality=quality, measured_s=np.full(len(values), now_s))


def _node(node: NodeId, parent: NodeId | None, rating_kw: float) -> GridNode:
    limits = (Limit(import_max=rating_kw, export_max=rating_kw),) if rating_kw < inf else ()
    return GridNode(id=node, parent=parent, settles=parent is None, limits=limits)
