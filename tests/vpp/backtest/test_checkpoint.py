"""An interrupted run goes on where it was, bit for bit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.vpp.backtest.weather import hourly
from vpp.backtest.checkpoint import Keeper, digest
from vpp.backtest.data import Recording
from vpp.backtest.figures import figures, plain
from vpp.backtest.plan_run import PlanRun, Watching, run_plan
from vpp.backtest.setting import of_recording
from vpp.backtest.study import Answer, Ask, answer
from vpp.backtest.thinking import installed
from vpp.domain.arrays import frozen
from vpp.domain.order import Order

DAYS, WEEK = 9, 7 * 24


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Nine days in hours, prices included."""
    return hourly(DAYS)


def asked(
    recording: Recording,
    unfinished: Path | None = None,
    progress: Callable[[int], None] = lambda _slot: None,
    **said: Any,
) -> Answer:
    ask = Ask(plan_every_s=12 * 3600.0, horizon_s=24 * 3600.0, **said)
    return answer(ask, recording, progress=progress, unfinished=unfinished)


def interrupted_after(slots: int) -> Callable[[int], None]:
    def progress(slot: int) -> None:
        if slot == slots:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("order", [Order.LOCAL, Order.COST])
def test_a_run_that_goes_on_ends_as_one_that_ran_through(
    recording: Recording, tmp_path: Path, order: Order
) -> None:
    through = asked(recording, order=order)
    with pytest.raises(KeyboardInterrupt):
        asked(recording, tmp_path, interrupted_after(WEEK + 21), order=order)
    lived = list[int]()
    resumed = asked(recording, tmp_path, lived.append, order=order)
    assert lived == list(range(WEEK + 1, DAYS * 24 + 1))
    assert np.array_equal(resumed.run.battery_kw, through.run.battery_kw)
    assert np.array_equal(resumed.run.stored_kwh, through.run.stored_kwh)
    assert np.ptp(through.run.battery_kw[:, WEEK:], axis=1).min() > 0.1
    for one, other in (
        (resumed.asked.expected_kw, through.asked.expected_kw),
        (resumed.asked.run.curtailed_kw, through.asked.run.curtailed_kw),
    ):
        assert one is not None
        assert other is not None
        assert np.array_equal(one, other, equal_nan=True)
    curves = [{pool: p.curve for pool, p in one.asked.chosen.items()} for one in (resumed, through)]
    assert digest(curves[0]) == digest(curves[1])
    assert plain(resumed, figures(resumed)) == plain(through, figures(through))
    assert list(tmp_path.iterdir()) == []


def test_a_run_with_a_trained_forecast_goes_on_as_if_it_had_trained_itself(tmp_path: Path) -> None:
    """What was fitted is not kept: it is fitted again from the same record, to the same bits."""
    recording, keeper = hourly(16), Keeper(tmp_path / "run", "this question")

    def run(forecaster: str, progress: Callable[[int], None] = lambda _slot: None) -> PlanRun:
        thinking = replace(installed("rule", forecaster), every=6, horizon_s=24 * 3600.0)
        watching = Watching(progress=progress, keeper=keeper)
        setting = of_recording(recording)
        return run_plan("x", recording, setting, thinking=thinking, watching=watching)

    with pytest.raises(KeyboardInterrupt):
        run("model", interrupted_after(15 * 24))
    resumed = run("model")
    keeper.forget()
    through = run("model")
    keeper.forget()
    naive = run("persistence")
    first, second, other = (
        np.array(one.expected_kw, dtype=float) for one in (resumed, through, naive)
    )
    assert np.array_equal(first, second, equal_nan=True)
    assert not np.array_equal(first, other, equal_nan=True)
    assert np.array_equal(resumed.run.battery_kw, through.run.battery_kw)


def test_another_question_begins_at_the_beginning(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        asked(recording, tmp_path, interrupted_after(WEEK + 1), forecast="perfect")
    lived = list[int]()
    more_sun = replace(recording, pv_kw=frozen(recording.pv_kw * 1.01))
    asked(more_sun, tmp_path, lived.append, forecast="perfect")
    assert lived[0] == 1


def test_a_file_that_was_cut_off_is_as_good_as_none(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        asked(recording, tmp_path, interrupted_after(WEEK + 1), forecast="perfect")
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    assert Keeper(file, "whatever").load() is None
    lived = list[int]()
    asked(recording, tmp_path, lived.append, forecast="perfect")
    assert lived[0] == 1


def test_a_question_has_the_same_digest_whatever_the_order_of_its_sets() -> None:
    names = [f"name {number}" for number in range(50)]
    forth, back = frozenset(names), frozenset(reversed(names))
    assert digest({"a": forth, "b": (1, 2.5)}) == digest({"b": (1, 2.5), "a": back})
    assert digest((np.array([1.0]), "x")) != digest((np.array([1.0 + 1e-12]), "x"))
