"""What cannot be had is as little as can be, and named with what stands in the way."""

from dataclasses import fields, replace

import numpy as np
import pytest

from optimizer.planner import LpPlanner
from tests.optimizer.cases import PLANNERS, random_problem
from tests.optimizer.pieces import network, one_car
from vpp.domain.problem import Batteries, Problem
from vpp.domain.slots import SlotGrid


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


def test_a_margin_is_kept_beneath_a_contract_where_the_battery_can_and_said_so() -> None:
    """7 kW of load in the last two hours under a contract of 6: 5 are kept to, by the battery."""
    problem = evening()
    nodes = network(4, contract_import_kw=6.0, margin_import_kw=1.0)
    without = replace(nodes, margin_import_kw=np.zeros((3, 4)))
    plan, bare = (LpPlanner().plan(replace(problem, nodes=one)) for one in (nodes, without))
    assert bare.schedule.grid_kw.max() == pytest.approx(6.0)
    assert plan.schedule.grid_kw.max() == pytest.approx(5.0)
    assert plan.explanation.slacks == ()
    said = "margin beneath the import contract of node grid"
    assert any(note.startswith(said) and "1 to 1 kW" in note for note in plan.explanation.notes)
    assert not any(note.startswith(said) for note in bare.explanation.notes)
    (band,) = plan.bands
    assert band.hi_kw.tolist() == [6.0] * 4


def test_a_margin_of_a_contract_that_holds_for_some_slots_is_told_of_those() -> None:
    nodes = network(4, contract_import_kw=6.0, margin_import_kw=1.0)
    contract_kw = nodes.contract_import_kw.copy()
    contract_kw[0, :2] = np.inf
    plan = LpPlanner().plan(
        replace(evening(), nodes=replace(nodes, contract_import_kw=contract_kw))
    )
    (said,) = (note for note in plan.explanation.notes if note.startswith("margin beneath"))
    assert said.endswith("1 to 1 kW")


def test_a_margin_gives_way_before_its_contract_does_and_is_named() -> None:
    """A battery with 3 kWh, where 2 would keep the contract and 6 its margin."""
    problem = evening()
    fleet = problem.batteries
    fleet = replace(fleet, energy_kwh=3.0 / fleet.eta_discharge)
    nodes = network(4, contract_import_kw=6.0, margin_import_kw=2.0)
    plan = LpPlanner().plan(replace(problem, nodes=nodes, batteries=fleet))
    assert plan.schedule.grid_kw.max() <= 6.0 + 1e-6
    (slack,) = plan.explanation.slacks
    assert slack.what == "contract margin of node grid import"
    assert slack.limited_by == "node grid import contract margin"
    assert slack.amount == pytest.approx(3.0)
    assert (slack.first_slot, slack.last_slot) == (2, 3)


def test_a_margin_asks_nothing_of_the_base_load() -> None:
    """Without a battery there is nothing that could give way: the margin is 0 there, no slack."""
    problem = evening()
    nodes = network(4, contract_import_kw=8.0, margin_import_kw=5.0)
    fleet = replace(problem.batteries, discharge_kw=np.zeros(1))
    plan = LpPlanner().plan(replace(problem, nodes=nodes, batteries=fleet))
    assert plan.explanation.slacks == ()
    assert plan.schedule.grid_kw.tolist() == pytest.approx([4.0, 4.0, 7.0, 7.0])


def test_margins_change_nothing_where_there_is_no_contract() -> None:
    problem = random_problem(0)
    wide = np.full(problem.nodes.import_kw.shape, 3.0)
    nodes = replace(problem.nodes, margin_import_kw=wide, margin_export_kw=wide)
    plan, bare = (LpPlanner().plan(one) for one in (replace(problem, nodes=nodes), problem))
    np.testing.assert_array_equal(plan.schedule.power_kw, bare.schedule.power_kw)
    assert plan.explanation.notes == bare.explanation.notes


def evening() -> Problem:
    """4 kW of load for two hours, then 7 for two; no sun; a battery with 8 kWh and 3 kW."""
    problem = random_problem(0)
    fleet, slots = problem.batteries, 4
    first = {f.name: getattr(fleet, f.name)[:1] for f in fields(fleet)}
    kwh = {"capacity_kwh": 10.0, "energy_kwh": 8.0, "min_kwh": 0.0, "max_kwh": 10.0}
    kw = {"charge_kw": 3.0, "discharge_kw": 3.0, "reserve_kwh": 0.0}
    load_kw = np.zeros((len(problem.sites), slots))
    load_kw[0] = [4.0, 4.0, 7.0, 7.0]
    plants, sessions, prices = problem.pv, problem.sessions, problem.prices
    return replace(
        problem,
        grid=SlotGrid.regular(problem.grid.start, count=slots, step_s=3600.0),
        load_kw=load_kw,
        nodes=network(slots),
        batteries=Batteries(**first | {k: np.full(1, v) for k, v in (kwh | kw).items()}),
        pv=replace(plants, available_kw=np.zeros((len(plants.ids), slots))),
        sessions=replace(
            sessions,
            max_kw=np.zeros((len(sessions.ids), slots)),
            guaranteed_kw=np.zeros((len(sessions.ids), slots)),
        ),
        prices=replace(
            prices,
            **{
                name: getattr(prices, name)[:slots]
                for name in ("import_per_kwh", "export_per_kwh", "co2_kg_per_kwh")
            },
        ),
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
