"""Roofs that cannot be curtailed, above the export ratings of their feeders: there is a plan.

Ratings are opened there. To charge and discharge at once would burn energy and export less, which
the relaxation may and a battery does not.
"""

from dataclasses import replace

import numpy as np
import pytest

from optimizer.model.pool import build
from optimizer.planner import LpPlanner
from tests.optimizer.cases import random_problem
from tests.optimizer.milp import Exact
from tests.thoroughness import examples
from vpp.domain.plan import Plan
from vpp.domain.plan_check import broken_rules, node_flows
from vpp.domain.problem import Problem

ONCE_REFUSED = (39, 132, 177, 227)
"""Left outside a node's bound by the shift."""
NOT_PROVEN = "burning energy would keep a limit better"


def roofs(seed: int) -> Problem:
    rng, problem = np.random.default_rng(seed + 9), random_problem(seed)
    export_kw = np.full(problem.nodes.export_kw.shape, np.inf)
    export_kw[1], export_kw[2] = rng.uniform(0, 4), rng.uniform(0, 4)
    if rng.random() < 0.5:
        export_kw[0] = rng.uniform(0, 5)
    plants = replace(
        problem.pv,
        available_kw=problem.pv.available_kw * rng.uniform(1, 4),
        curtailable=tuple(bool(rng.random() < 0.4) for _ in problem.pv.ids),
    )
    return replace(problem, pv=plants, nodes=replace(problem.nodes, export_kw=export_kw))


def beyond_ratings_kwh(problem: Problem, plan: Plan) -> float:
    site_kw, owner = problem.load_kw.copy(), dict[str, int]()
    for part in (problem.batteries, problem.pv):
        owner |= dict(zip(part.ids, part.site.tolist(), strict=True))
    owner |= dict(zip(problem.sessions.assets, problem.sessions.site.tolist(), strict=True))
    for asset, power_kw in zip(plan.schedule.assets, plan.schedule.power_kw, strict=True):
        site_kw[owner[asset]] += power_kw
    flow_kw, nodes = node_flows(problem, site_kw), problem.nodes
    over_kw = np.maximum(flow_kw - nodes.import_kw, 0.0) + np.maximum(-flow_kw - nodes.export_kw, 0)
    return float((over_kw @ problem.grid.hours).sum())


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", [*ONCE_REFUSED, *range(1002, 1002 + examples(4))])
def test_the_rating_is_exceeded_as_little_as_batteries_can(seed: int) -> None:
    problem = roofs(seed)
    plan = LpPlanner().plan(problem)
    assert broken_rules(plan, problem) == []
    beyond = beyond_ratings_kwh(problem, plan)
    exact = Exact(problem, build(problem, elastic=False).terminal.value)
    least = exact.beyond("rating")
    assert beyond >= least - 1e-6
    proven = not any(note.startswith(NOT_PROVEN) for note in plan.explanation.notes)
    assert beyond <= least * (1.0 if proven else 1.05) + 1e-4
