"""The planner without a solver: the measured-surplus rule, simulated over the forecast."""

from collections.abc import Iterator

import numpy as np

from optimizer.converter_envelopes import converter_envelopes
from optimizer.handover import bands, corridors, envelopes, schedule, slot_costs
from optimizer.model.decisions import Decisions
from optimizer.model.reject import reject_contradictions
from optimizer.simulation import simulate
from optimizer.value.plain import local_curve, rule_curve
from vpp.domain.errors import PlannerFailed
from vpp.domain.order import Order
from vpp.domain.plan import Explanation, Plan, StageValue
from vpp.domain.plan_check import broken_rules
from vpp.domain.problem import Problem


class RulePlanner:
    """Entry point ``rule`` of ``vpp.planners``: the same hand-over as a solver's, without duals."""

    def plan(self, problem: Problem) -> Plan:
        """The plan of one pool by rule.

        Raises:
            ProblemRejected: the input contradicts itself.
            PlannerFailed: the simulated schedule breaks a limit, named with its slot.
        """
        reject_contradictions(problem)
        decisions = simulate(problem)
        costs = slot_costs(problem)
        local = problem.goals.order is Order.LOCAL
        plan = Plan(
            pool=problem.pool,
            grid=problem.grid,
            issued_at=problem.issued_at,
            order=problem.goals.order,
            curve=local_curve(problem) if local else rule_curve(problem, costs.import_weight),
            costs=costs,
            bands=bands(problem, decisions),
            corridors=corridors(problem, decisions),
            envelopes=(
                *envelopes(problem, [0.0] * len(problem.sessions.ids)),
                *converter_envelopes(problem, decisions, [0.0] * len(problem.converters.ids)),
            ),
            least_net_kw=problem.least_net_kw,
            schedule=schedule(problem, decisions),
            explanation=_explanation(problem, decisions),
        )
        if broken := broken_rules(plan, problem):
            raise PlannerFailed(f"pool {problem.pool}: " + "; ".join(broken))
        return plan


def _notes(problem: Problem) -> Iterator[str]:
    yield "surplus stored, every deficit served, cars charged on arrival"
    if problem.converters.ids:
        yield (
            "what stores will be asked for is made of surplus, else as late as can be; fuel cells"
            " stand still"
        )


def _explanation(problem: Problem, decisions: Decisions) -> Explanation:
    imported = np.maximum(decisions.site_kw(problem).sum(0), 0.0)
    kwh = float(imported @ problem.grid.hours)
    return Explanation(
        planner="rule",
        stages=(StageValue(stage="boundary import", value=kwh, unit="kWh"),),
        forecasts=problem.forecasts,
        notes=(*_notes(problem), *problem.extra),
    )
