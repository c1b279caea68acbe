"""What no battery or car could have done is refused, whoever says that it did."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.vpp.backtest.folders import write_folder
from vpp.backtest.data import Recording, read_recording
from vpp.backtest.feasible import require_feasible
from vpp.backtest.rules_run import Charged, Run, run_rule
from vpp.domain.arrays import Floats, frozen
from vpp.domain.errors import InvariantError
from vpp.domain.rules import community


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return read_recording(write_folder(tmp_path))


@pytest.fixture
def run(recording: Recording) -> Run:
    return run_rule("rule", recording, community)


def changed(values: Floats, slot: int, value: float) -> Floats:
    copy = np.array(values)
    copy[0, slot] = value
    return frozen(copy)


def test_what_a_rule_does_is_possible(recording: Recording, run: Run) -> None:
    assert run.charged.power_kw.sum() == pytest.approx(6.0)
    require_feasible(run, recording)


@pytest.mark.parametrize(
    ("slot", "value", "said"),
    [
        (3, 5.1, "battery a at 2026-07-01 03:00: 5.1 kW"),
        (3, -5.1, "-5.1 kW"),
        (0, -0.1, "kWh"),
        (3, float("nan"), "not every battery"),
    ],
    ids=["too much in", "too much out", "below empty", "missing"],
)
def test_a_battery_keeps_its_power_and_its_window(
    recording: Recording, run: Run, slot: int, value: float, said: str
) -> None:
    wrong = replace(run, battery_kw=changed(run.battery_kw, slot, value))
    with pytest.raises(InvariantError, match=said):
        require_feasible(wrong, recording)


def test_a_year_of_small_overdrafts_adds_up(recording: Recording, run: Run) -> None:
    leaky = np.array(run.battery_kw)
    leaky[1] = 0.0
    leaky[1, 1:] = -0.01
    with pytest.raises(InvariantError, match="battery b at 2026-07-01 01:00"):
        require_feasible(replace(run, battery_kw=frozen(leaky)), recording)


@pytest.mark.parametrize(
    ("slot", "power", "said"),
    [(0, 1.0, "draws 1.0 of 0.0 kWh"), (1, 2.5, "draws 2.5 of 2.0 kWh"), (2, 1.0, "is given")],
    ids=["not there yet", "above its power", "more than it wants"],
)
def test_a_car_draws_only_while_it_is_there(
    recording: Recording, run: Run, slot: int, power: float, said: str
) -> None:
    cars = run.charged
    more = Charged(
        session=np.append(cars.session, 0),
        slot=np.append(cars.slot, slot),
        power_kw=np.append(cars.power_kw, power),
    )
    with pytest.raises(InvariantError, match=said):
        require_feasible(replace(run, charged=more), recording)


def test_cars_and_sites_draw_the_same(recording: Recording, run: Run) -> None:
    with pytest.raises(InvariantError, match="do not draw the same"):
        require_feasible(replace(run, ev_kw=run.ev_kw * 2), recording)
