"""The staged linear programs equal an independent mixed-integer program, stage by stage."""

from dataclasses import replace

import numpy as np
import pytest

from optimizer.model.pool import build
from optimizer.planner import LpPlanner
from tests.optimizer.cases import KINDS, random_problem
from tests.optimizer.milp import Exact
from tests.thoroughness import examples
from vpp.domain.order import Order
from vpp.domain.plan import Plan

CASES = examples(80)


def reached(plan: Plan, stage: str) -> float:
    return next(v.value for v in plan.explanation.stages if v.stage.startswith(stage))


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(CASES))
def test_local_order_equals_the_exact_optimum(seed: int) -> None:
    problem = random_problem(seed)
    plan = LpPlanner().plan(problem)
    terminal = build(problem, elastic=False).terminal.value
    exact = Exact(problem, terminal)
    exact.service()
    assert reached(plan, "S1") == pytest.approx(exact.local(terminal), abs=1e-6)
    assert reached(plan, "S2") == pytest.approx(exact.money(terminal, clamp=False), abs=1e-4)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(1000, 1000 + CASES // 2))
def test_cost_order_equals_the_exact_optimum(seed: int) -> None:
    problem = random_problem(seed, Order.COST)
    plan = LpPlanner().plan(problem)
    terminal = build(problem, elastic=False).terminal.value
    exact = Exact(problem, terminal)
    exact.service()
    assert reached(plan, "S2") == pytest.approx(exact.money(terminal, clamp=True), abs=1e-6)
    assert reached(plan, "S1") == pytest.approx(exact.local(terminal), abs=1e-4)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(KINDS.index("contract and demand charge"), 10 * CASES, 50))
@pytest.mark.parametrize("order", [Order.LOCAL, Order.COST])
def test_contracts_with_margins_equal_the_exact_optimum(seed: int, order: Order) -> None:
    problem = random_problem(seed, order)
    rng = np.random.default_rng(seed)
    margin_kw = rng.uniform(0.0, 2.0) * np.sqrt(1.0 + np.arange(len(problem.grid)))
    nodes = replace(problem.nodes, margin_import_kw=margin_kw, margin_export_kw=margin_kw)
    problem = replace(problem, nodes=nodes)
    plan = LpPlanner().plan(problem)
    terminal = build(problem, elastic=False).terminal.value
    exact = Exact(problem, terminal)
    exact.service()
    if order is Order.LOCAL:
        assert reached(plan, "S1") == pytest.approx(exact.local(terminal), abs=1e-6)
    else:
        assert reached(plan, "S2") == pytest.approx(exact.money(terminal, clamp=True), abs=1e-6)


def test_the_kinds_of_cases_are_all_among_them() -> None:
    assert len(KINDS) <= CASES
