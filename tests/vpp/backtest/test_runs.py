"""Rules and perfect foresight over the same small record, and their scores."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.vpp.backtest.folders import write_folder
from vpp.backtest.bound import least_import
from vpp.backtest.data import Recording, read_recording
from vpp.backtest.rules_run import Run, dear_times, run_rule
from vpp.backtest.score import pool_nets, score, table
from vpp.domain.arrays import frozen
from vpp.domain.rules import (
    Charging,
    Rule,
    Storage,
    community,
    inverter,
    no_control,
    on_arrival,
    surplus_first,
    tariff_timer,
)
from vpp.domain.slots import SlotGrid

RULES = [no_control, inverter, community, tariff_timer]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return read_recording(write_folder(tmp_path))


@pytest.fixture
def days() -> Recording:
    """Ten days of three unlike batteries under changing weather, without cars or prices."""
    random = np.random.default_rng(7)
    hour = np.arange(240) % 24
    sun = np.maximum(np.sin((hour - 6) / 12 * np.pi), 0) * random.uniform(0.2, 1, (3, 240))
    return Recording(
        sites=("a", "b", "c"),
        grid=SlotGrid(edges_s=frozen(np.arange(241) * 3600.0)),
        load_kw=frozen(random.uniform(0.5, 3, (3, 240))),
        pv_kw=frozen(np.array([[9.0], [4.0], [6.0]]) * sun),
        batteries=("a", "b", "c"),
        storage=Storage(
            site=np.array([0, 1, 2]),
            low_kwh=np.zeros(3),
            high_kwh=np.array([20.0, 6.0, 9.0]),
            charge_kw=np.array([3.0, 6.0, 2.0]),
            discharge_kw=np.array([2.0, 5.0, 4.0]),
            eta_charge=np.full(3, 0.95),
            eta_discharge=np.full(3, 0.95),
        ),
        start_kwh=np.zeros(3),
    )


@pytest.mark.parametrize("rule", RULES)
def test_a_run_keeps_store_and_power_consistent(recording: Recording, rule: Rule) -> None:
    run = run_rule("x", recording, rule)
    storage = recording.storage
    stored = recording.start_kwh
    for slot in range(len(recording.grid)):
        stored = storage.after(stored, run.battery_kw[:, slot], recording.hours)
        assert run.stored_kwh[:, slot + 1].tolist() == pytest.approx(stored.tolist())
    assert (run.stored_kwh >= storage.low_kwh[:, None] - 1e-9).all()
    assert (run.stored_kwh <= storage.high_kwh[:, None] + 1e-9).all()


@pytest.mark.parametrize("charging", [on_arrival, surplus_first])
def test_cars_are_served_while_they_are_there(recording: Recording, charging: Charging) -> None:
    run = run_rule("x", recording, no_control, charging=charging)
    assert run.unserved_kwh == pytest.approx(0)
    assert run.ev_kw.sum() == pytest.approx(6)
    assert run.ev_kw[:2].sum() == 0
    assert np.flatnonzero(run.ev_kw[2]).tolist() == [1, 2]
    assert run.ev_kw[2, 1:3].tolist() == [2, 4]


def test_a_car_that_leaves_too_soon_is_not_served_in_full(recording: Recording) -> None:
    (session,) = recording.sessions
    greedy = replace(recording, sessions=(replace(session, energy_kwh=50),))
    assert run_rule("x", greedy, no_control).unserved_kwh == pytest.approx(50 - 4.5 * 4)


def test_sharing_uses_more_sun_than_each_house_alone(days: Recording) -> None:
    used = [score(run_rule("x", days, rule), days).self_consumption for rule in RULES[:3]]
    assert used[0] < used[1] < used[2]


def test_batteries_of_different_pools_do_not_share(days: Recording) -> None:
    each = [[0], [1], [2]]
    apart = run_rule("x", days, community, pools=each)
    alone = run_rule("x", days, inverter)
    assert np.allclose(apart.battery_kw, alone.battery_kw)
    assert np.allclose(pool_nets(apart, days, each), pool_nets(alone, days, each))


def test_perfect_foresight_is_reached_by_sharing_among_unlike_batteries(days: Recording) -> None:
    bound = least_import(days)
    best = score(bound, days).self_consumption
    shared = score(run_rule("x", days, community), days).self_consumption
    assert shared <= best + 1e-6
    assert shared == pytest.approx(best, abs=2e-3)


@pytest.mark.parametrize("pools", [None, [[0, 2], [1]]])
def test_no_rule_beats_perfect_foresight(days: Recording, pools: list[list[int]] | None) -> None:
    best = score(least_import(days, pools=pools), days, pools=pools)
    for rule in RULES:
        run = run_rule("x", days, rule, pools=pools)
        assert score(run, days, pools=pools).self_consumption <= best.self_consumption + 1e-6


def test_alike_batteries_are_one_to_perfect_foresight(days: Recording) -> None:
    two = replace(days.storage.subset(np.array([0, 0])), site=np.array([0, 1]))
    alike = replace(days, storage=two, start_kwh=np.zeros(2))
    run = least_import(alike)
    assert np.allclose(run.battery_kw[0], run.battery_kw[1])
    once = replace(
        days,
        storage=replace(
            two.subset(np.array([0])),
            high_kwh=np.array([40.0]),
            charge_kw=np.array([6.0]),
            discharge_kw=np.array([4.0]),
        ),
        start_kwh=np.zeros(1),
    )
    whole = least_import(once)
    assert np.allclose(run.battery_kw.sum(axis=0), whole.battery_kw[0], atol=1e-6)


def test_the_score_of_a_hand_made_run(recording: Recording) -> None:
    still = run_rule("still", replace(recording, sessions=()), no_control)
    found = score(still, recording)
    # 6 kW of load for 48 h; sun of 13 kW for 16 h covers it in those hours.
    assert found.import_kwh == 6 * 32
    assert found.export_kwh == 7 * 16
    assert found.self_consumption == pytest.approx(6 * 16 / (13 * 16))
    assert found.self_sufficiency == pytest.approx(1 / 3)
    assert found.cost == 6 * (8 * 30 + 24 * 10)
    assert found.co2_kg == 6 * 32 * 0.5
    assert (found.peak_kw, found.mean_daily_peak_kw) == (6, 6)
    assert found.ramping_kw == 13 * 3
    assert found.cycles == 0


def test_prices_that_are_not_known_cost_nothing_that_is_known(days: Recording) -> None:
    found = score(run_rule("x", days, community), days)
    assert math.isnan(found.cost)
    assert math.isnan(found.co2_kg)


def test_the_store_at_the_end_is_credited(recording: Recording) -> None:
    still = run_rule("x", replace(recording, sessions=()), no_control)
    stored = still.stored_kwh.copy()
    stored[0, -1] = 10.0
    credited = score(replace(still, stored_kwh=frozen(stored)), recording)
    plain = score(still, recording)
    assert credited.self_consumption - plain.self_consumption == pytest.approx(0.9 * 10 / 208)


def test_sun_that_is_not_let_in_is_lost_at_the_boundary(recording: Recording) -> None:
    still = run_rule("x", replace(recording, sessions=()), no_control)
    lost = np.zeros((3, 48))
    lost[0, 3] = 9.0  # of 13 kW, where 6 are used: 2 must be imported
    found = score(replace(still, curtailed_kw=frozen(lost)), recording)
    plain = score(still, recording)
    assert found.import_kwh - plain.import_kwh == pytest.approx(2)
    assert found.export_kwh - plain.export_kwh == pytest.approx(-7)
    assert plain.gross_self_consumption - found.gross_self_consumption == pytest.approx(2 / 208)


def test_dear_is_the_highest_price_of_the_day() -> None:
    dear, wait = dear_times(np.array([1.0, 2, 3, 3, 1, 1] * 4), 1.0, 24)
    assert dear[:6].tolist() == [False, False, True, True, False, False]
    assert wait[:6].tolist() == [2, 1, 0, 0, 4, 3]
    assert wait[-1] == math.inf
    assert not dear_times(np.full(24, 5.0), 1.0, 24)[0].any()
    assert not dear_times(None, 1.0, 24)[0].any()


def test_the_table_has_a_line_for_each_controller(days: Recording) -> None:
    runs: list[Run] = [run_rule(rule.__name__, days, rule) for rule in RULES]
    heading, *lines = table(score(run, days) for run in runs).splitlines()
    assert "self-cons." in heading
    assert [line.split()[0] for line in lines] == [rule.__name__ for rule in RULES]
