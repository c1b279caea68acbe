"""Recorded data of a configured city: its own batteries, pools and prices put to them."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from vpp.backtest.data import Recording
from vpp.domain.arrays import Floats, frozen
from vpp.domain.assets import Battery
from vpp.domain.errors import InvariantError
from vpp.domain.ids import AssetId, NodeId, SiteId
from vpp.domain.portfolio import Portfolio
from vpp.domain.rules import Storage

Pools = list[list[int]]
"""Positions of the recording's sites, by pool, in the order of the portfolio's pools."""


def pools_of(recording: Recording, portfolio: Portfolio) -> Pools:
    """The pools of a portfolio in which the recorded sites lie; others have an empty list."""
    unknown = [site for site in recording.sites if SiteId(site) not in portfolio.sites]
    if unknown:
        named = f"{', '.join(unknown[:5])}{' and others' if len(unknown) > 5 else ''}"
        raise InvariantError(
            f"the city {portfolio.id} has no site {named}: name the city that the record is of, or"
            " none"
        )
    position = {site: index for index, site in enumerate(recording.sites)}
    return [
        [position[site] for site in pool.sites if site in position]
        for pool in portfolio.pools.values()
    ]


def part_of_city(portfolio: Portfolio, sites: Collection[str]) -> Portfolio:
    """The city as if it had no other sites: what measures or carries others as well goes, too.

    Limits and tariffs of the nodes above stay as they are.
    """
    kept = {SiteId(site) for site in sites} & portfolio.sites.keys()
    leaves = {portfolio.sites[site].node for site in kept}
    nodes = {n: node for n, node in portfolio.nodes.items() if leaves & {*portfolio.subtree(n)}}
    assets = {a: asset for a, asset in portfolio.assets.items() if asset.site in kept}
    meters = {
        m: meter
        for m, meter in portfolio.meters.items()
        if meter.node in nodes or (meter.assets and assets.keys() >= {*meter.assets})
    }
    devices = {
        d: device
        for d, device in portfolio.devices.items()
        if {carried.subject for carried in device.carries} <= assets.keys() | meters.keys()
    }
    return replace(
        portfolio,
        sites={site: portfolio.sites[site] for site in portfolio.sites if site in kept},
        nodes=nodes,
        assets=assets,
        meters=meters,
        devices=devices,
    )


def for_city(recording: Recording, portfolio: Portfolio) -> Recording:
    """The recording with the limits that the portfolio sets its batteries, and its tariff.

    Reserve and caps of the state of charge then hold for every controller alike. Prices are left
    out where the pools do not share one tariff.

    Raises:
        InvariantError: a recorded site or battery is none of the portfolio's.
    """
    pools_of(recording, portfolio)
    batteries = [portfolio.assets.get(AssetId(name)) for name in recording.batteries]
    known = [asset for asset in batteries if isinstance(asset, Battery)]
    if len(known) < len(batteries):
        names = zip(recording.batteries, batteries, strict=True)
        foreign = ", ".join(name for name, asset in names if not isinstance(asset, Battery))
        raise InvariantError(f"the city {portfolio.id} has no battery {foreign}: batteries.csv")
    storage = Storage.of(known, recording.storage.site.tolist())
    price, carbon = _prices(recording, portfolio)
    return replace(
        recording,
        storage=storage,
        start_kwh=frozen(np.clip(recording.start_kwh, storage.low_kwh, storage.high_kwh)),
        price_per_kwh=price,
        carbon_kg_per_kwh=carbon,
    )


def _prices(recording: Recording, portfolio: Portfolio) -> tuple[Floats | None, Floats | None]:
    names = {portfolio.nodes[NodeId(pool)].tariff for pool in portfolio.pools}
    name = names.pop() if len(names) == 1 else None
    if name is None:
        return None, None
    tariff = portfolio.tariffs[name]
    return frozen(tariff.import_on(recording.grid)), frozen(tariff.carbon_on(recording.grid))
