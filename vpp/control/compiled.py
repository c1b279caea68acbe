"""One pool as arrays: whatever of it stays the same from tick to tick, worked out once."""

import hashlib
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from vpp.control.rows import NONE, PhaseRows, Rows, tree
from vpp.domain.arrays import Bools, Floats, Ints
from vpp.domain.assets import Asset, Battery, EvCharger, Phases, Pv
from vpp.domain.capability import AllowedSet, Capability, Form, SharedLimit
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId, MeterId, NodeId, PoolId, SiteId
from vpp.domain.network import Layer, Limit, Tightest, Unit
from vpp.domain.portfolio import Portfolio
from vpp.domain.snapshot import Layout

PHASE_KV = 0.23
"""Voltage of one phase against neutral, kV: 1 kW on one phase is 4.35 A."""
PHASE_OF = {Phases.L1: (0,), Phases.L2: (1,), Phases.L3: (2,)}


@dataclass(frozen=True, kw_only=True, eq=False)
class CompiledPool:
    """Arrays of shape (assets,) unless said otherwise; positions are the pool's own."""

    pool: PoolId
    assets: tuple[AssetId, ...]
    asset: tuple[Asset, ...]
    sites: tuple[SiteId, ...]
    devices: tuple[DeviceId, ...]
    """Through which assets of the pool are written."""
    facts: tuple[DeviceFacts, ...]
    device_of: Ints
    """-1 for an asset that nobody can write."""
    site_of: Ints
    site_row: Ints
    """Row of each site's connection, shape (sites,)."""
    battery: Bools
    car: Bools
    pv: Bools
    lo_kw: Floats
    """Nameplate."""
    hi_kw: Floats
    least_kw: Floats
    """Nameplate cut to what the device's profile allows."""
    most_kw: Floats
    allowed: tuple[AllowedSet, ...]
    gapped: Bools
    """The allowed set has a hole."""
    forms: tuple[frozenset[Form], ...]
    dead_s: Floats
    ramp_kw_s: Floats
    resolution_kw: Floats
    efficient_min_kw: Floats
    least_on_kw: Floats
    """Smallest magnitude that counts as running."""
    min_on_s: Floats
    min_off_s: Floats
    starts: Floats
    """A day; infinite where any number may be made."""
    write_interval_s: Floats
    refresh_s: Floats
    """Infinite where the register must not be refreshed."""
    budget: Floats
    """Writes a day."""
    through_idle: Bools
    """Storages whose device takes more than one write from charging to discharging."""
    capacity_kwh: Floats
    eta_charge: Floats
    eta_discharge: Floats
    floor_soc: Floats
    soc_max: Floats
    guaranteed_kw: Floats
    car_floor_kw: Floats
    rows: Rows
    node_of_row: tuple[NodeId | None, ...]
    """None for a rating that assets of one device share."""
    row_import: tuple[Limit, ...]
    """Of each row the limit that holds for its import, in kW."""
    row_of_node: Mapping[NodeId, int]
    meters: tuple[tuple[MeterId, ...], ...]
    """Of each row's node, the primary one first; empty for a shared rating."""
    metered: Bools
    """Rows with a meter of their own."""
    metered_below: Bools
    """Rows with a metered row somewhere beneath: the ranked substitute of their own meter."""
    phases: PhaseRows
    fee_per_kwh: float

    @property
    def count(self) -> int:
        return len(self.assets)

    @cached_property
    def asset_at(self) -> Mapping[AssetId, int]:
        return {asset: i for i, asset in enumerate(self.assets)}

    @cached_property
    def site_at(self) -> Mapping[SiteId, int]:
        return {site: i for i, site in enumerate(self.sites)}

    @cached_property
    def rating_kw(self) -> Floats:
        """Largest magnitude of each asset's nameplate."""
        return np.maximum(np.abs(self.lo_kw), np.abs(self.hi_kw))

    @cached_property
    def chargers(self) -> tuple[tuple[int, EvCharger], ...]:
        """Every charger with its position."""
        return tuple((i, a) for i, a in enumerate(self.asset) if isinstance(a, EvCharger))

    @cached_property
    def jitter(self) -> Floats:
        """A number of each asset's own, 0..1, the same for ever: so that not all begin at once."""
        digests = (hashlib.blake2b(asset.encode(), digest_size=4) for asset in self.assets)
        return np.array([int.from_bytes(digest.digest()) / 2.0**32 for digest in digests])

    @cached_property
    def turn(self) -> tuple[Ints, Ints]:
        """Of each asset its place among those that its device carries, and how many these are."""
        carried = Counter[int]()
        places, counts = np.zeros(self.count, np.int64), np.ones(self.count, np.int64)
        for at in np.flatnonzero(self.writable).tolist():
            device = int(self.device_of[at])
            places[at] = carried[device]
            carried[device] += 1
        mine = self.writable
        counts[mine] = [carried[device] for device in self.device_of[mine].tolist()]
        return places, counts

    @cached_property
    def writable(self) -> Bools:
        """Assets that a tick could decide.

        Written by a device, and of a kind that is controlled.
        """
        return np.asarray((self.device_of != NONE) & (self.battery | self.car | self.pv))


@dataclass(frozen=True, kw_only=True, eq=False)
class Positions:
    """Where a pool's assets and meters stand in the arrays of a snapshot."""

    asset_at: Ints
    meter_at: Ints
    """Shape (ranks, rows); -1 where a row has no such meter."""


@lru_cache(maxsize=64)
def positions(pool: CompiledPool, layout: Layout) -> Positions:
    """Looked up once per pool and layout."""
    ranks = max((len(ids) for ids in pool.meters), default=0)
    meter_at = np.full((ranks, len(pool.rows)), NONE, dtype=np.int64)
    for row, ids in enumerate(pool.meters):
        for rank, meter in enumerate(ids):
            meter_at[rank, row] = layout.meter_at.get(meter, NONE)
    return Positions(
        asset_at=np.array([layout.asset_at[asset] for asset in pool.assets], dtype=np.int64),
        meter_at=meter_at,
    )


def compile_pool(
    portfolio: Portfolio, pool: PoolId, facts: Mapping[DeviceId, DeviceFacts]
) -> CompiledPool:
    """A pool as arrays."""
    assets = tuple(portfolio.assets[a] for a in portfolio.assets_of_pool(pool))
    writers = [portfolio.writer_of.get(a.id) for a in assets]
    known = [
        w if w is not None and w in facts and a.id in facts[w].capabilities else None
        for a, w in zip(assets, writers, strict=True)
    ]
    devices = tuple(dict.fromkeys(w for w in known if w is not None))
    device_at = {device: i for i, device in enumerate(devices)}
    of = [facts[w] if w is not None else DeviceFacts() for w in known]
    able = [
        f.capabilities.get(a.id) or Capability(forms=frozenset(), allowed=a.rated)
        for f, a in zip(of, assets, strict=True)
    ]
    allowed = tuple(
        c.allowed.within(a.rated.lo_kw, a.rated.hi_kw) or a.rated
        for c, a in zip(able, assets, strict=True)
    )
    sites = portfolio.pools[pool].sites
    site_at = {site: i for i, site in enumerate(sites)}
    rows, nodes, imports = _rows(portfolio, pool, assets, facts)
    row_of = {node: row for row, node in enumerate(nodes) if node is not None}
    meters = tuple(portfolio.meters_of_node[n] if n is not None else () for n in nodes)
    metered = np.array([bool(ids) for ids in meters], dtype=np.bool_)
    return CompiledPool(
        pool=pool,
        assets=tuple(a.id for a in assets),
        asset=assets,
        sites=sites,
        devices=devices,
        facts=tuple(facts[d] for d in devices),
        device_of=np.array(
            [device_at[w] if w is not None else NONE for w in known], dtype=np.int64
        ),
        site_of=np.array([site_at[a.site] for a in assets], dtype=np.int64),
        site_row=np.array([row_of[portfolio.sites[s].node] for s in sites], dtype=np.int64),
        battery=np.array([isinstance(a, Battery) for a in assets], dtype=np.bool_),
        car=np.array([isinstance(a, EvCharger) for a in assets], dtype=np.bool_),
        pv=np.array([isinstance(a, Pv) and a.curtailable for a in assets], dtype=np.bool_),
        lo_kw=np.array([a.rated.lo_kw for a in assets]),
        hi_kw=np.array([a.rated.hi_kw for a in assets]),
        least_kw=np.array([s.lo_kw for s in allowed]),
        most_kw=np.array([s.hi_kw for s in allowed]),
        allowed=allowed,
        gapped=np.array([len(s.intervals) > 1 for s in allowed], dtype=np.bool_),
        forms=tuple(c.forms for c in able),
        dead_s=np.array([c.dead_time_s for c in able]),
        ramp_kw_s=np.array([c.ramp_kw_per_s for c in able]),
        resolution_kw=np.array([c.resolution_kw for c in able]),
        efficient_min_kw=np.array([c.efficient_min_kw for c in able]),
        least_on_kw=np.array([_least_on_kw(c, s) for c, s in zip(able, allowed, strict=True)]),
        min_on_s=np.array([c.min_on_s for c in able]),
        min_off_s=np.array([c.min_off_s for c in able]),
        starts=np.array([math.inf if c.starts_per_day is None else c.starts_per_day for c in able]),
        write_interval_s=np.array([f.min_write_interval_s for f in of]),
        refresh_s=np.array([math.inf if f.refresh_s is None else f.refresh_s for f in of]),
        budget=np.array([math.inf if f.writes_per_day is None else f.writes_per_day for f in of]),
        through_idle=np.array(
            [
                isinstance(a, Battery) and not f.atomic_reversal
                for a, f in zip(assets, of, strict=True)
            ],
            dtype=np.bool_,
        ),
        capacity_kwh=_of_batteries(assets, "capacity_kwh", 0.0),
        eta_charge=_of_batteries(assets, "eta_charge", 1.0),
        eta_discharge=_of_batteries(assets, "eta_discharge", 1.0),
        floor_soc=_of_batteries(assets, "floor_soc", 0.0),
        soc_max=_of_batteries(assets, "soc_max", 1.0),
        guaranteed_kw=_of_cars(assets, "guaranteed_kw"),
        car_floor_kw=_of_cars(assets, "floor_kw"),
        rows=rows,
        node_of_row=nodes,
        row_import=imports,
        row_of_node=row_of,
        meters=meters,
        metered=metered,
        metered_below=_has_below(rows, metered),
        phases=_phase_rows(portfolio, nodes, assets, rows),
        fee_per_kwh=portfolio.nodes[portfolio.pools[pool].node].fee_per_kwh,
    )


def _least_on_kw(able: Capability, allowed: AllowedSet) -> float:
    floor = max((i.lo_kw for i in allowed.intervals if i.lo_kw > 0), default=0.0)
    return max(floor, able.efficient_min_kw, able.resolution_kw, 0.01 * allowed.hi_kw)


def _of_batteries(assets: tuple[Asset, ...], name: str, otherwise: float) -> Floats:
    return np.array([getattr(a, name) if isinstance(a, Battery) else otherwise for a in assets])


def _of_cars(assets: tuple[Asset, ...], name: str) -> Floats:
    return np.array([getattr(a, name) if isinstance(a, EvCharger) else 0.0 for a in assets])


def _rows(
    portfolio: Portfolio,
    pool: PoolId,
    assets: tuple[Asset, ...],
    facts: Mapping[DeviceId, DeviceFacts],
) -> tuple[Rows, tuple[NodeId | None, ...], tuple[Limit, ...]]:
    """Nodes of the pool, parents first, then the shared ratings beneath their sites."""
    nodes: list[NodeId | None] = list(portfolio.subtree(portfolio.pools[pool].node))
    row_of = {node: row for row, node in enumerate(nodes)}
    grid = [portfolio.nodes[n] for n in nodes if n is not None]
    parents = [NONE] + [row_of[node.parent] for node in grid[1:]]
    limits = [node.tightest_kw(hard=True) for node in grid]
    names = [str(node.id) for node in grid]
    asset_row = {a.id: row_of[portfolio.sites[a.site].node] for a in assets}
    for limit, layer in _shared(portfolio, facts):
        members = [a for a in assets if a.id in limit.assets]
        if len({a.site for a in members}) == 1:
            row = len(nodes)
            nodes.append(None)
            names.append(limit.reason + " of " + ", ".join(sorted(a.id for a in members)))
            parents.append(asset_row[members[0].id])
            rating = Limit(
                import_max=limit.hi_kw, export_max=-limit.lo_kw, layer=layer, source=limit.reason
            )
            limits.append(Tightest(imports=rating, exports=rating))
            asset_row |= {a.id: row for a in members}
    ends = [(limit.import_max, limit.export_max) for limit in limits]
    rows = tree(names, parents, [asset_row[a.id] for a in assets], ends)
    return rows, tuple(nodes), tuple(limit.imports for limit in limits)


def _shared(
    portfolio: Portfolio, facts: Mapping[DeviceId, DeviceFacts]
) -> tuple[tuple[SharedLimit, Layer], ...]:
    """Every shared rating once, whether the city file or a device's profile states it.

    Named after who states the tighter one, into the assets.
    """
    stated = [(s, Layer.CONFIGURED) for s in portfolio.shared_limits]
    stated += [(s, Layer.NAMEPLATE) for f in facts.values() for s in f.shared_limits]
    tightest: dict[frozenset[AssetId], tuple[SharedLimit, Layer]] = {}
    for limit, layer in stated:
        seen, whose = tightest.get(limit.assets, (limit, layer))
        both = replace(seen, lo_kw=max(limit.lo_kw, seen.lo_kw), hi_kw=min(limit.hi_kw, seen.hi_kw))
        tightest[limit.assets] = both, layer if limit.hi_kw < seen.hi_kw else whose
    return tuple(tightest.values())


def _has_below(rows: Rows, metered: Bools) -> Bools:
    found = np.zeros(len(rows), dtype=np.bool_)
    for row in np.flatnonzero(metered):
        found[list(rows.paths[row][1:])] = True
    return found


def _phase_rows(
    portfolio: Portfolio, nodes: tuple[NodeId | None, ...], assets: tuple[Asset, ...], rows: Rows
) -> PhaseRows:
    node_row: list[int] = []
    limit_a: list[float] = []
    members: list[tuple[int, int, float]] = []
    for row, node in enumerate(nodes):
        stated = (
            []
            if node is None
            else [
                limit.import_max
                for limit in portfolio.nodes[node].limits
                if limit.hard and limit.unit is Unit.A_PER_PHASE
            ]
        )
        if not stated:
            continue
        inside = [i for i in range(len(assets)) if row in rows.paths[rows.asset_row[i]]]
        for phase in range(3):
            members += [
                (len(limit_a), i, a)
                for i in inside
                if (a := _a_per_kw(assets[i].phases, phase)) > 0
            ]
            node_row.append(row)
            limit_a.append(min(stated))
    return PhaseRows(
        node_row=np.array(node_row, dtype=np.int64),
        limit_a=np.array(limit_a),
        member_row=np.array([m[0] for m in members], dtype=np.int64),
        member=np.array([m[1] for m in members], dtype=np.int64),
        a_per_kw=np.array([m[2] for m in members]),
    )


def _a_per_kw(phases: Phases, phase: int) -> float:
    """Current on one phase per kW.

    An unknown single phase counts on each of them, so also on the worst.
    """
    if phases is Phases.THREE:
        return 1.0 / (3 * PHASE_KV)
    if phases is Phases.ONE_UNKNOWN or phase in PHASE_OF[phases]:
        return 1.0 / PHASE_KV
    return 0.0
