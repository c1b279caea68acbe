"""A day's regret is never negative, and is put down to what would have spared it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.vpp.domain.days import (
    HOURS,
    LOAD_KW,
    PRICES,
    SLOTS,
    STORAGE,
    SUN_KW,
    day_of,
    followed,
    good_day,
)
from vpp.domain.arrays import Floats
from vpp.domain.day import Cause, Reached
from vpp.domain.judging import judge
from vpp.domain.order import Order
from vpp.domain.rules import Interval, Storage, community, no_control

LOW = np.array([1.0, 2.0])


def reached(day: Any) -> Reached:
    found = judge(day).reached
    assert found is not None
    return found


def test_a_day_in_which_every_surplus_was_stored_has_no_regret() -> None:
    score = judge(good_day())
    assert score.reached is not None
    assert score.reached.regret == pytest.approx(0.0, abs=1e-6)
    assert not score.bad
    surplus = np.maximum(SUN_KW - LOAD_KW, 0.0).sum() * HOURS
    assert 0.5 < (score.reached.self_consumption or 0.0) < 1.0
    assert score.reached.demand_kwh == pytest.approx(LOAD_KW.sum() * HOURS)
    assert score.reached.renewable_kwh == pytest.approx(SUN_KW.sum() * HOURS)
    assert 0.0 < score.reached.export_kwh < surplus


def test_batteries_at_rest_all_day_are_a_bad_day_that_nothing_explains() -> None:
    score = judge(day_of(*followed(LOAD_KW - SUN_KW, LOW, no_control)))
    assert score.bad
    assert score.reached is not None
    causes = score.reached.causes
    assert causes[Cause.UNEXPLAINED] == pytest.approx(score.reached.regret)
    assert "Tue 02 Jun" in score.sentence
    assert "kWh lost, import less what is stored, against perfect foresight" in score.sentence
    assert "unexplained" in score.sentence


def test_a_battery_that_was_away_is_what_the_regret_is_put_down_to() -> None:
    def one_alone(storage: Storage, now: Interval) -> Floats:
        alone, power = np.array([1]), np.zeros(2)
        own = Interval(hours=now.hours, net_kw=now.net_kw, stored_kwh=now.stored_kwh[alone])
        power[alone] = community(storage.subset(alone), own)
        return power

    power_kw, stored_kwh = followed(LOAD_KW - SUN_KW, LOW, one_alone)
    away = np.zeros((2, SLOTS), np.bool_)
    away[0] = True
    unmeasured = np.where(away, np.nan, power_kw)
    unknown = np.array(stored_kwh)
    unknown[0, 1:] = np.nan
    day = day_of(power_kw, stored_kwh, away={"offline": away})
    score = judge(replace(day, power_kw=unmeasured, stored_kwh=unknown))
    assert score.completeness == 1.0
    assert score.bad
    assert score.reached is not None
    causes = score.reached.causes
    assert causes[Cause.DEVICE] == pytest.approx(score.reached.regret, abs=1e-6)
    assert causes[Cause.DEVICE] > 5.0
    assert "device" in score.sentence
    assert "a-bat offline 24.0 h" in score.sentence


def test_an_absurd_forecast_that_was_believed_is_what_the_regret_is_put_down_to() -> None:
    rest_kw = LOAD_KW - SUN_KW
    absurd_kw = LOAD_KW - 6.0 * SUN_KW
    spoilt = day_of(*followed(rest_kw, LOW, no_control), foreseen_kw=absurd_kw)
    score = judge(spoilt)
    assert score.bad
    assert score.reached is not None
    causes, regret = score.reached.causes, score.reached.regret
    assert causes[Cause.FORECAST] > 0.5 * regret
    off_kw = np.abs(absurd_kw - rest_kw).mean()
    assert f"forecast {causes[Cause.FORECAST]:,.1f} kWh" in score.sentence
    assert f"the net was {off_kw:.1f} kW off in the mean" in score.sentence


def test_an_ordinary_forecast_is_not_blamed_for_what_idle_batteries_lost() -> None:
    random = np.random.default_rng(7)
    foreseen_kw = LOAD_KW * random.normal(1.0, 0.15, SLOTS) - 0.9 * SUN_KW
    idle = followed(LOAD_KW - SUN_KW, LOW, no_control)
    score = reached(day_of(*idle, foreseen_kw=foreseen_kw))
    assert score.causes[Cause.UNEXPLAINED] > 0.8 * score.regret


def test_a_perfect_forecast_takes_no_blame() -> None:
    score = reached(day_of(*followed(LOAD_KW - SUN_KW, LOW, no_control)))
    assert score.causes[Cause.FORECAST] == pytest.approx(0.0, abs=1e-6)


def test_a_limit_that_bound_takes_what_was_lost_while_it_did() -> None:
    limited = np.zeros((2, SLOTS), np.bool_)
    limited[:, 24:72] = True
    score = judge(day_of(*followed(LOAD_KW - SUN_KW, LOW, no_control), limited=limited))
    assert score.reached is not None
    assert score.reached.causes[Cause.LIMIT] == pytest.approx(score.reached.regret, abs=1e-6)
    assert "limit" in score.sentence
    assert "bound for 12.0 h" in score.sentence


@pytest.mark.parametrize("slots", [92, 100])
def test_a_day_of_23_or_25_hours_is_judged_by_its_own_length(slots: int) -> None:
    rest_kw = np.resize(LOAD_KW - SUN_KW, slots)
    power_kw, stored_kwh = followed(rest_kw, LOW)
    day = good_day(
        net_kw=rest_kw + power_kw.sum(axis=0),
        sun_kw=np.resize(SUN_KW, slots),
        could_kw=np.resize(SUN_KW, slots),
        power_kw=power_kw,
        stored_kwh=stored_kwh,
        foreseen_kw=rest_kw,
        import_per_kwh=np.resize(PRICES, slots),
        export_per_kwh=np.zeros(slots),
        limited=np.zeros((2, slots), np.bool_),
    )
    score = judge(day)
    assert score.completeness == 1.0
    assert score.reached is not None
    assert score.reached.regret == pytest.approx(0.0, abs=1e-6)


def test_a_day_of_which_too_much_is_missing_is_not_judged_and_says_what() -> None:
    day = good_day()
    net_kw = np.array(day.net_kw)
    net_kw[30:45] = np.nan
    score = judge(replace(day, net_kw=net_kw))
    assert score.reached is None
    assert not score.bad
    assert score.completeness == pytest.approx(81 / 96)
    assert "the net of the pool was not measured in 15 of 96 quarter hours" in score.sentence


def test_a_gap_counts_for_nothing_on_either_side() -> None:
    """Stored energy that was used up in it is no one's regret, and no credit."""
    day = good_day()
    net_kw = np.array(day.net_kw)
    net_kw[76:80] = np.nan
    whole, gappy = reached(day), reached(replace(day, net_kw=net_kw))
    assert gappy.regret == pytest.approx(0.0, abs=1e-6)
    gap_kwh = float(LOAD_KW[76:80].sum()) * HOURS
    assert gappy.demand_kwh == pytest.approx(whole.demand_kwh - gap_kwh)
    assert (gappy.self_sufficiency or 0) <= 1.0 + 1e-9


def test_in_the_order_cost_the_regret_is_money() -> None:
    score = reached(good_day(order=Order.COST))
    assert score.unit == "KRW"
    assert score.regret > 1.0, "the surplus rule buys no cheap energy for dear hours"
    assert score.cost is not None


def test_a_tariff_that_pays_more_for_export_is_not_judged_in_money() -> None:
    score = judge(good_day(order=Order.COST, export_per_kwh=np.full(SLOTS, 200.0)))
    assert "export pays more than import" in score.unjudged


def test_a_pool_without_batteries_has_nothing_to_regret() -> None:
    none = np.zeros((0, SLOTS))
    day = good_day(
        storage=STORAGE.subset(np.zeros(0, np.int64)),
        batteries=(),
        power_kw=none,
        stored_kwh=np.zeros((0, SLOTS + 1)),
        limited=np.zeros((0, SLOTS), np.bool_),
        net_kw=LOAD_KW - SUN_KW,
    )
    assert reached(day).regret == 0.0


@given(
    seed=st.integers(0, 2**32 - 1),
    order=st.sampled_from(Order),
    power=arrays.arrays(np.float64, (2, SLOTS), elements=st.floats(-7.0, 7.0)),
    pinned=st.booleans(),
)
def test_nothing_that_was_measured_is_better_than_the_bound(
    seed: int, order: Order, power: Floats, pinned: bool
) -> None:
    """Whatever batteries did, also what by their ratings they cannot, and with holes in it."""
    random = np.random.default_rng(seed)
    stored = np.clip(random.normal(8.0, 4.0, (2, SLOTS + 1)), 0.0, 17.0)
    marks = random.random((2, SLOTS)) < 0.2
    day = day_of(power, stored, order=order)
    net_kw, power_kw, stored_kwh = np.array(day.net_kw), np.array(power), np.array(stored)
    net_kw[random.choice(SLOTS, 6, replace=False)] = np.nan
    if pinned:
        power_kw[marks] = np.nan
        stored_kwh[:, 1:][marks] = np.nan
    day = replace(
        day,
        net_kw=net_kw,
        power_kw=power_kw,
        stored_kwh=stored_kwh,
        away={"offline": marks if pinned else np.zeros_like(marks)},
        limited=random.random((2, SLOTS)) < 0.1,
        foreseen_kw=random.normal(0.0, 5.0, SLOTS),
    )
    found = reached(day)
    tolerance = 1e-6 * (1.0 + abs(found.import_kwh) * (100.0 if order is Order.COST else 1.0))
    assert found.regret >= -tolerance
    assert all(part >= -tolerance for part in found.causes.values())
    assert sum(found.causes.values()) == pytest.approx(found.regret)
