"""From full planning down to what each device does alone.

Which rung holds for the pool, for each site and each asset.

- Fresh plan: a plan not older than ``FRESH_S`` covers now. Left when it grows older.
- Last plan: the same one up to ``LAST_S``, while its inputs hold. Left by a newer plan, or when its
  inputs no longer hold.
- Surplus rule: there is no such plan. Left by a plan that holds.
- Safe state: of the pool when its residual is blind; of a site when its meter is past three
  freshness limits; of an asset that is unheard, barred, of unknown energy or under another
  authority. Left when the meter has been good for one freshness limit, or the asset is heard and
  then taken over at its measured power.
"""

from datetime import datetime
from functools import lru_cache

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.domain.arrays import Bools, frozen
from vpp.domain.curve import SlotCosts, ValueCurve, surplus_rule_curve
from vpp.domain.ladder import Rung
from vpp.domain.plan import Plan
from vpp.domain.slots import SlotGrid

FRESH_S = 3600.0
LAST_S = 86400.0
SLOT_S = 900.0
CAPACITY_PART = 0.5
"""A plan's inputs no longer hold once less than this part of its storages' capacity is left."""


def plan_rung(plan: Plan | None, pool: str, at: datetime, usable_kwh: float) -> Rung:
    """Rung of the pool's plan.

    Args:
        plan: The newest accepted one.
        pool: The pool it must be for.
        at: Now.
        usable_kwh: Capacity of the storages that this tick decides, above their floors.
    """
    if plan is None or plan.pool != pool or not plan.grid.covers(at):
        return Rung.SURPLUS_RULE
    age_s = (at - plan.issued_at).total_seconds()
    planned_kwh = float(plan.curve.energy_kwh[-1])
    if age_s > LAST_S or usable_kwh < CAPACITY_PART * planned_kwh:
        return Rung.SURPLUS_RULE
    return Rung.FRESH_PLAN if age_s <= FRESH_S else Rung.LAST_PLAN


def rule_slots(at: datetime, usable_kwh: float) -> tuple[SlotGrid, ValueCurve, SlotCosts]:
    """Grid, curve and costs of the measured-surplus rule: one slot, the one that is running."""
    return _rule_slots(at.timestamp() // SLOT_S * SLOT_S, usable_kwh)


@lru_cache(maxsize=64)
def _rule_slots(start_s: float, usable_kwh: float) -> tuple[SlotGrid, ValueCurve, SlotCosts]:
    """Worked out once per slot and pool, unless its storages change."""
    grid = SlotGrid(edges_s=frozen(start_s + SLOT_S * np.arange(2)))
    none, one = np.zeros(1), np.ones(1)
    costs = SlotCosts(
        unit="kWh of import",
        import_weight=one,
        export_weight=none,
        flatten=none,
        peak_threshold_kw=np.full(1, np.inf),
        peak_weight=none,
        ramp_weight=none,
    )
    return grid, surplus_rule_curve(grid, capacity_kwh=usable_kwh), costs


def rungs(pool: CompiledPool, of_pool: Rung, dark: Bools, decided: Bools) -> dict[str, Rung]:
    """By asset, site and pool id.

    Assets that nobody controls take their site's rung.
    """
    dark_asset, dark_site = pool.rows.below(dark), _dark_sites(pool, dark)
    safe = (pool.writable & ~pool.pv & ~decided) | dark_asset
    found: dict[str, Rung] = {str(pool.pool): of_pool}
    found |= {
        site: Rung.SAFE_STATE if lost else of_pool
        for site, lost in zip(pool.sites, dark_site.tolist(), strict=True)
    }
    found |= {
        asset: Rung.SAFE_STATE if lost else of_pool
        for asset, lost in zip(pool.assets, safe.tolist(), strict=True)
    }
    return found


def _dark_sites(pool: CompiledPool, dark: Bools) -> Bools:
    return np.array(
        [dark[list(pool.rows.paths[row])].any() for row in pool.site_row], dtype=np.bool_
    )
