"""What energy left in store at the horizon's end is worth: a value, concave, not an equality."""

from dataclasses import dataclass

import numpy as np

from optimizer.model.battery import BatteryBlock
from optimizer.model.blocks import Blocks
from vpp.domain.arrays import Floats, Ints
from vpp.domain.problem import Problem

LEVELS = 8
DAY_H = 24.0
SCENARIOS = np.array([0.3, 0.4, 0.3])
"""Weights of the 10, 50 and 90 % quantiles of the net."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TerminalValue:
    """Segments of the pool's stored energy, in kWh that it would deliver, above empty."""

    length_kwh: Floats
    slope: Floats
    """kWh of later import avoided per kWh; falling, the first exactly 1."""
    price: float
    """Money per kWh of later import: the mean import price of the horizon's last day."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TerminalBlock:
    """Columns of the segments."""

    value: TerminalValue
    segment: Ints
    base_kwh: Floats
    """Energy of each battery where the first segment begins."""

    def fill(self, x: Floats, problem: Problem, energy: Floats) -> None:
        stored = float(problem.batteries.eta_discharge @ (energy[:, -1] - self.base_kwh))
        before = np.cumsum(self.value.length_kwh) - self.value.length_kwh
        x[self.segment] = np.clip(stored - before, 0.0, self.value.length_kwh)
        x[self.segment[-1]] += max(stored - float(self.value.length_kwh.sum()), 0.0)


def terminal_value(problem: Problem, capacity_kwh: float) -> TerminalValue:
    """Slope ``1 - P(the energy displaces later surplus)``, formulation 5.2.

    The probability comes from the net forecast's quantiles over the horizon's last day, taken as
    the day that follows: the surplus rule is simulated over it from several levels, and what of a
    level neither serves a deficit nor is left in the end has displaced surplus.
    """
    edges = problem.grid.edges_s
    day = edges[:-1] >= edges[-1] - DAY_H * 3600.0
    hours, middle = problem.grid.hours[day], problem.net_kw[day]
    low = middle if problem.net_low_kw is None else problem.net_low_kw[day]
    high = middle if problem.net_high_kw is None else problem.net_high_kw[day]
    levels = np.linspace(0.0, capacity_kwh, LEVELS + 1)
    kept = SCENARIOS @ _kept(problem, levels, np.stack([low, middle, high]), hours)
    step = max(capacity_kwh / LEVELS, 1e-9)
    slope: Floats = np.clip(np.diff(kept) / step, 0.0, 1.0)
    slope[0] = 1.0
    slope = np.asarray(np.round(np.minimum.accumulate(slope), 3), dtype=np.float64)
    price = float(hours @ problem.prices.import_per_kwh[day] / hours.sum())
    starts = np.flatnonzero(np.diff(slope, prepend=2.0) < 0)
    return TerminalValue(
        length_kwh=np.diff(np.append(levels[starts], capacity_kwh)),
        slope=slope[starts],
        price=max(price, 0.0),
    )


def _kept(problem: Problem, levels: Floats, net: Floats, hours: Floats) -> Floats:
    """Import avoided and energy left after a day of the surplus rule.

    Args:
        problem: Of the pool.
        levels: Stored energy at the day's start, shape (levels,).
        net: Shape (scenarios, slots).
        hours: Shape (slots,).

    Returns:
        Shape (scenarios, levels).
    """
    fleet = problem.batteries
    charge, discharge = float(fleet.charge_kw.sum()), float(fleet.discharge_kw.sum())
    offered = _round_trip(problem) * hours * np.clip(-net, 0.0, charge)
    asked = hours * np.clip(net, 0.0, discharge)
    stored = np.tile(levels, (len(net), 1))
    served = np.zeros(stored.shape)
    for slot in range(len(hours)):
        stored = np.minimum(stored + offered[:, slot, None], levels[-1])
        given = np.minimum(stored, asked[:, slot, None])
        stored, served = stored - given, served + given
    return np.asarray(served + stored)


def _round_trip(problem: Problem) -> float:
    """Mean over the pool by charging power, so that it does not depend on how batteries count."""
    fleet = problem.batteries
    weight = np.maximum(fleet.charge_kw, 1e-6)
    return (
        float(np.average(fleet.eta_charge * fleet.eta_discharge, weights=weight))
        if fleet.ids
        else 1.0
    )


def add_terminal(blocks: Blocks, problem: Problem, batteries: BatteryBlock) -> TerminalBlock:
    """``sum of segments = sum over batteries of eta_d (E_T - base)``."""
    targets, eta = batteries.targets, problem.batteries.eta_discharge
    base = targets.lowest[:, 0]
    value = terminal_value(problem, float(eta @ (targets.highest[:, 0] - base)))
    segment = blocks.columns("stored at the end", value.slope.shape, 0.0, value.length_kwh)
    held = float(eta @ base)
    row = blocks.rows("stored at the end", (1,), held, held)
    blocks.add(row, batteries.energy[:, -1], eta)
    blocks.add(row, segment, -1.0)
    return TerminalBlock(value=value, segment=segment, base_kwh=base)
