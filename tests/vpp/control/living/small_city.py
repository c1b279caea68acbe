"""A small city of batteries and meters, what its devices read, and what is decided for them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tests.vpp.control.living.fakes import READS
from vpp.control.inputs import Decision
from vpp.domain.assets import Asset, Battery
from vpp.domain.batch import Batch
from vpp.domain.capability import AllowedSet, Capability, Form
from vpp.domain.command import WriteClass
from vpp.domain.devices import Authority, Carried, Device, Identity, Link, SafeState
from vpp.domain.facts import Confirm, DeviceFacts
from vpp.domain.ids import AssetId, DeviceId, LinkId, MeterId, NodeId, PortfolioId, SiteId
from vpp.domain.network import GridNode, Meter, MeterRole, Site
from vpp.domain.order import Goals
from vpp.domain.points import Point, Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.quality import Quality
from vpp.domain.setpoint import target

ALL_FORMS = frozenset(Form)


def battery_facts(
    asset: str = "b1",
    *,
    rating_kw: float = 10.0,
    forms: frozenset[Form] = ALL_FORMS,
    timeout_s: float = 0.3,
    dead_time_s: float = 1.0,
    confirm: Confirm | None = None,
    refresh_s: float | None = 10.0,
    writes_per_day: int | None = None,
    heartbeat_s: float | None = None,
) -> DeviceFacts:
    capability = Capability(
        forms=forms,
        allowed=AllowedSet.between(-rating_kw, rating_kw),
        dead_time_s=dead_time_s,
        ramp_kw_per_s=10.0,
    )
    return DeviceFacts(
        capabilities={AssetId(asset): capability},
        timeout_s=timeout_s,
        confirm=confirm or Confirm(),
        refresh_s=refresh_s,
        writes_per_day=writes_per_day,
        heartbeat_s=heartbeat_s,
    )


def battery(name: str = "b1", site: str = "s1") -> Battery:
    return Battery(
        id=AssetId(name), site=SiteId(site), capacity_kwh=20.0, charge_kw=10.0, discharge_kw=10.0
    )


def device_of(
    name: str,
    *carries: Carried,
    authority: Authority = Authority.AUTO,
    safe: SafeState = SafeState.ZERO,
    identity: Identity | None = None,
    profile: str = "p1",
) -> Device:
    return Device(
        id=DeviceId(name),
        link=LinkId("l1"),
        adapter="fake",
        profile=profile,
        identity=identity or Identity(),
        safe=safe,
        authority=authority,
        carries=carries,
    )


def battery_device(name: str = "d1", asset: str = "b1", **said: Any) -> Device:
    carried = Carried(subject=AssetId(asset), reads=READS, writes=True)
    return device_of(name, carried, **said)


def city_of(
    assets: Sequence[Asset], devices: Sequence[Device], *, meters: bool = True
) -> Portfolio:
    """One feeder that settles, one node and meter per site; meters are named m-<site>."""
    sites = tuple(dict.fromkeys(asset.site for asset in assets))
    nodes = [GridNode(id=NodeId("feeder"), settles=True)]
    nodes += [GridNode(id=NodeId(f"n-{site}"), parent=NodeId("feeder")) for site in sites]
    measured = sites if meters else ()
    return Portfolio(
        id=PortfolioId("test"),
        name="test",
        currency="KRW",
        time_zone="Asia/Seoul",
        country="KR",
        latitude=35.0,
        longitude=127.0,
        goals=Goals(),
        nodes={node.id: node for node in nodes},
        sites={site: Site(id=site, node=NodeId(f"n-{site}")) for site in sites},
        assets={asset.id: asset for asset in assets},
        meters={
            MeterId(f"m-{site}"): Meter(
                id=MeterId(f"m-{site}"), role=MeterRole.SITE, node=NodeId(f"n-{site}")
            )
            for site in measured
        },
        links={LinkId("l1"): Link(id=LinkId("l1"), adapter="fake")},
        devices={device.id: device for device in devices},
    )


def meter_device(name: str = "dm", site: str = "s1") -> Device:
    return device_of(name, Carried(subject=MeterId(f"m-{site}"), reads={Quantity.POWER_KW: 0}))


def batch(
    device: str,
    values: Mapping[Point, float],
    *,
    at_s: float,
    measured_s: float | None = None,
    quality: Quality = Quality.GOOD,
) -> Batch:
    return Batch(
        device=DeviceId(device),
        points=tuple(values),
        values=np.array([*values.values()]),
        quality=np.full(len(values), quality, np.uint8),
        arrived_s=at_s,
        measured_s=at_s if measured_s is None else measured_s,
    )


def point(subject: str, quantity: Quantity = Quantity.POWER_KW) -> Point:
    return Point(subject=AssetId(subject), quantity=quantity)


def decide(
    power_kw: float,
    *,
    now_s: float,
    asset: str = "b1",
    device: str = "d1",
    write_class: WriteClass = WriteClass.COMMAND,
    life_s: float = 60.0,
) -> Decision:
    return Decision(
        asset=AssetId(asset),
        device=DeviceId(device),
        setpoint=target(
            AssetId(asset), power_kw, expires_s=now_s + life_s, owner="plan", reason="surplus"
        ),
        write_class=write_class,
    )
