"""How much the pool stores or gives out now.

A convex line search over its power, exact on the breakpoints.

With measured residual ``n`` the power ``p`` minimises ``c(g) + ramp * |mean(g) - g_prev| + V(E +
dE(p), mean(g))`` inside the hard
limits, with ``g = n + p`` held to the slot's end. Near the slot's end ``g`` changes the slot's mean
only by the part that is left, so the
mean, not ``g`` itself, is compared with the slot before and looked up in V.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.curve import SlotCosts, ValueCurve

SAME_KW = 1e-6
EQUAL_COST = 1e-10
"""Relative difference of costs below which the smaller power wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The pool's storages as one."""

    energy_kwh: float
    """Above the planning floor."""
    lo_kw: float
    """Most that can be given out now, negative, all limits counted."""
    hi_kw: float
    eta_charge: float
    eta_discharge: float

    def gain_kwh(self, power_kw: Floats, hours: float) -> Floats:
        """Stored energy that a power adds, losses counted."""
        stored = np.where(power_kw > 0, power_kw * self.eta_charge, power_kw / self.eta_discharge)
        return np.asarray(stored * hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where in its slot the tick is, and what the slot costs."""

    index: int
    hours_left: float
    part_left: float
    """Of the slot's length, 0..1."""
    mean_so_far_kw: float
    """Mean net of the part that is over; 0 at the slot's begin."""
    before_kw: float
    """Mean net of the slot before; NaN where it is not known."""
    side_weight: float = 1.0
    """1, or 0 once peak, flattening and ramp have used up their allowance."""

    def mean_kw(self, grid_kw: Floats) -> Floats:
        return np.asarray((1 - self.part_left) * self.mean_so_far_kw + self.part_left * grid_kw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What was decided for the pool."""

    power_kw: float
    net_kw: float
    worth: float
    """What a stored kWh is worth, in the unit of the order's first stage."""
    marginal: float
    """What a kWh of grid power costs now."""
    binding: str


def serve(net_kw: float, store: Store, slot: Slot, curve: ValueCurve, costs: SlotCosts) -> Served:
    """The cheapest power of the pool's storages.

    Args:
        net_kw: Residual to serve, positive is import.
        store: Energy and reach of the storages.
        slot: The running slot.
        curve: Value of stored energy at the slot's end.
        costs: Of grid power within each slot.
    """

    def cost(power_kw: Floats) -> Floats:
        grid_kw = net_kw + power_kw
        mean_kw = slot.mean_kw(grid_kw)
        energy_kwh = store.energy_kwh + store.gain_kwh(power_kw, slot.hours_left)
        return (
            slot.hours_left * costs.rate(slot.index, grid_kw, slot.side_weight)
            + _ramp_cost(mean_kw, slot, costs)
            + curve.later_cost(slot.index, energy_kwh, mean_kw)
        )

    marks = _breakpoints(net_kw, store, slot, curve, costs)
    powers = _with_vertices(marks, cost)
    values = cost(powers)
    least = values.min()
    good = values <= least + EQUAL_COST * max(1.0, float(np.ptp(values)))
    power_kw = float(min(powers[good], key=abs))
    worth = _worth(power_kw, net_kw, store, slot, curve)
    return Served(
        power_kw=power_kw,
        net_kw=net_kw,
        worth=worth,
        marginal=_marginal(net_kw + power_kw, slot, costs),
        binding=_binding(power_kw, net_kw, store, slot, costs),
    )


def _ramp_cost(mean_kw: Floats, slot: Slot, costs: SlotCosts) -> Floats | float:
    if np.isnan(slot.before_kw):
        return 0.0
    return (
        slot.side_weight * float(costs.ramp_weight[slot.index]) * np.abs(mean_kw - slot.before_kw)
    )


def _breakpoints(
    net_kw: float, store: Store, slot: Slot, curve: ValueCurve, costs: SlotCosts
) -> Floats:
    """Every power at which the cost changes its form, inside the reach; ends included, rising."""
    step_kwh = curve.energy_kwh - store.energy_kwh
    hours = slot.hours_left
    levels = (
        np.where(step_kwh > 0, step_kwh / store.eta_charge, step_kwh * store.eta_discharge) / hours
    )
    means = np.append(curve.grid_kw, slot.before_kw)
    grid = (means - (1 - slot.part_left) * slot.mean_so_far_kw) / slot.part_left
    marks = np.concatenate(
        [levels, grid - net_kw, [0.0, -net_kw, costs.peak_threshold_kw[slot.index] - net_kw]]
    )
    inside = marks[np.isfinite(marks) & (marks > store.lo_kw) & (marks < store.hi_kw)]
    return np.unique(np.concatenate([[store.lo_kw, store.hi_kw], inside]))


def _with_vertices(marks: Floats, cost: Callable[[Floats], Floats]) -> Floats:
    """The marks, and the vertex of the parabola on each segment between them.

    Where it lies inside.
    """
    low, high = marks[:-1], marks[1:]
    if not len(low):
        return marks
    middle = (low + high) / 2
    a, b, c = cost(low), cost(middle), cost(high)
    bend = a - 2 * b + c
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = middle + (high - low) / 4 * (a - c) / bend
    inside = (bend > 1e-12 * (np.abs(b) + 1.0)) & (vertex > low) & (vertex < high)
    return np.concatenate([marks, vertex[inside]])


def _worth(power_kw: float, net_kw: float, store: Store, slot: Slot, curve: ValueCurve) -> float:
    gained = float(store.gain_kwh(np.array(power_kw), slot.hours_left))
    mean_kw = float(slot.mean_kw(np.array(net_kw + power_kw)))
    return curve.worth(slot.index, store.energy_kwh + gained, mean_kw)


def _marginal(grid_kw: float, slot: Slot, costs: SlotCosts) -> float:
    k = slot.index
    if grid_kw < -SAME_KW:
        return float(costs.export_weight[k])
    beyond = costs.peak_weight[k] if grid_kw > costs.peak_threshold_kw[k] else 0.0
    side = 2 * costs.flatten[k] * max(grid_kw, 0.0) + beyond
    return float(costs.import_weight[k] + slot.side_weight * side)


def _binding(power_kw: float, net_kw: float, store: Store, slot: Slot, costs: SlotCosts) -> str:
    """The term that decided, in a word or two."""
    grid_kw = net_kw + power_kw
    if abs(power_kw) < SAME_KW:
        return _idle(net_kw, store)
    mean_kw = float(slot.mean_kw(np.array(grid_kw)))
    terms = (
        ("surplus stored", power_kw > 0 and abs(grid_kw) < SAME_KW),
        ("deficit served", abs(grid_kw) < SAME_KW),
        ("charging limit", power_kw > store.hi_kw - SAME_KW),
        ("discharging limit", power_kw < store.lo_kw + SAME_KW),
        ("peak", abs(grid_kw - float(costs.peak_threshold_kw[slot.index])) < SAME_KW),
        ("ramp", abs(mean_kw - slot.before_kw) < SAME_KW),
    )
    return next((name for name, holds in terms if holds), "value of stored energy")


def _idle(net_kw: float, store: Store) -> str:
    if abs(net_kw) < SAME_KW:
        return "balanced"
    if net_kw < 0:
        return "surplus exported" if store.hi_kw > SAME_KW else "full"
    return "kept" if store.lo_kw < -SAME_KW else "empty"
