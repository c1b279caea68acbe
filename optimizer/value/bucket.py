"""The pool's batteries as one storage."""

from dataclasses import dataclass

import numpy as np

from optimizer.model.battery import floor_kwh
from vpp.domain.arrays import Floats
from vpp.domain.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Energy counts from the planning floors up."""

    capacity_kwh: float
    charge_kw: float
    discharge_kw: float
    eta_charge: float
    eta_discharge: float

    @classmethod
    def of(cls, problem: Problem) -> "Bucket | None":
        """None where there is nothing to store in."""
        fleet = problem.batteries
        room = fleet.max_kwh - floor_kwh(fleet)
        capacity = float(room.sum())
        if capacity <= 0.0:
            return None
        return cls(
            capacity_kwh=capacity,
            charge_kw=float(fleet.charge_kw.sum()),
            discharge_kw=float(fleet.discharge_kw.sum()),
            eta_charge=float(room @ fleet.eta_charge) / capacity,
            eta_discharge=float(room @ fleet.eta_discharge) / capacity,
        )

    def gained_kwh(self, power_kw: Floats, hours: float | Floats) -> Floats:
        """Stored energy that a power adds, losses counted."""
        stored = np.where(power_kw > 0, power_kw * self.eta_charge, power_kw / self.eta_discharge)
        return np.asarray(stored * hours)

    def least_kw(self, energy_kwh: Floats, hours: float | Floats) -> Floats:
        """The utmost discharge that the stored energy lasts for, negative."""
        lasts_kw = energy_kwh * self.eta_discharge / hours
        return np.asarray(-np.minimum(self.discharge_kw, lasts_kw))

    def most_kw(self, energy_kwh: Floats, hours: float | Floats) -> Floats:
        """The utmost charge that finds room."""
        room = self.capacity_kwh - energy_kwh
        return np.asarray(np.minimum(self.charge_kw, room / (self.eta_charge * hours)))
