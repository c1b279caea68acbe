"""Batteries: stored energy as a recursion, its window, and the reserve."""

from dataclasses import dataclass

import numpy as np

from optimizer.model.blocks import Blocks
from optimizer.model.decisions import Decisions
from optimizer.model.injection import Injection
from vpp.domain.arrays import Floats, Ints
from vpp.domain.problem import Batteries, Problem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EnergyTargets:
    """Bounds of stored energy in kWh, shape (batteries, slots)."""

    floor: Floats
    """Reserve, or as much of it as full charging reaches from a start below."""
    ceiling: Floats
    """Upper end of the window, or what full discharging reaches from a start above."""
    lowest: Floats
    """Hard: the window's lower end, or the start where that is lower; shape (batteries, 1)."""
    highest: Floats


def floor_kwh(fleet: Batteries) -> Floats:
    """Down to where each battery is planned: its reserve, inside its window; (batteries,)."""
    return np.asarray(np.minimum(np.maximum(fleet.reserve_kwh, fleet.min_kwh), fleet.max_kwh))


def energy_targets(problem: Problem) -> EnergyTargets:
    """Widened bounds of formulation 5.2: a start outside the window is left as fast as it can be.

    The hard bounds let storage rest at its start, so that limits elsewhere never make the problem
    infeasible; missing the targets is a service slack.
    """
    fleet = problem.batteries
    hours = np.cumsum(problem.grid.hours)
    start = fleet.energy_kwh[:, None]
    reserve = floor_kwh(fleet)[:, None]
    up = start + (fleet.eta_charge * fleet.charge_kw)[:, None] * hours
    down = start - (fleet.discharge_kw / fleet.eta_discharge)[:, None] * hours
    return EnergyTargets(
        floor=np.minimum(reserve, up),
        ceiling=np.maximum(fleet.max_kwh[:, None], down),
        lowest=np.minimum(fleet.min_kwh[:, None], start),
        highest=np.maximum(fleet.max_kwh[:, None], start),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatteryBlock:
    """Columns of the batteries, shape (batteries, slots); slacks by (battery, slot) pairs."""

    charge: Ints
    discharge: Ints
    energy: Ints
    soc: Ints
    """Rows of the recursion."""
    targets: EnergyTargets
    short: Ints
    """Energy missing to the floor; empty in the rigid model."""
    short_at: tuple[Ints, Ints]
    over: Ints
    over_at: tuple[Ints, Ints]

    def injections(self, problem: Problem) -> tuple[Injection, ...]:
        site = problem.batteries.site[:, None]
        slot = np.arange(len(problem.grid))
        return (
            Injection(site=site, slot=slot, column=self.charge, sign=1.0),
            Injection(site=site, slot=slot, column=self.discharge, sign=-1.0),
        )

    def fill(self, x: Floats, problem: Problem, decisions: Decisions) -> None:
        """Write the values that follow from the decisions."""
        energy = decisions.energy(problem)
        x[self.charge], x[self.discharge] = decisions.charge, decisions.discharge
        x[self.energy] = energy
        x[self.short] = np.maximum(self.targets.floor - energy, 0.0)[self.short_at]
        x[self.over] = np.maximum(energy - self.targets.ceiling, 0.0)[self.over_at]


def add_batteries(blocks: Blocks, problem: Problem, *, elastic: bool) -> BatteryBlock:
    """``E_t - E_(t-1) - eta_c h ch + h dis / eta_d = 0``.

    The targets are bounds of the energy; in the elastic model they are rows with a slack.
    """
    fleet, hours = problem.batteries, problem.grid.hours
    shape = (len(fleet.ids), len(problem.grid))
    targets = energy_targets(problem)
    low, high = targets.floor, targets.ceiling
    if elastic:
        low, high = targets.lowest, targets.highest
    charge = blocks.columns("battery charge", shape, 0.0, fleet.charge_kw[:, None])
    discharge = blocks.columns("battery discharge", shape, 0.0, fleet.discharge_kw[:, None])
    energy = blocks.columns("battery energy", shape, low, high)
    start = np.zeros(shape)
    start[:, 0] = fleet.energy_kwh
    soc = blocks.rows(
        "battery recursion", shape, start, start,
        (1.0, energy),
        (-hours * fleet.eta_charge[:, None], charge),
        (hours / fleet.eta_discharge[:, None], discharge),
    )  # fmt: skip
    blocks.add(soc[:, 1:], energy[:, :-1], -1.0)
    nowhere = np.zeros(shape, dtype=bool)
    below = targets.floor > targets.lowest if elastic else nowhere
    outside = (fleet.energy_kwh > fleet.max_kwh)[:, None]
    above = np.broadcast_to(outside, shape) if elastic else nowhere
    short_at = _places(below)
    over_at = _places(above)
    room = (targets.floor - targets.lowest)[short_at]
    short = blocks.columns("reserve shortfall", room.shape, 0.0, room)
    blocks.rows(
        "reserve", room.shape, targets.floor[short_at], np.inf,
        (1.0, energy[short_at]), (1.0, short),
    )  # fmt: skip
    excess = (targets.highest - fleet.max_kwh[:, None])[over_at[0], 0]
    over = blocks.columns("energy above the window", excess.shape, 0.0, excess)
    blocks.rows(
        "window", excess.shape, -np.inf, targets.ceiling[over_at],
        (1.0, energy[over_at]), (-1.0, over),
    )  # fmt: skip
    return BatteryBlock(
        charge=charge,
        discharge=discharge,
        energy=energy,
        soc=soc,
        targets=targets,
        short=short,
        short_at=short_at,
        over=over,
        over_at=over_at,
    )


def _places(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> tuple[Ints, Ints]:
    first, second = np.nonzero(mask)
    return first, second
