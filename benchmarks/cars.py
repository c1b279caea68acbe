"""How long one tick takes with thousands of cars: python benchmarks/cars.py.

Chargers on sites of twenty, four feeders, a car at each, in virtual time. Printed: p50 and p99 of
the computation of one tick as CPU time of its core, with room for all and with room for half of
the floors, so that cars take turns.
"""

import gc
import math
import time
from datetime import UTC, datetime, timedelta

import numpy as np

from vpp.control.inputs import PoolModel, TickInputs, Timing
from vpp.control.state import start
from vpp.control.tick import step
from vpp.domain.arrays import Floats
from vpp.domain.assets import EvCharger
from vpp.domain.capability import Capability, Form
from vpp.domain.devices import Authority, Carried, Device, Link
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId, LinkId, MeterId, NodeId, PoolId, PortfolioId, SiteId
from vpp.domain.network import GridNode, Limit, Meter, MeterRole, Site
from vpp.domain.order import Goals
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.quality import Quality
from vpp.domain.session import EvSession
from vpp.domain.snapshot import Column, DeviceState, Layout, Snapshot

NOON = datetime(2025, 6, 21, 3, tzinfo=UTC)
FLOOR_KW, MAX_KW, PER_SITE, FEEDERS = 4.1, 11.0, 20, 4


def pool_of(cars: int, feeder_kw: float) -> PoolModel:
    """Chargers whose feeders hold so much power each."""
    root = NodeId("pool")
    nodes = {root: GridNode(id=root, settles=True)}
    for f in range(FEEDERS):
        node = NodeId(f"feeder{f}")
        limit = Limit(import_max=feeder_kw, export_max=feeder_kw)
        nodes[node] = GridNode(id=node, parent=root, limits=(limit,))
    sites: dict[SiteId, Site] = {}
    for s in range(math.ceil(cars / PER_SITE)):
        node, site = NodeId(f"node{s}"), SiteId(f"site{s}")
        nodes[node] = GridNode(id=node, parent=NodeId(f"feeder{s % FEEDERS}"))
        sites[site] = Site(id=site, node=node)
    chargers = {
        AssetId(f"cp{i}"): EvCharger(
            id=AssetId(f"cp{i}"), site=SiteId(f"site{i // PER_SITE}"), max_kw=MAX_KW,
            floor_kw=FLOOR_KW,
        )
        for i in range(cars)
    }  # fmt: skip
    meters = {
        MeterId(f"m{s}"): Meter(id=MeterId(f"m{s}"), role=MeterRole.SITE, node=site.node)
        for s, site in enumerate(sites.values())
    }
    link = Link(id=LinkId("link"), adapter="none")
    devices = {
        DeviceId(f"dev-{a}"): Device(
            id=DeviceId(f"dev-{a}"), link=link.id, adapter="none", profile="none",
            authority=Authority.AUTO, carries=(Carried(subject=a, writes=True),),
        )
        for a in chargers
    }  # fmt: skip
    facts = {
        DeviceId(f"dev-{a}"): DeviceFacts(
            capabilities={
                a: Capability(
                    forms=frozenset({Form.CEILING, Form.STOP}), allowed=c.rated, dead_time_s=1.0
                )
            }
        )
        for a, c in chargers.items()
    }  # fmt: skip
    portfolio = Portfolio(
        id=PortfolioId("bench"), name="bench", currency="KRW", time_zone="Asia/Seoul", country="KR",
        latitude=35.0, longitude=127.0, goals=Goals(), nodes=nodes, sites=sites,
        assets=dict(chargers), meters=meters, links={link.id: link}, devices=devices,
    )  # fmt: skip
    timing = Timing(tick_s=10.0, freshness_s=50.0, start_ramp_per_min=100.0)
    return PoolModel(portfolio=portfolio, pool=PoolId("pool"), facts=facts, timing=timing)


def snapshot(model: PoolModel, tick: int, power: Floats, states: dict[DeviceId, DeviceState],
             sessions: dict[AssetId, EvSession | None]) -> Snapshot:  # fmt: skip
    """Every car draws what it was told."""
    now_s, pool = tick * model.timing.tick_s, model.compiled
    net = np.bincount(pool.site_of, weights=power, minlength=len(pool.sites))
    return Snapshot(
        tick=tick, at=NOON + timedelta(seconds=now_s), now_s=now_s,
        layout=Layout(assets=pool.assets, meters=tuple(model.portfolio.meters)),
        assets={Quantity.POWER_KW: _column(power, now_s)},
        meters={Quantity.POWER_KW: _column(np.asarray(net, dtype=np.float64), now_s)},
        sessions=sessions, devices=states,
    )  # fmt: skip


def _column(values: Floats, now_s: float) -> Column:
    quality = np.full(len(values), Quality.GOOD, dtype=np.uint8)
    return Column(values=values, quality=quality, measured_s=np.full(len(values), now_s))


def measure(cars: int, *, tight: bool, ticks: int = 200) -> None:
    feeder_kw = cars / FEEDERS * (FLOOR_KW / 2 if tight else 2 * MAX_KW)
    model = pool_of(cars, feeder_kw)
    rng, power = np.random.default_rng(1), np.zeros(cars)
    known = DeviceState(
        online=True, identified=True, read_back=True, arrived_s=0.0, authority=Authority.AUTO
    )
    states = dict.fromkeys(model.portfolio.devices, known)
    sessions: dict[AssetId, EvSession | None] = {
        asset: EvSession(
            id=f"s-{asset}", asset=asset, arrival=NOON, need_kwh=float(rng.uniform(5, 40)),
            departure=NOON + timedelta(hours=float(rng.uniform(1, 12))) if i % 3 else None,
        )
        for i, asset in enumerate(model.compiled.assets)
    }  # fmt: skip
    state, spent, most = start(model.compiled, 0.0), [], 0
    for tick in range(1, ticks + 20):
        inputs = TickInputs(model=model, snapshot=snapshot(model, tick, power, states, sessions))
        cpu = time.thread_time()
        result = step(state, inputs)
        if tick >= 20:
            spent.append(1e3 * (time.thread_time() - cpu))
            most = max(most, len(result.commands))
        state, power = result.state, np.nan_to_num(result.wanted_kw)
    p50, p99 = np.percentile(spent, [50, 99])
    name = f"{cars:5d} cars" + (", room for half" if tight else "")
    print(f"{name:28s} CPU p50 {p50:6.2f} p99 {p99:6.2f} ms   most commands {most:5d}")


if __name__ == "__main__":
    gc.freeze()
    for count in (1000, 3000):
        measure(count, tight=False)
        measure(count, tight=True)
