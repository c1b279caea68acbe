"""How long one tick of control takes: python benchmarks/tick.py.

Pools of batteries with measured sites and a boundary meter, in virtual time. Printed: p50 and p99
of the computation of one
tick, from frozen inputs to commands, as CPU time of its core and as wall time, and the most
commands that one tick gave.
"""

import gc
import math
import time
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
from towns import NOON, OBEDIENT, Ratings, column, pool_of

from vpp.control.inputs import PoolModel, TickInputs, Timing
from vpp.control.state import start
from vpp.control.tick import step
from vpp.domain.arrays import Floats
from vpp.domain.assets import Battery
from vpp.domain.capability import Form
from vpp.domain.ids import AssetId, DeviceId, SiteId
from vpp.domain.points import Quantity
from vpp.domain.snapshot import DeviceState, Layout, Snapshot

KW, KWH, PER_SITE = 15.0, 30.0, 5


def battery(i: int) -> Battery:
    return Battery(
        id=AssetId(f"bat{i}"), site=SiteId(f"site{i // PER_SITE}"), capacity_kwh=KWH * (1 + i % 3),
        charge_kw=KW, discharge_kw=KW,
    )  # fmt: skip


def snapshot(
    model: PoolModel, tick: int, power: Floats, residual_kw: float,
    states: Mapping[DeviceId, DeviceState],
) -> Snapshot:  # fmt: skip
    """Every battery does what it was told."""
    now_s, pool = tick * model.timing.tick_s, model.compiled
    sites = len(pool.sites)
    net = np.full(sites, residual_kw / sites) + np.bincount(
        pool.site_of, weights=power, minlength=sites
    )
    return Snapshot(
        tick=tick, at=NOON + timedelta(seconds=now_s), now_s=now_s,
        layout=Layout(assets=pool.assets, meters=tuple(model.portfolio.meters)),
        assets={
            Quantity.POWER_KW: column(power, now_s),
            Quantity.SOC: column(np.linspace(0.2, 0.8, len(power)), now_s),
        },
        meters={Quantity.POWER_KW: column(np.concatenate([[net.sum()], net]), now_s)},
        devices=states,
    )  # fmt: skip


def measure(assets: int, *, all_at_once: bool, ticks: int = 300) -> None:
    timing = Timing(tick_s=10.0, write_interval_s=5.0, start_ramp_per_min=100.0)
    if not all_at_once:
        timing = Timing(start_ramp_per_min=100.0)
    ratings = Ratings(town_kw=20.0 * assets, feeder_kw=6.0 * assets, site_kw=120.0)
    cells = [battery(i) for i in range(assets)]
    model = pool_of(cells, Form.TARGET, timing, ratings, boundary=True)
    rng, power = np.random.default_rng(1), np.zeros(assets)
    state, spent, most = start(model.compiled, 0.0), [], 0
    for tick in range(1, ticks + 30):
        side = (-1) ** tick * 0.9 if all_at_once else -0.4 + 0.3 * math.sin(tick / 40)
        residual_kw = assets * KW * (side + rng.normal(0, 0.01))
        heard = OBEDIENT._replace(arrived_s=tick * timing.tick_s)
        states = dict.fromkeys(model.portfolio.devices, heard)
        seen = snapshot(model, tick, power, residual_kw, states)
        inputs = TickInputs(model=model, snapshot=seen)
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
