"""The plan's energy corridors: reserve and other service needs, hard inside what ranks above."""

import numpy as np

from vpp.control.ladder import plan_rung
from vpp.control.safety import Range
from vpp.control.scene import Scene
from vpp.domain.arrays import Floats
from vpp.domain.ladder import Rung

SLACK_PART = 0.1
"""Of the power that a corridor demands, by which what is held may miss it."""


def ranges(scene: Scene, life_s: Floats, slack: float = 0.0) -> Range:
    """Power that keeps every storage in its corridor, shape (assets,), kW.

    Inside it nothing may leave it within a setpoint's life; outside it power leads back by the
    slot's end. Whoever directs a storage may spend what is kept.

    Args:
        scene: What the tick stands on.
        life_s: How long a setpoint may run on.
        slack: Part of the way back that may be missing.
    """
    pool, stored = scene.pool, scene.stored
    low, high, hours_left = _corridor(scene)
    hours = np.maximum(life_s + pool.dead_s, 1.0) / 3600.0
    above, below = stored.lo_kwh - low, high - stored.hi_kwh
    lo_kw = np.where(
        above >= 0,
        -above * pool.eta_discharge / hours,
        -above / (pool.eta_charge * hours_left) * (1 - slack),
    )
    hi_kw = np.where(
        below >= 0,
        below / (pool.eta_charge * hours),
        below * pool.eta_discharge / hours_left * (1 - slack),
    )
    return Range(
        lo_kw=np.where(np.isnan(lo_kw), -np.inf, lo_kw),
        hi_kw=np.where(np.isnan(hi_kw), np.inf, hi_kw),
    )


def _corridor(scene: Scene) -> tuple[Floats, Floats, float]:
    """Least and most energy by the running slot's end, kWh, NaN where nothing is stated; hours."""
    pool, plan, at = scene.pool, scene.inputs.plan, scene.inputs.snapshot.at
    low, high = np.full(pool.count, np.nan), np.full(pool.count, np.nan)
    slot = plan.grid.index(at) if plan is not None else None
    holds = plan_rung(plan, pool.pool, at, np.inf) is not Rung.SURPLUS_RULE
    if plan is None or slot is None or not holds:
        return low, high, 1.0
    for corridor in plan.corridors:
        asset = pool.asset_at.get(corridor.asset)
        if asset is not None and np.isnan(scene.verdict.asset_wish_kw[asset]):
            low[asset], high[asset] = corridor.lo_kwh[slot], corridor.hi_kwh[slot]
    left_s = max(float(plan.grid.edges_s[slot + 1]) - at.timestamp(), scene.timing.tick_s)
    low = np.minimum(np.maximum(low, scene.stored.floor_kwh), scene.stored.ceiling_kwh)
    high = np.maximum(np.minimum(high, scene.stored.ceiling_kwh), scene.stored.floor_kwh)
    return low, high, left_s / 3600.0
