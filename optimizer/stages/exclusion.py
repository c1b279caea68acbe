"""The exclusion certificate: no battery charges and discharges at once; and its repair."""

from dataclasses import dataclass, replace

import numpy as np

from optimizer.model.decisions import Decisions
from optimizer.model.network import sites_beneath
from vpp.domain.arrays import Bools, Floats
from vpp.domain.plan_check import flow_bounds, node_flows
from vpp.domain.problem import Problem

OVERLAP_KW = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repaired:
    """Decisions without overlap, and how many places had one."""

    decisions: Decisions
    shifted: int


def overlaps(decisions: Decisions) -> Bools:
    """Where a battery charges and discharges at once, shape (batteries, slots)."""
    return np.asarray(np.minimum(decisions.charge, decisions.discharge) > OVERLAP_KW)


def shift(problem: Problem, decisions: Decisions) -> Repaired:
    """Cut charge by e and discharge by eta_c eta_d e: stored energy stays as it is.

    The power freed is taken from import, or exported, or curtailed where an export limit stands in
    the way (formulation 5.4). Whether that succeeded is for the validation to say.
    """
    fleet = problem.batteries
    eta = (fleet.eta_charge * fleet.eta_discharge)[:, None]
    cut = np.minimum(decisions.charge, decisions.discharge / eta)
    where = overlaps(decisions)
    moved = replace(
        decisions,
        charge=_without_dust(decisions.charge - cut, cut),
        discharge=_without_dust(decisions.discharge - eta * cut, cut),
    )
    if where.any():
        moved = _curtailed(problem, moved)
    return Repaired(decisions=moved, shifted=int(where.sum()))


def _without_dust(power: Floats, cut: Floats) -> Floats:
    """Exactly zero where the shift meant zero."""
    return np.where((cut > 0) & (power < 1e-9), 0.0, power)


def _curtailed(problem: Problem, decisions: Decisions) -> Decisions:
    """Curtail PV beneath nodes whose export bound is now exceeded, pro rata."""
    lower, _ = flow_bounds(problem)
    used = decisions.used.copy()
    curtailable = np.array(problem.pv.curtailable, dtype=bool)
    beneath = sites_beneath(problem)
    for node in range(len(lower) - 1, -1, -1):
        flow = node_flows(problem, replace(decisions, used=used).site_kw(problem))[node]
        excess = np.maximum(lower[node] - flow, 0.0)
        mine = np.flatnonzero(curtailable & beneath[node][problem.pv.site])
        total = used[mine].sum(0)
        used[mine] *= 1.0 - np.minimum(1.0, excess / np.maximum(total, 1e-12))
    return replace(decisions, used=used)
