"""The usual day: what is foreseen while a record is too young for a model."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.forecasting.learned import ModelForecaster
from optimizer.forecasting.persistence import PersistenceForecaster
from optimizer.forecasting.usual_day import NAME
from vpp.domain.arrays import Floats
from vpp.domain.forecast import Forecast, ForecastRequest, Group, Series
from vpp.domain.points import Quantity
from vpp.domain.slots import SlotGrid
from vpp.ports.planner import Forecaster

NOW = datetime(2026, 6, 19, 15, 0, tzinfo=UTC)
"""Midnight in Seoul, before a Saturday."""
HOURS = np.arange(24.0)
COURSE = 8.0 + 4.0 * np.sin(HOURS / 24.0 * 2.0 * np.pi)
PLACE = {"latitude": 35.16, "longitude": 126.85, "tilt_deg": 20.0, "peak_kw": 10.0}


def load(values_kw: Floats, step_s: float = 3600.0) -> Series:
    start = NOW - timedelta(seconds=step_s * len(values_kw))
    return Series(
        subject="house",
        quantity=Quantity.POWER_KW,
        start=start,
        step_s=step_s,
        values_kw=values_kw,
    )


def sun(values_kw: Floats) -> Series:
    start = NOW - timedelta(hours=len(values_kw))
    return Series(
        subject="house",
        quantity=Quantity.AVAILABLE_KW,
        start=start,
        step_s=3600.0,
        values_kw=values_kw,
        **PLACE,
    )


def foreseen(
    *series: Series, hours: int = 24, by: Forecaster | None = None, step_s: float = 3600.0
) -> tuple[Forecast, ...]:
    request = ForecastRequest(
        issued_at=NOW,
        grid=SlotGrid.regular(NOW, count=round(hours * 3600 / step_s), step_s=step_s),
        series=series,
        time_zone="Asia/Seoul",
        country="KR",
        groups=(Group(subject="pool", members=("house",)),),
    )
    return (by or ModelForecaster()).forecast(request)


def days(count: int, seed: int, *, noise_kw: float = 2.0) -> Floats:
    """Days of one course, each with an error that lasts, shape (hours,)."""
    rng = np.random.default_rng(seed)
    error, errors = 0.0, []
    for shock in rng.standard_normal(24 * count):
        error = 0.85 * error + np.sqrt(1.0 - 0.85**2) * shock
        errors.append(error)
    return np.asarray(np.tile(COURSE, count) + noise_kw * np.array(errors))


def test_the_days_in_the_mean_are_foreseen() -> None:
    values_kw = np.concatenate([COURSE - 1.0, COURSE + 1.0, COURSE - 1.0, COURSE + 1.0])
    values_kw[-6:] = COURSE[-6:]
    (house, pool) = foreseen(load(values_kw))
    assert house.source == pool.source == NAME
    np.testing.assert_allclose(house.middle_kw[:18], COURSE[:18], atol=0.35)


def test_it_errs_less_than_yesterday_and_knows_by_how_much() -> None:
    by_mean, by_yesterday, told = [], [], []
    for seed in range(60):
        whole = days(6, seed)
        past, came = load(whole[:120]), whole[120:]
        (house, _) = foreseen(past)
        (plain, _) = foreseen(past, by=PersistenceForecaster())
        by_mean.append(came - house.middle_kw)
        by_yesterday.append(came - plain.middle_kw)
        told.append(house.spread_kw)
    deviation = np.sqrt(np.mean(np.square(by_mean)))
    assert deviation < 0.85 * np.sqrt(np.mean(np.square(by_yesterday)))
    assert deviation == pytest.approx(np.sqrt(np.mean(np.square(told))), rel=0.15)


def test_what_the_newest_hour_missed_fades() -> None:
    values_kw = np.tile(COURSE, 5)
    values_kw[-1] += 4.0
    (house, _) = foreseen(load(values_kw))
    beyond = house.middle_kw - COURSE
    assert beyond[0] == pytest.approx(0.85 * 4.0)
    assert 0.0 < beyond[12] < 0.15 * 4.0


def test_the_same_kind_of_day_counts_before_others() -> None:
    """Friday night: of nine days two are a Saturday and a Sunday on which nobody works."""
    worked = np.tile(COURSE, 9)
    worked[24:72] = 1.0
    (house, _) = foreseen(load(worked), hours=72)
    saturday, monday = house.middle_kw[12:24].mean(), house.middle_kw[60:72].mean()
    assert saturday < 0.8 * monday


def test_quarter_hours_are_foreseen_as_hours_are() -> None:
    hourly = np.tile(COURSE, 4)
    (by_hours, _) = foreseen(load(hourly))
    (by_quarters, _) = foreseen(load(np.repeat(hourly, 4), 900.0), step_s=900.0)
    np.testing.assert_allclose(
        by_quarters.middle_kw.reshape(24, 4).mean(axis=1), by_hours.middle_kw
    )


def test_a_day_and_a_half_is_too_little() -> None:
    (house, _) = foreseen(load(np.tile(COURSE, 2)[12:]))
    assert house.source != NAME


def test_a_fortnight_is_the_models() -> None:
    (house, _) = foreseen(load(days(15, 1)))
    assert house.source.startswith("model")


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.one_of(st.floats(0.0, 50.0), st.just(float("nan"))), min_size=48, max_size=24 * 10)
)
def test_whatever_is_on_record_bands_are_ordered_and_the_sun_stays_below_its_sky(
    values: list[float],
) -> None:
    recorded = np.array(values)
    for one in foreseen(load(recorded), sun(recorded / 5.0)):
        assert np.isfinite(one.values_kw).all()
        assert (np.diff(one.values_kw, axis=0) >= -1e-9).all()
        if one.quantity is Quantity.AVAILABLE_KW:
            assert (one.values_kw >= 0.0).all()
            assert (one.values_kw <= PLACE["peak_kw"] + 1e-9).all()
