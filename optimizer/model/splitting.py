"""A schedule of what was planned as one, shared among its members; none if they cannot follow."""

from dataclasses import replace

import numpy as np

from optimizer.levelling import levelled
from optimizer.model.battery import floor_kwh
from optimizer.model.decisions import Decisions
from optimizer.model.merging import Merged
from optimizer.model.movement import last_storage_kw
from vpp.domain.arrays import Bools, Floats, Ints
from vpp.domain.problem import Problem

TOLERANCE = 1e-6
"""kW or kWh; a solver's own."""


def split(problem: Problem, whole: Merged, decisions: Decisions) -> Decisions | None:
    """Decisions of every battery and plant of the problem, which cost what those of the whole do.

    None where a battery would leave its window, or would change more against the last schedule
    than the whole does.
    """
    used_kw = _plants_kw(problem, whole, decisions)
    charge_kw, discharge_kw = np.zeros((2, len(problem.batteries.ids), len(problem.grid)))
    last_kw = last_storage_kw(problem)
    for group in range(len(whole.problem.batteries.ids)):
        members = np.flatnonzero(whole.battery == group)
        charge, discharge = decisions.charge[group], decisions.discharge[group]
        if len(members) == 1:
            charge_kw[members], discharge_kw[members] = charge, discharge
            continue
        if (np.minimum(charge, discharge) > TOLERANCE).any():
            return None
        power_kw = _Group(problem, members, last_kw[members]).follow(charge - discharge)
        if power_kw is None:
            return None
        charge_kw[members] = np.maximum(power_kw, 0.0)
        discharge_kw[members] = np.maximum(-power_kw, 0.0)
    return replace(decisions, charge=charge_kw, discharge=discharge_kw, used=used_kw)


def _plants_kw(problem: Problem, whole: Merged, decisions: Decisions) -> Floats:
    """PV used, each plant of one kind by what it could give."""
    available = whole.problem.pv.available_kw
    part = np.where(available > 0, decisions.used / np.maximum(available, 1e-12), 1.0)
    return np.asarray(problem.pv.available_kw * part[whole.plant])


class _Group:
    """Batteries that were planned as one: each slot brings them nearer to one level."""

    def __init__(self, problem: Problem, members: Ints, last_kw: Floats) -> None:
        """``last_kw``: by the last schedule, NaN where it counts no more, (members, slots)."""
        fleet = problem.batteries
        self._hours, self._last_kw = problem.grid.hours, last_kw
        self._charge_kw, self._discharge_kw = fleet.charge_kw[members], fleet.discharge_kw[members]
        first = members[0]
        self._eta_in, self._eta_out = fleet.eta_charge[first], fleet.eta_discharge[first]
        self._low_kwh, self._high_kwh = floor_kwh(fleet)[members], fleet.max_kwh[members]
        self._energy_kwh = np.array(fleet.energy_kwh[members])
        self._held: Bools = np.asarray(np.isfinite(last_kw).all(axis=0))

    def follow(self, total_kw: Floats) -> Floats | None:
        """Power of every member, positive charging, shape (members, slots)."""
        power_kw = np.zeros(self._last_kw.shape)
        after_held = int(np.flatnonzero(self._held)[-1]) + 1 if self._held.any() else 0
        for slot, total in enumerate(total_kw):
            if slot >= after_held and (part := self._part()) is not None:
                power_kw[:, slot:] = part[:, None] * total_kw[slot:]
                break
            power_kw[:, slot] = self._step(slot, float(total))
            if abs(power_kw[:, slot].sum() - total) > TOLERANCE:
                return None
        return power_kw if self._changes_least(power_kw) else None

    def _part(self) -> Floats | None:
        """Each member's part of everything from here on; None unless they are level and alike."""
        size = np.maximum(self._high_kwh - self._low_kwh, 1e-9)
        stored_kwh = self._energy_kwh - self._low_kwh
        of_size = np.array([stored_kwh, self._charge_kw, self._discharge_kw]) / size
        widths, most = np.ptp(of_size, axis=1), of_size.max(axis=1)
        return size / size.sum() if np.all(widths <= 1e-9 * np.maximum(1.0, most)) else None

    def _step(self, slot: int, total_kw: float) -> Floats:
        h, magnitude = float(self._hours[slot]), abs(total_kw)
        if total_kw >= 0:
            kwh, limit = (self._high_kwh - self._energy_kwh) / self._eta_in, self._charge_kw
        else:
            kwh, limit = (self._energy_kwh - self._low_kwh) * self._eta_out, self._discharge_kw
        kwh = np.maximum(kwh, 0.0)
        low, high = np.zeros(len(kwh)), np.minimum(limit, kwh / h)
        if self._held[slot]:
            last = np.clip(self._last_kw[:, slot] * (1.0 if total_kw >= 0 else -1.0), 0.0, high)
            low, high = (last, high) if last.sum() <= magnitude else (low, last)
        found = levelled(magnitude, kwh / np.maximum(limit, 1e-9), limit, low, high, h)
        if total_kw >= 0:
            self._energy_kwh += h * self._eta_in * found
            return found
        self._energy_kwh -= h / self._eta_out * found
        return -found

    def _changes_least(self, power_kw: Floats) -> bool:
        """Whether the members together change no more than their sum does."""
        change = (power_kw - self._last_kw)[:, self._held]
        more = np.abs(change).sum(axis=0) - np.abs(change.sum(axis=0))
        return bool((more <= TOLERANCE).all())
