"""What a schedule comes to, from its powers alone: nothing of the planner's own account is used."""

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.plan import Plan
from vpp.domain.plan_check import node_flows
from vpp.domain.problem import Problem
from vpp.domain.stores import Substance


def flows_kw(problem: Problem, plan: Plan) -> Floats:
    """Through every node, positive is import, shape (nodes, slots)."""
    site_kw, owner = problem.load_kw.copy(), dict[str, int]()
    for part in (problem.batteries, problem.pv):
        owner |= dict(zip(part.ids, part.site.tolist(), strict=True))
    owner |= dict(zip(problem.sessions.assets, problem.sessions.site.tolist(), strict=True))
    owner |= dict(zip(problem.converters.ids, problem.converters.site.tolist(), strict=True))
    for asset, power_kw in zip(plan.schedule.assets, plan.schedule.power_kw, strict=True):
        site_kw[owner[asset]] += power_kw
    return node_flows(problem, site_kw)


def beyond_kwh(problem: Problem, plan: Plan, import_kw: Floats, export_kw: Floats) -> float:
    """Beyond limits of all nodes, both shape (nodes, slots)."""
    flow_kw = flows_kw(problem, plan)
    over_kw = np.maximum(flow_kw - import_kw, 0.0) + np.maximum(-flow_kw - export_kw, 0.0)
    return float((over_kw @ problem.grid.hours).sum())


def unmet_kwh(problem: Problem, plan: Plan) -> float:
    """What cars miss of what charger and stay can deliver; no two share a charger at a time."""
    sessions, hours, missing = problem.sessions, problem.grid.hours, 0.0
    for v, asset in enumerate(sessions.assets):
        given = float((plan.schedule.of(asset) * (sessions.max_kw[v] > 0)) @ hours)
        asked = min(float(sessions.need_kwh[v]), float(sessions.max_kw[v] @ hours))
        missing += max(asked - given, 0.0)
    return missing


def lacking(problem: Problem, plan: Plan, substance: Substance) -> float:
    """What of the demand for hydrogen (kg) or heat (kWh) the plan leaves unserved."""
    held = zip(problem.stores.demand, plan.schedule.stocks, problem.stores.substance, strict=True)
    return float(sum((asked - one.served).sum() for asked, one, of in held if of is substance))
