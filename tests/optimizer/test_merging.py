"""What is alike is planned as one: the plan costs the same, stage by stage, as planned apart."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.explanation import stage_values
from optimizer.levelling import levelled
from optimizer.planner import LpPlanner
from optimizer.solving.mathopt import MathOptSolver
from optimizer.stages.order import StagedSolver
from tests.optimizer.cases import KINDS, random_problem
from tests.optimizer.test_against_milp import assert_exact
from tests.thoroughness import examples
from vpp.domain.ids import AssetId
from vpp.domain.order import Order
from vpp.domain.plan import Plan, Schedule, StageValue
from vpp.domain.plan_check import broken_rules
from vpp.domain.problem import Problem

WITHOUT_TIES = (
    "plain",
    "export above import price",
    "energy outside its window",
    "EV sessions",
    "feeder below base load",
    "contract and demand charge",
)
"""Kinds of cases that are looked at as fleets, whose batteries begin inside their windows."""


def fleet(seed: int, order: Order = Order.LOCAL, **changes: Any) -> Problem:
    """A random case whose batteries are of two kinds, six in all, with what is in them drawn."""
    kind = KINDS.index(WITHOUT_TIES[seed % len(WITHOUT_TIES)])
    rng, problem = np.random.default_rng(seed), random_problem(len(KINDS) * seed + kind, order)
    batteries, count = problem.batteries, 6
    kinds = np.arange(count) % 2
    size = np.where(kinds == 0, 1.0, rng.uniform(0.5, 2.0))
    capacity = 5.0 * size
    fields = {
        "site": rng.integers(0, len(problem.sites), count),
        "capacity_kwh": capacity,
        "charge_kw": np.full(count, 2.5) * size,
        "discharge_kw": np.where(kinds == 0, 2.5, 1.5) * size,
        "eta_charge": np.where(kinds == 0, 0.95, 0.9),
        "eta_discharge": np.where(kinds == 0, 0.95, 0.9),
        "energy_kwh": capacity * rng.uniform(0.2, 0.9, count),
        "min_kwh": 0.1 * capacity,
        "max_kwh": 0.95 * capacity,
        "reserve_kwh": 0.2 * capacity,
        "wear_per_kwh": np.full(count, 0.02),
    }
    ids = tuple(AssetId(f"battery-{b}") for b in range(count))
    problem = replace(problem, batteries=replace(batteries, ids=ids, **fields), shared=())
    return replace(problem, **changes)


def planned_apart(problem: Problem) -> tuple[StageValue, ...]:
    """Every battery and plant with columns of its own, each stage from the start."""
    run = StagedSolver(MathOptSolver("HIGHS"), MathOptSolver("GLOP")).run(problem, 20.0)
    return stage_values(run, run.x)


def together(plan: Plan) -> bool:
    return any("were planned as" in note for note in plan.explanation.notes)


def assert_same(plan: Plan, problem: Problem) -> None:
    """Where binaries decide, the stages alone are no more than a bound."""
    if any("binaries decide" in note for note in plan.explanation.notes):
        assert_exact(problem)
        return
    apart = planned_apart(problem)
    assert [v.stage for v in plan.explanation.stages] == [v.stage for v in apart]
    for found, expected in zip(plan.explanation.stages, apart, strict=True):
        assert found.value == pytest.approx(expected.value, abs=2e-6, rel=1e-6), found.stage
    assert broken_rules(plan, problem) == []


@pytest.mark.parametrize("order", [Order.LOCAL, Order.COST])
@pytest.mark.parametrize("seed", [*range(23), 113])
def test_a_fleet_costs_the_same_planned_as_one_and_apart(seed: int, order: Order) -> None:
    problem = fleet(seed, order)
    assert_same(LpPlanner().plan(problem), problem)


def test_most_fleets_are_planned_as_one() -> None:
    as_one = [together(LpPlanner().plan(fleet(seed))) for seed in range(24)]
    assert sum(as_one) >= 12


@pytest.mark.parametrize("seed", range(12))
def test_the_second_plan_of_a_fleet_changes_as_little_as_planned_apart(seed: int) -> None:
    problem = fleet(seed)
    before = LpPlanner().plan(problem).schedule
    moved = replace(
        problem,
        load_kw=problem.load_kw * 1.1,
        last_schedule=before,
        last_grid=problem.grid,
    )
    assert_same(LpPlanner().plan(moved), moved)


def test_members_that_cannot_follow_are_planned_apart() -> None:
    """The last plan asks most of the battery that is empty now: together they change too little."""
    problem = fleet(0)
    batteries = problem.batteries
    power = np.zeros((6, len(problem.grid)))
    power[0, :3], power[2, :3] = 2.0, -2.0
    last = Schedule(
        assets=batteries.ids,
        power_kw=power,
        energy_kwh=np.ones(power.shape),
        grid_kw=np.zeros(len(problem.grid)),
    )
    energy = np.array(batteries.energy_kwh)
    energy[0], energy[2] = batteries.max_kwh[0], batteries.reserve_kwh[2]
    problem = replace(
        problem,
        batteries=replace(batteries, energy_kwh=energy),
        last_schedule=last,
        last_grid=problem.grid,
    )
    plan = LpPlanner().plan(problem)
    assert not together(plan)
    assert_same(plan, problem)


def test_equal_batteries_get_equal_parts() -> None:
    problem = fleet(0)
    batteries = problem.batteries
    level = replace(batteries, energy_kwh=0.5 * batteries.capacity_kwh)
    plan = LpPlanner().plan(replace(problem, batteries=level))
    assert together(plan)
    power = [plan.schedule.of(asset) for asset in batteries.ids]
    assert np.abs(power).max() > 0.1
    for one, other in ((0, 2), (0, 4), (1, 3), (1, 5)):
        assert power[one] == pytest.approx(power[other], abs=1e-9)


@settings(max_examples=examples(200))
@given(
    left_h=st.lists(st.floats(0.0, 8.0), min_size=1, max_size=12),
    part=st.floats(0.0, 1.0),
    h=st.sampled_from([0.25, 1.0, 2.0]),
    seed=st.integers(0, 1000),
)
def test_levelling_splits_all_of_it_inside_the_bounds_and_to_one_level(
    left_h: list[float], part: float, h: float, seed: int
) -> None:
    rng, left = np.random.default_rng(seed), np.array(left_h)
    limit = rng.uniform(0.5, 5.0, len(left))
    high = np.minimum(limit, left * limit / h)
    low = high * rng.uniform(0.0, 0.5, len(left)) * rng.choice([0.0, 1.0])
    total = float(low.sum() + part * (high - low).sum())
    found = levelled(total, left, limit, low, high, h)
    assert found.sum() == pytest.approx(total, abs=1e-9)
    assert (found >= low - 1e-12).all()
    assert (found <= high + 1e-12).all()
    after = left - found / limit * h
    free = (found > low + 1e-9) & (found < high - 1e-9)
    if free.any():
        level = after[free].mean()
        assert after[free] == pytest.approx(np.full(free.sum(), level), abs=1e-6)
        wide = high > low + 2e-9
        assert (after[wide & (found <= low + 1e-9)] <= level + 1e-6).all()
        assert (after[wide & (found >= high - 1e-9)] >= level - 1e-6).all()
