"""How long one tick of control takes: python benchmarks/tick.py.

Pools of batteries with measured sites and a boundary meter, in virtual time. Printed: p50 and p99
of the computation of one
tick, from frozen inputs to commands, as CPU time of its core and as wall time, and the most
commands that one tick gave.
"""

import gc
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from vpp.control.inputs import PoolModel, TickInputs, Timing
from vpp.control.state import start
from vpp.control.tick import step
from vpp.domain.assets import Battery
from vpp.domain.capability import Capability, Form
from vpp.domain.devices import Authority, Carried, Device, Link
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId, LinkId, MeterId, NodeId, PoolId, PortfolioId, SiteId
from vpp.domain.network import GridNode, Limit, Meter, MeterRole, Site
from vpp.domain.order import Goals
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.snapshot import Column, DeviceState, Layout, Snapshot

NOON = datetime(2025, 6, 21, 3, tzinfo=UTC)
KW, KWH = 15.0, 30.0


@dataclass
class Pool:
    """Batteries that follow at once, on sites of five."""

    model: PoolModel
    layout: Layout

    @classmethod
    def of(cls, assets: int, timing: Timing) -> "Pool":
        root, feeders = NodeId("pool"), 4
        nodes = {root: GridNode(id=root, settles=True, limits=(_limit(20.0 * assets),))}
        for f in range(feeders):
            node = NodeId(f"feeder{f}")
            nodes[node] = GridNode(id=node, parent=root, limits=(_limit(6.0 * assets),))
        sites = {}
        for s in range(math.ceil(assets / 5)):
            node = NodeId(f"node{s}")
            nodes[node] = GridNode(
                id=node, parent=NodeId(f"feeder{s % feeders}"), limits=(_limit(120.0),)
            )
            sites[SiteId(f"site{s}")] = Site(id=SiteId(f"site{s}"), node=node)
        batteries = {
            AssetId(f"bat{i}"): Battery(
                id=AssetId(f"bat{i}"), site=SiteId(f"site{i // 5}"),
                capacity_kwh=KWH * (1 + i % 3), charge_kw=KW, discharge_kw=KW,
            )
            for i in range(assets)
        }  # fmt: skip
        meters = {
            MeterId("boundary"): Meter(id=MeterId("boundary"), role=MeterRole.BOUNDARY, node=root)
        } | {
            MeterId(f"m{s}"): Meter(id=MeterId(f"m{s}"), role=MeterRole.SITE, node=site.node)
            for s, site in enumerate(sites.values())
        }
        link = Link(id=LinkId("link"), adapter="none")
        devices = {
            DeviceId(f"dev-{a}"): Device(
                id=DeviceId(f"dev-{a}"), link=link.id, adapter="none", profile="none",
                authority=Authority.AUTO, carries=(Carried(subject=a, writes=True),),
            )
            for a in batteries
        }  # fmt: skip
        facts = {
            DeviceId(f"dev-{a}"): DeviceFacts(
                capabilities={
                    a: Capability(
                        forms=frozenset({Form.TARGET, Form.STOP}), allowed=b.rated,
                        dead_time_s=1.0, resolution_kw=0.01,
                    )
                }
            )
            for a, b in batteries.items()
        }  # fmt: skip
        portfolio = Portfolio(
            id=PortfolioId("bench"), name="bench", currency="KRW", time_zone="Asia/Seoul",
            country="KR", latitude=35.0, longitude=127.0, goals=Goals(), nodes=nodes, sites=sites,
            assets=dict(batteries), meters=meters, links={link.id: link}, devices=devices,
        )  # fmt: skip
        model = PoolModel(portfolio=portfolio, pool=PoolId("pool"), facts=facts, timing=timing)
        layout = Layout(assets=tuple(batteries), meters=tuple(meters))
        return cls(model, layout)

    def snapshot(self, tick: int, now_s: float, power: np.ndarray, residual_kw: float) -> Snapshot:
        sites = len(self.layout.meters) - 1
        net = np.full(sites, residual_kw / sites) + np.bincount(
            np.arange(len(power)) // 5, weights=power, minlength=sites
        )
        states = {
            d: DeviceState(
                online=True, identified=True, read_back=True, arrived_s=now_s,
                authority=Authority.AUTO,
            )
            for d in self.model.portfolio.devices
        }  # fmt: skip
        return Snapshot(
            tick=tick, at=NOON + timedelta(seconds=now_s), now_s=now_s, layout=self.layout,
            assets={
                Quantity.POWER_KW: _column(power, now_s),
                Quantity.SOC: _column(np.linspace(0.2, 0.8, len(power)), now_s),
            },
            meters={Quantity.POWER_KW: _column(np.concatenate([[net.sum()], net]), now_s)},
            devices=states,
        )  # fmt: skip


def _limit(kw: float) -> Limit:
    return Limit(import_max=kw, export_max=kw)


def _column(values: np.ndarray, now_s: float) -> Column:
    return Column(
        values=values,
        quality=np.zeros(len(values), dtype=np.uint8),
        measured_s=np.full(len(values), now_s),
    )


def measure(assets: int, *, all_at_once: bool, ticks: int = 300) -> None:
    timing = Timing(tick_s=10.0, write_interval_s=5.0, start_ramp_per_min=100.0)
    if not all_at_once:
        timing = Timing(start_ramp_per_min=100.0)
    pool = Pool.of(assets, timing)
    rng, power = np.random.default_rng(1), np.zeros(assets)
    state, spent, most = start(pool.model.compiled, 0.0), [], 0
    for tick in range(1, ticks + 30):
        now_s = tick * timing.tick_s
        side = (-1) ** tick * 0.9 if all_at_once else -0.4 + 0.3 * math.sin(tick / 40)
        residual_kw = assets * KW * (side + rng.normal(0, 0.01))
        inputs = TickInputs(
            model=pool.model, snapshot=pool.snapshot(tick, now_s, power, residual_kw)
        )
        begin, cpu = time.perf_counter(), time.thread_time()
        result = step(state, inputs)
        if tick >= 30:
            wall = time.perf_counter() - begin
            spent.append((1e3 * (time.thread_time() - cpu), 1e3 * wall))
            most = max(most, len(result.commands))
        state, power = result.state, np.nan_to_num(result.wanted_kw)
    name = f"{assets:5d} assets" + (", all move every tick" if all_at_once else "")
    (p50, wall50), (p99, wall99) = np.percentile(spent, [50, 99], axis=0)
    print(
        f"{name:30s} CPU p50 {p50:6.2f} p99 {p99:6.2f} ms   "
        f"wall p50 {wall50:6.2f} p99 {wall99:6.2f} ms   most commands {most:5d}"
    )


if __name__ == "__main__":
    gc.freeze()
    for count in (20, 200, 1000):
        measure(count, all_at_once=False)
    measure(1000, all_at_once=True)
