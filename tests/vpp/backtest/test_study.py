"""An answer: the controller that was asked for, beside everything that it is measured against."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.vpp.backtest.weather import hourly, unlike
from vpp.backtest.bound import NAME as BOUND
from vpp.backtest.data import Recording, between
from vpp.backtest.figures import figures, plain
from vpp.backtest.study import FORESEEN, Answer, Ask, Controller, answer
from vpp.domain.arrays import frozen
from vpp.domain.errors import InvariantError
from vpp.domain.order import Order

TWICE_A_DAY = {"plan_every_s": 12 * 3600.0, "horizon_s": 12 * 3600.0}


@pytest.fixture(scope="module")
def recording() -> Recording:
    made = unlike(2)
    hour = np.arange(len(made.grid)) // 4 % 24
    dear = (hour >= 18) & (hour < 21)
    return replace(
        made,
        price_per_kwh=frozen(np.where(dear, 0.5, 0.2)),
        carbon_kg_per_kwh=frozen(0.1 + 0.2 * dear),
    )


def asked(recording: Recording, workers: int = 1, **said: Any) -> Answer:
    return answer(Ask(**{**TWICE_A_DAY, **said}), recording, workers=workers)


def test_the_last_hours_of_a_record_are_no_month_of_the_grid_score() -> None:
    """Fourteen hours beyond 730 in which nothing is taken but what a battery gives."""
    made = hourly(31)
    rest = np.arange(len(made.grid)) >= 730
    record = replace(
        made,
        load_kw=frozen(np.where(rest, 1e-13, made.load_kw)),
        pv_kw=frozen(np.where(rest, 0.5, made.pv_kw)),
        carbon_kg_per_kwh=frozen(np.full(len(made.grid), 0.3)),
    )
    whole, month = (
        figures(asked(one, controller=Controller.COMMUNITY)).grid_scores["community"]
        for one in (record, between(record, record.grid.start, record.grid.starts[730]))
    )
    assert whole == pytest.approx(month, abs=0.05)


def test_everything_stands_beside_the_plan(recording: Recording) -> None:
    found = figures(asked(recording))
    rules = ["none", "inverter", "community", "tariff"]
    assert list(found.scores) == ["plan", *rules, FORESEEN, BOUND]
    assert found.grid_scores["none"] == 1.0
    best = found.scores[BOUND].self_consumption
    assert all(score.self_consumption <= best + 1e-9 for score in found.scores.values())
    parts = found.regret
    assert parts["total"] == pytest.approx(parts["forecast"] + parts["horizon"])
    assert parts["total"] >= -1e-6


def test_the_answer_is_the_same_with_any_number_of_workers(recording: Recording) -> None:
    alone, together = asked(recording), asked(recording, workers=2)
    assert np.array_equal(alone.run.battery_kw, together.run.battery_kw)
    assert plain(alone, figures(alone)) == plain(together, figures(together))


def test_in_the_order_of_cost_the_bound_is_the_least_cost(recording: Recording) -> None:
    found = figures(asked(recording, order=Order.COST, forecast="perfect"))
    least = found.scores[BOUND].cost
    assert all(score.cost >= least - 1e-6 for score in found.scores.values())
    assert found.unit == "money"
    assert found.regret["total"] == pytest.approx(found.scores["plan"].cost - least)
    assert list(found.regret) == ["total"]


def test_a_rule_is_asked_for_without_any_plan(recording: Recording) -> None:
    made = asked(recording, controller=Controller.INVERTER)
    assert list(figures(made).scores) == ["inverter", "none", "community", "tariff", BOUND]
    assert made.asked.plans == 0


def test_without_prices_there_is_no_tariff_rule_and_no_cost() -> None:
    found = figures(asked(unlike(1), controller=Controller.COMMUNITY))
    assert "tariff" not in found.scores
    assert np.isnan(found.grid_scores["community"])
    assert found.unit == "kWh of import"


@pytest.mark.parametrize(
    "about_money", [{"order": Order.COST}, {"controller": Controller.TARIFF}], ids=str
)
def test_without_prices_nothing_is_asked_that_goes_by_them(about_money: dict[str, Any]) -> None:
    with pytest.raises(InvariantError, match="the record has no signals_hourly"):
        asked(unlike(1), **about_money)
