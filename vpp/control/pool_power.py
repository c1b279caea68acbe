"""The pool's storages as one.

What they hold and reach, what net they serve, and how much power that asks of them.
"""

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from vpp.control import ladder, ledger, serving, sharing
from vpp.control.compiled import CompiledPool
from vpp.control.merit import Coming
from vpp.control.reach import Reach
from vpp.control.residual import Ground
from vpp.control.scene import Scene
from vpp.control.serving import Served, Slot, Store
from vpp.control.sharing import Bounds
from vpp.control.state import ControlState, SlotMemory
from vpp.control.stored_energy import Stored
from vpp.domain.arrays import Bools, Floats
from vpp.domain.curve import SlotCosts, ValueCurve, surplus_rule_curve
from vpp.domain.ladder import Rung
from vpp.domain.plan import Plan
from vpp.domain.slots import SlotGrid

SHORTEST_LEVEL_H = 0.25
GAIN = 0.2
"""Largest part of a lasting shortfall that is made up per total delay."""
TRIM_PART = 0.05
"""Of the storages' rated power; a greater shortfall is a fault, not drift."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terms:
    """By which values the pool is served: the plan's, or those of the measured-surplus rule."""

    rung: Rung
    plan: Plan | None
    """None below the plan's rungs."""
    grid: SlotGrid
    curve: ValueCurve
    costs: SlotCosts

    @classmethod
    def of(cls, plan: Plan | None, pool: CompiledPool, at: datetime, usable_kwh: float) -> "Terms":
        rung = ladder.plan_rung(plan, pool.pool, at, usable_kwh)
        if plan is None or rung is Rung.SURPLUS_RULE:
            grid, curve, costs = ladder.rule_slots(at, usable_kwh)
            return cls(rung=rung, plan=None, grid=grid, curve=curve, costs=costs)
        return cls(rung=rung, plan=plan, grid=plan.grid, curve=plan.curve, costs=plan.costs)

    def without_side(self) -> "Terms":
        """The measured-surplus rule within the plan, whose own curve serves side goals too."""
        capacity_kwh = float(self.curve.energy_kwh[-1])
        return replace(self, curve=surplus_rule_curve(self.grid, capacity_kwh=capacity_kwh))

    def slot(self, memory: SlotMemory, at: datetime, tick_s: float, side_weight: float) -> Slot:
        return ledger.slot_now(memory, self.grid, at, tick_s, side_weight)


def fleet(scene: Scene, members: Bools, reach: Reach, terms: Terms) -> sharing.Fleet:
    """The storages that share, everything else without reach."""
    pool, stored = scene.pool, scene.stored
    charge = np.maximum(reach.rated.hi_kw, 0.0)
    discharge = np.maximum(-reach.rated.lo_kw, 0.0)
    room = np.maximum(stored.ceiling_kwh - stored.floor_kwh - stored.middle_kwh, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        fill = np.where(charge > 0, room / (pool.eta_charge * charge), 0.0)
        empty = np.where(discharge > 0, stored.middle_kwh * pool.eta_discharge / discharge, 0.0)
    return sharing.Fleet(
        member=members,
        lo_kw=np.where(members, reach.fresh.lo_kw, 0.0),
        hi_kw=np.where(members, reach.fresh.hi_kw, 0.0),
        fill_h=np.where(members, fill, 0.0),
        empty_h=np.where(members, empty, 0.0),
        charge_kw=np.where(members, charge, 0.0),
        discharge_kw=np.where(members, discharge, 0.0),
        worth=_worths(pool, terms.plan, scene.inputs.snapshot.at),
        level_h=max(SHORTEST_LEVEL_H, scene.timing.tick_s / 3600.0),
    )


def _worths(pool: CompiledPool, plan: Plan | None, at: datetime) -> Floats | None:
    """What a stored kWh is worth at each storage now.

    Those the plan does not name count in the mean.
    """
    slot = plan.grid.index(at) if plan is not None else None
    if plan is None or slot is None or plan.share_worth is None:
        return None
    named = [(pool.asset_at[a], i) for i, a in enumerate(plan.share_assets) if a in pool.asset_at]
    if not named:
        return None
    worth = np.full(pool.count, float(np.mean([plan.share_worth[i, slot] for _, i in named])))
    worth[[at for at, _ in named]] = [plan.share_worth[i, slot] for _, i in named]
    return worth


def coming(plan: Plan | None, at: datetime) -> Coming | None:
    """The net that the plan foresees after the running slot, at its lowest; None if it has none."""
    slot = plan.grid.index(at) if plan is not None else None
    if plan is None or slot is None or plan.least_net_kw is None:
        return None
    return Coming.of(plan.least_net_kw[slot + 1 :], plan.grid.edges_s[slot + 1 :])


def store(
    pool: CompiledPool, members: Bools, stored: Stored, of: sharing.Fleet, bounds: Bounds
) -> Store:
    """All members as one storage that reaches as far as ranges and rows let it."""
    low, high = pool.rows.reach(of.lo_kw, of.hi_kw, bounds.least_kw, bounds.most_kw)
    weight = np.where(members, pool.capacity_kwh, 0.0)
    total = max(float(weight.sum()), 1e-9)
    none = not members.any()
    return Store(
        energy_kwh=float(np.where(members, stored.middle_kwh, 0.0).sum()),
        lo_kw=float(low[0]),
        hi_kw=float(high[0]),
        eta_charge=1.0 if none else float((weight * pool.eta_charge).sum()) / total,
        eta_discharge=1.0 if none else float((weight * pool.eta_discharge).sum()) / total,
    )


def usable_kwh(members: Bools, stored: Stored) -> float:
    """Capacity above the floors."""
    return float(np.where(members, stored.ceiling_kwh - stored.floor_kwh, 0.0).sum())


def certain_net(ground: Ground, other_kw: float) -> float:
    """The net to serve: the low end of a surplus or of a deficit, 0 where it may be either.

    Args:
        ground: The residual as an interval.
        other_kw: Power of controlled assets that are not storages.
    """
    lo, hi = ground.surplus_lo_kw + other_kw, ground.surplus_hi_kw + other_kw
    return hi if hi < 0 else max(lo, 0.0)


def serve(net_kw: float, of: Store, slot: Slot, terms: Terms) -> Served:
    return serving.serve(net_kw, of, slot, terms.curve, terms.costs)


def trimmed(
    state: ControlState,
    pool: CompiledPool,
    steady: Bools,
    short_kw: Floats,
    dt_s: float,
    age_s: float,
) -> float:
    """The slow correction for commands that are followed imperfectly.

    Args:
        state: With the correction so far.
        pool: The pool.
        steady: Storages that should have reached what they were told, and are not known to be
            limited.
        short_kw: What each should have, less what it was measured to have, at the same moment.
        dt_s: Since the tick before.
        age_s: Of the measurements.
    """
    if not steady.any():
        return 0.0
    delay_s = float(pool.dead_s[steady].max()) + max(age_s, 0.0) + dt_s
    gain = min(GAIN, GAIN * dt_s / max(delay_s, 1e-9))
    most = TRIM_PART * float(pool.rating_kw[steady].sum())
    wanted = min(max(float(short_kw[steady].sum()), -most), most)
    return state.trim_kw + gain * (wanted - state.trim_kw)


def with_trim(power_kw: float, trim_kw: float, of: Store) -> float:
    """The wanted power with its correction, never across zero nor beyond the reach."""
    if power_kw == 0:
        return 0.0
    asked = power_kw + trim_kw
    asked = max(asked, 0.0) if power_kw > 0 else min(asked, 0.0)
    return min(max(asked, min(of.lo_kw, power_kw)), max(of.hi_kw, power_kw))
