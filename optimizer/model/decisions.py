"""What a schedule decides; everything else follows from it by physics."""

from dataclasses import dataclass

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.problem import Problem
from vpp.domain.stores import content, gained


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decisions:
    """Powers in kW as magnitudes, and what of the demand for hydrogen and heat is not served.

    Batteries, PV and converters have the shape (assets, slots), sessions (sessions, slots).
    """

    charge: Floats
    discharge: Floats
    used: Floats
    """PV produced, curtailment being the rest of what is available."""
    ev: Floats
    run: Floats
    unmet: Floats
    """Shape (stores, slots), in the unit of each."""

    def energy(self, problem: Problem) -> Floats:
        """Stored energy at each slot's end, kWh, shape (batteries, slots).

        ``E_t = E_(t-1) + eta_c h charge - h discharge / eta_d``.
        """
        fleet = problem.batteries
        gain = self.charge * fleet.eta_charge[:, None]
        gain = gain - self.discharge / fleet.eta_discharge[:, None]
        return np.asarray(fleet.energy_kwh[:, None] + np.cumsum(problem.grid.hours * gain, axis=1))

    def site_kw(self, problem: Problem) -> Floats:
        """Net of every site, positive is import, shape (sites, slots)."""
        net = problem.load_kw.copy()
        np.add.at(net, problem.batteries.site, self.charge - self.discharge)
        np.subtract.at(net, problem.pv.site, self.used)
        np.add.at(net, problem.sessions.site, self.ev)
        makers = problem.converters
        np.add.at(net, makers.site, makers.sign[:, None] * self.run)
        return net

    def content(self, problem: Problem) -> Floats:
        """Of every store at each slot's end, in its unit, shape (stores, slots)."""
        stores, hours = problem.stores, problem.grid.hours
        gain = gained(stores, problem.converters, self.run, hours)
        return content(stores, hours, gain, stores.demand - self.unmet)


def at_rest(problem: Problem) -> Decisions:
    """Storage idle, all PV used, sessions at their guaranteed power, converters standing still."""
    nothing = np.zeros((len(problem.batteries.ids), len(problem.grid)))
    return Decisions(
        charge=nothing,
        discharge=nothing,
        used=problem.pv.available_kw,
        ev=problem.sessions.guaranteed_kw,
        run=np.zeros((len(problem.converters.ids), len(problem.grid))),
        unmet=problem.stores.demand,
    )
