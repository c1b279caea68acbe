"""The way out where neither shift nor binaries exclude charging and discharging at once.

Each battery may only charge or only discharge in each slot. A battery at rest stays possible, so
that there is always a schedule inside the bounds that opened ratings leave; it may miss the best.
"""

from dataclasses import replace

import numpy as np

from optimizer.model.decisions import Decisions
from optimizer.model.network import contract_caps, sites_beneath
from optimizer.model.pool import PoolModel
from vpp.domain.arrays import Bools
from vpp.domain.plan_check import node_flows
from vpp.domain.problem import Problem


def one_way(model: PoolModel, decisions: Decisions, *, crowded: bool) -> PoolModel:
    """The same program, in which every battery goes in every slot the way that decisions go.

    Args:
        model: Of the relaxation.
        decisions: Of what is charged and discharged at once the net counts.
        crowded: Whether batteries charge wherever more is exported than a limit wants. There the
            relaxation burns energy to export less, and what is left of it says little.
    """
    charges = _charging(model.problem, decisions, crowded=crowded)
    return barred(model, charge=~charges, discharge=charges)


def barred(model: PoolModel, *, charge: Bools, discharge: Bools) -> PoolModel:
    """The same program, in which batteries neither charge nor discharge where they are barred.

    Both of shape (batteries, slots).
    """
    upper = model.program.upper.copy()
    upper[model.batteries.charge[charge]] = 0.0
    upper[model.batteries.discharge[discharge]] = 0.0
    return replace(model, program=replace(model.program, upper=upper))


def _charging(problem: Problem, decisions: Decisions, *, crowded: bool) -> Bools:
    fleet, power_kw = problem.batteries, decisions.charge - decisions.discharge
    idle = np.zeros(power_kw.shape)
    site_kw = replace(decisions, charge=idle, discharge=idle).site_kw(problem)
    surplus = site_kw[fleet.site] < 0.0
    charges = (power_kw > 0.0) | ((power_kw == 0.0) & surplus)
    if crowded:
        most_kw = np.minimum(problem.nodes.export_kw, contract_caps(problem).export_kw)
        beyond = node_flows(problem, site_kw) < -most_kw
        charges |= (beyond.T @ sites_beneath(problem)).T[fleet.site]
    return np.asarray(charges)
