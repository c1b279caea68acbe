"""How long one tick takes with thousands of cars: python benchmarks/cars.py.

Chargers on sites of twenty, four feeders, a car at each, in virtual time. Printed: p50 and p99 of
the computation of one tick as CPU time of its core, with room for all and with room for half of
the floors, so that cars take turns.
"""

import gc
import time
from datetime import timedelta

import numpy as np
from towns import FEEDERS, NOON, OBEDIENT, Ratings, column, pool_of

from vpp.control.inputs import PoolModel, TickInputs, Timing
from vpp.control.state import start
from vpp.control.tick import step
from vpp.domain.arrays import Floats
from vpp.domain.assets import EvCharger
from vpp.domain.capability import Form
from vpp.domain.ids import AssetId, DeviceId, SiteId
from vpp.domain.points import Quantity
from vpp.domain.session import EvSession
from vpp.domain.snapshot import DeviceState, Layout, Snapshot

FLOOR_KW, MAX_KW, PER_SITE = 4.1, 11.0, 20


def charger(i: int) -> EvCharger:
    site = SiteId(f"site{i // PER_SITE}")
    return EvCharger(id=AssetId(f"cp{i}"), site=site, max_kw=MAX_KW, floor_kw=FLOOR_KW)


def snapshot(model: PoolModel, tick: int, power: Floats, states: dict[DeviceId, DeviceState],
             sessions: dict[AssetId, EvSession | None]) -> Snapshot:  # fmt: skip
    """Every car draws what it was told."""
    now_s, pool = tick * model.timing.tick_s, model.compiled
    net = np.bincount(pool.site_of, weights=power, minlength=len(pool.sites))
    return Snapshot(
        tick=tick, at=NOON + timedelta(seconds=now_s), now_s=now_s,
        layout=Layout(assets=pool.assets, meters=tuple(model.portfolio.meters)),
        assets={Quantity.POWER_KW: column(power, now_s)},
        meters={Quantity.POWER_KW: column(np.asarray(net, dtype=np.float64), now_s)},
        sessions=sessions, devices=states,
    )  # fmt: skip


def measure(cars: int, *, tight: bool, ticks: int = 200) -> None:
    feeder_kw = cars / FEEDERS * (FLOOR_KW / 2 if tight else 2 * MAX_KW)
    timing = Timing(tick_s=10.0, freshness_s=50.0, start_ramp_per_min=100.0)
    chargers = [charger(i) for i in range(cars)]
    model = pool_of(chargers, Form.CEILING, timing, Ratings(feeder_kw=feeder_kw))
    rng, power = np.random.default_rng(1), np.zeros(cars)
    states = dict.fromkeys(model.portfolio.devices, OBEDIENT)
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
