"""The value of stored energy: what the plan hands to the tick instead of power setpoints."""

from dataclasses import dataclass

import numpy as np

from vpp.domain.arrays import Floats, Ints, frozen, require_finite, require_shape
from vpp.domain.errors import InvariantError
from vpp.domain.slots import SlotGrid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValueCurve:
    """Expected later cost by stored energy and grid power at each slot's end.

    Convex piecewise linear in both together.

    Minus its slope in energy is what a stored kWh is worth, in the unit of the order's first
    stage. Where ramps do not count, ``grid_kw`` has one entry and the cost does not depend on it.
    """

    grid: SlotGrid
    energy_kwh: Floats
    """Energy axis of the pool, shape (levels,), rising; 0 is empty down to the planning floor."""
    grid_kw: Floats
    """Grid power axis, shape (powers,), rising."""
    cost: Floats
    """Shape (slots, powers, levels)."""

    def __post_init__(self) -> None:
        for name in ("energy_kwh", "grid_kw", "cost"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
            require_finite(name, getattr(self, name))
        require_shape("cost", self.cost, (len(self.grid), len(self.grid_kw), len(self.energy_kwh)))
        if (
            len(self.energy_kwh) < 2
            or (np.diff(self.energy_kwh) <= 0).any()
            or (np.diff(self.grid_kw) <= 0).any()
        ):
            raise InvariantError(
                "axes of a value curve must rise, and the energy axis needs two levels"
            )

    def later_cost(self, slot: int, energy_kwh: Floats, grid_kw: Floats) -> Floats:
        """Bilinear value at arrays of energy and grid power.

        Beyond the axes the last segment's slope goes on in energy, and the nearest power counts.
        """
        levels, cost = self.energy_kwh, self.cost[slot]
        i = _segment(levels, energy_kwh)
        a = (energy_kwh - levels[i]) / (levels[i + 1] - levels[i])
        if len(self.grid_kw) == 1:
            return np.asarray((1 - a) * cost[0, i] + a * cost[0, i + 1])
        k = _segment(self.grid_kw, grid_kw)
        b = (grid_kw - self.grid_kw[k]) / (self.grid_kw[k + 1] - self.grid_kw[k])
        b = np.minimum(np.maximum(b, 0.0), 1.0)
        low = (1 - a) * cost[k, i] + a * cost[k, i + 1]
        high = (1 - a) * cost[k + 1, i] + a * cost[k + 1, i + 1]
        return np.asarray((1 - b) * low + b * high)

    def worth(self, slot: int, energy_kwh: float, grid_kw: float = 0.0) -> float:
        """What the next stored kWh is worth (minus the slope in energy, to the right)."""
        step = 1e-6 * float(self.energy_kwh[-1] - self.energy_kwh[0])
        at = np.array([energy_kwh, energy_kwh + step])
        costs = self.later_cost(slot, at, np.full(2, grid_kw))
        return float((costs[0] - costs[1]) / step)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlotCosts:
    """What grid power costs within each slot, in the unit of the order's first stage.

    Arrays of shape (slots,).
    """

    unit: str
    """As "kWh of import" or "KRW"."""
    import_weight: Floats
    """Per imported kWh."""
    export_weight: Floats
    """Earned per exported kWh; not above ``import_weight``."""
    flatten: Floats
    """Per kW of import squared and hour."""
    peak_threshold_kw: Floats
    """Infinite where no peak is defended."""
    peak_weight: Floats
    """Per kW above the threshold and hour."""
    ramp_weight: Floats
    """Per kW of change of the mean grid power against the slot before."""

    def __post_init__(self) -> None:
        for name in (
            "import_weight",
            "export_weight",
            "flatten",
            "peak_threshold_kw",
            "peak_weight",
            "ramp_weight",
        ):
            object.__setattr__(self, name, frozen(getattr(self, name)))
            require_shape(name, getattr(self, name), self.import_weight.shape)
        if (self.export_weight > self.import_weight).any():
            raise InvariantError("slot costs are not convex: export_weight above import_weight")

    def rate(self, slot: int | Ints, grid_kw: Floats, side_weight: float = 1.0) -> Floats:
        """Cost per hour of grid power in a slot, or in the slot of each, without ramps.

        ``side_weight``: 0 where peak and flattening are not to count.
        """
        taken = np.maximum(grid_kw, 0.0)
        given = np.maximum(-grid_kw, 0.0)
        energy = self.import_weight[slot] * taken - self.export_weight[slot] * given
        flatten = self.flatten[slot] * taken**2
        beyond = np.maximum(taken - self.peak_threshold_kw[slot], 0.0)
        return np.asarray(energy + side_weight * (flatten + self.peak_weight[slot] * beyond))


def _segment(axis: Floats, at: Floats) -> Ints:
    """Of a rising axis that in which each place lies; the first or last beyond its ends."""
    return np.asarray(axis[1:-1].searchsorted(at, side="right"))


def surplus_rule_curve(grid: SlotGrid, *, capacity_kwh: float, worth: float = 0.5) -> ValueCurve:
    """The measured-surplus rule as a value curve: one small slope.

    Every surplus is stored and every deficit served.

    ``worth`` is what a stored kWh is worth in kWh of import: above 0, so that surplus is kept
    rather than exported, and below the discharge efficiency, so that a deficit is served now.
    """
    energy_kwh = np.array([0.0, max(capacity_kwh, 1e-6)])
    cost = np.broadcast_to(-worth * energy_kwh, (len(grid), 1, 2))
    return ValueCurve(grid=grid, energy_kwh=energy_kwh, grid_kw=np.zeros(1), cost=cost)
