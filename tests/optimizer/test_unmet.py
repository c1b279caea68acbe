"""What cannot be had is as little as can be, and named with what stands in the way."""

from dataclasses import replace

import numpy as np
import pytest

from optimizer.planner import LpPlanner
from tests.optimizer.cases import PLANNERS, random_problem
from tests.optimizer.pieces import network, one_car


def test_a_need_beyond_the_stay_is_named_with_what_stands_in_the_way() -> None:
    problem = random_problem(0)
    reach = 3.0 * problem.grid.hours[:2].sum()
    problem = replace(problem, sessions=one_car(problem, need_kwh=reach + 5.0, max_kw=3.0, until=2))
    plan = LpPlanner().plan(problem)
    (slack,) = plan.explanation.slacks
    assert slack.what == "EV session session at charger"
    assert slack.amount == pytest.approx(5.0)
    assert slack.limited_by == "charger power and stay"
    assert (slack.first_slot, slack.last_slot) == (0, 1)
    assert plan.envelopes[0].most_kwh[-1] == pytest.approx(reach)


def test_a_rating_that_starves_a_car_is_named_with_its_dual() -> None:
    problem = random_problem(0)
    slots = len(problem.grid)
    rating = float(problem.load_kw.sum(0).max()) + 1.0
    problem = replace(
        problem,
        nodes=network(slots, import_kw=rating),
        sessions=one_car(
            problem, need_kwh=22.0 * problem.grid.hours.sum(), max_kw=22.0, until=slots
        ),
    )
    plan = LpPlanner().plan(problem)
    (slack,) = plan.explanation.slacks
    assert slack.limited_by == "node grid import rating"
    assert slack.dual > 0.0
    assert plan.schedule.grid_kw.max() <= rating + 1e-6


def test_a_contract_below_the_load_is_exceeded_as_little_as_can_be_and_said_so() -> None:
    problem = random_problem(0)
    slots = len(problem.grid)
    problem = replace(
        problem,
        nodes=network(slots, contract_import_kw=0.5),
        pv=replace(problem.pv, available_kw=np.zeros(problem.pv.available_kw.shape)),
    )
    plan = LpPlanner().plan(problem)
    names = [slack.what for slack in plan.explanation.slacks]
    assert "contract of node grid import" in names
    over = np.maximum(plan.schedule.grid_kw - 0.5, 0.0) @ problem.grid.hours
    assert over == pytest.approx(
        next(s.amount for s in plan.explanation.slacks if s.what.startswith("contract")), abs=1e-6
    )


def test_a_feeder_below_its_base_load_opens_its_rating_and_raises_an_alarm() -> None:
    problem = random_problem(0)
    rating = 0.5 * float(problem.load_kw.sum(0).min())
    problem = replace(
        problem,
        nodes=network(len(problem.grid), import_kw=rating),
        pv=replace(problem.pv, available_kw=np.zeros(problem.pv.available_kw.shape)),
    )
    for planner in PLANNERS:
        plan = planner.plan(problem)
        assert plan.schedule.grid_kw.max() <= problem.load_kw.sum(0).max() + 1e-6
    notes = LpPlanner().plan(problem).explanation.notes
    assert any(note.startswith("ALARM import rating of node grid") for note in notes)
