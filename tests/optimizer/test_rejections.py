"""Problems that contradict themselves, or leave no time: refused by name, never guessed at."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optimizer.planner import LpPlanner
from tests.optimizer.cases import PLANNERS, random_problem
from vpp.domain.errors import PlannerFailed, ProblemRejected
from vpp.domain.problem import SharedRating


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"eta_charge": 1.2}, "batteries.eta_charge of battery-0 is 1.2"),
        ({"eta_discharge": 0.0}, "batteries.eta_discharge of battery-0 is 0"),
        ({"max_kwh": 1e3}, "batteries.max_kwh of battery-0 is 1000, above capacity_kwh"),
        ({"min_kwh": 50.0}, "batteries.min_kwh of battery-0 is 50.0, above max_kwh"),
    ],
)
def test_contradictions_of_a_battery_are_rejected_by_name(
    changes: dict[str, float], named: str
) -> None:
    problem = random_problem(0)
    fleet = problem.batteries
    fields: dict[str, Any] = {}
    for name, value in changes.items():
        fields[name] = np.array(getattr(fleet, name))
        fields[name][0] = value
    for planner in PLANNERS:
        with pytest.raises(ProblemRejected, match=named):
            planner.plan(replace(problem, batteries=replace(fleet, **fields)))


def test_contradictions_of_places_and_prices_are_rejected_by_name() -> None:
    problem = random_problem(0)
    nodes = problem.nodes
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"prices": replace(problem.prices, fee_per_kwh=-0.1)}, "prices.fee_per_kwh is -0.1"),
        ({"prices": replace(problem.prices, running_part=1.5)}, "prices.running_part is 1.5"),
        ({"nodes": replace(nodes, parent=np.array([-1, 2, 0]))}, r"nodes.parent\[1\] is 2"),
        ({"site_node": problem.site_node + 5}, r"site_node\[0\] is"),
        (
            {
                "shared": (
                    SharedRating(
                        batteries=np.array([99]), pv=np.zeros(0, np.int64), in_kw=1.0, out_kw=1.0
                    ),
                )
            },
            r"shared\[0\].batteries\[0\] is 99",
        ),
    ]
    for changes, named in wrong:
        with pytest.raises(ProblemRejected, match=named):
            LpPlanner().plan(replace(problem, **changes))


def test_no_time_to_solve_is_a_failure_that_says_so() -> None:
    problem = replace(random_problem(0), deadline_s=0.0)
    with pytest.raises(PlannerFailed, match="first stage"):
        LpPlanner().plan(problem)
