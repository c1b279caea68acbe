"""The learned forecaster: better than what was, honest about its errors, blind to the future."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.forecasting.learned import ModelForecaster
from optimizer.forecasting.persistence import PersistenceForecaster
from optimizer.forecasting.sun import clear_sky_bound_kw
from vpp.domain.arrays import Floats
from vpp.domain.forecast import HIGH, LOW, Forecast, ForecastRequest, Group, Series
from vpp.domain.points import Quantity
from vpp.domain.slots import SlotGrid
from vpp.ports.planner import Forecaster

HOUR_S, DAYS = 3600.0, 40
NOW = datetime(2026, 6, 20, 3, 0, tzinfo=UTC)
SEOUL, BERLIN = "Asia/Seoul", "Europe/Berlin"
PLACE = {"latitude": 35.16, "longitude": 126.85, "tilt_deg": 20.0, "peak_kw": 10.0}


def past(days: int = DAYS, until: datetime = NOW, step_s: float = HOUR_S) -> SlotGrid:
    count = round(days * 86400.0 / step_s)
    return SlotGrid.regular(until - timedelta(days=days), count=count, step_s=step_s)


def load(
    values: Floats, subject: str = "house", until: datetime = NOW, step_s: float = HOUR_S
) -> Series:
    return Series(
        subject=subject,
        quantity=Quantity.POWER_KW,
        start=until - timedelta(seconds=step_s * len(values)),
        step_s=step_s,
        values_kw=values,
    )


def plant(values: Floats, subject: str = "house", **fields: Any) -> Series:
    one = load(values, subject)
    return replace(one, quantity=Quantity.AVAILABLE_KW, **(PLACE | fields))


def asked(*series: Series, at: datetime = NOW, slots: int = 36, **fields: Any) -> ForecastRequest:
    defaults: dict[str, Any] = {
        "grid": SlotGrid.containing(at, count=slots, step_s=HOUR_S),
        "time_zone": SEOUL,
        "country": "KR",
    }
    return ForecastRequest(issued_at=at, series=series, **(defaults | fields))


def told(request: ForecastRequest, by: Forecaster | None = None) -> tuple[Forecast, ...]:
    return (by or ModelForecaster()).forecast(request)


def local(grid: SlotGrid, zone: str = SEOUL) -> list[datetime]:
    return [start.astimezone(ZoneInfo(zone)) for start in grid.starts]


def lasting_noise(count: int, seed: int, correlation: float = 0.9) -> Floats:
    """Of unit variance."""
    random = np.random.default_rng(seed)
    noise = np.zeros(count)
    for at in range(1, count):
        noise[at] = correlation * noise[at - 1] + random.normal(0.0, np.sqrt(1 - correlation**2))
    return noise


def office(grid: SlotGrid) -> Floats:
    """Full on workdays from nine to six."""
    free = holidays.country_holidays("KR", years=2026)
    return np.array(
        [
            10.0 if at.weekday() < 5 and at.date() not in free and 9 <= at.hour < 18 else 2.0
            for at in local(grid)
        ]
    )


def test_workdays_and_weekends_are_told_apart() -> None:
    found = told(asked(load(office(past())), slots=48))[0]
    assert found.source == "model of 2026-06-18"
    np.testing.assert_allclose(found.middle_kw, office(found.grid), atol=0.7)


def test_a_public_holiday_is_like_a_sunday() -> None:
    """On the Saturday of 15 August 2026 Korea is free anyway; Monday the 17th stands in for it."""
    eve = datetime(2026, 8, 16, 15, 0, tzinfo=UTC)
    series = load(office(past(56, eve)), until=eve)
    by_law, unaware = (
        told(asked(series, at=eve, slots=24, country=one))[0].middle_kw for one in ("KR", "")
    )
    assert by_law.max() < 3.0
    assert unaware.max() > 8.0


def test_what_was_missed_lately_is_expected_to_go_on_and_to_fade() -> None:
    grid = past(56)
    noise = lasting_noise(len(grid) + 24, 1)
    errors = {1: list[float](), 6: list[float]()}
    plain = {1: list[float](), 6: list[float]()}
    for back in range(24, 24 * 8, 5):
        known = 20.0 + 3.0 * noise[: len(grid) - back]
        until = NOW - timedelta(hours=back)
        request = asked(load(known, until=until), at=until)
        for by, into in ((ModelForecaster(), errors), (PersistenceForecaster(), plain)):
            found = told(request, by)[0]
            for lead, one in into.items():
                came = 20.0 + 3.0 * noise[len(known) + lead - 1]
                one.append(abs(float(found.middle_kw[lead - 1]) - came))
    assert np.mean(errors[1]) < 0.5 * np.mean(plain[1])
    assert np.mean(errors[6]) < 0.8 * np.mean(plain[6])
    assert np.mean(errors[1]) < 0.75 * np.mean(errors[6])


def test_the_band_holds_four_fifths_and_the_deviation_grows_with_the_distance() -> None:
    grid = past(56)
    noise = 20.0 + 3.0 * lasting_noise(len(grid), 2)
    found = told(asked(load(noise)))[0]
    assert found.deviation_kw is not None
    near, far = found.deviation_kw[0], found.deviation_kw[20:].mean()
    assert near == pytest.approx(3.0 * np.sqrt(1 - 0.9**2), rel=0.3)
    assert far == pytest.approx(3.0, rel=0.3)
    assert found.persistence == pytest.approx(0.9, abs=0.1)
    width = found.quantile(HIGH) - found.quantile(LOW)
    np.testing.assert_allclose(width, 2.56 * found.spread_kw, rtol=0.2)


def test_the_net_of_a_pool_has_its_own_errors() -> None:
    """Three homes err alike: their sum errs three times as much, not the root of it."""
    grid = past(56)
    noise = lasting_noise(len(grid), 3)
    homes = [load(10.0 + noise, f"home {number}") for number in range(3)]
    suns = [plant(np.zeros(len(grid)), one.subject) for one in homes]
    group = Group(subject="pool", members=tuple(one.subject for one in homes))
    *sites, net = told(asked(*homes, *suns, groups=(group,)))
    assert (net.subject, net.quantity) == ("pool", Quantity.UNCONTROLLED_KW)
    np.testing.assert_allclose(net.middle_kw, sum(one.middle_kw for one in sites), rtol=0.05)
    np.testing.assert_allclose(net.spread_kw, 3.0 * sites[0].spread_kw, rtol=0.05)


def test_the_sun_follows_the_sky_of_the_last_hours_within_its_bound() -> None:
    grid = past()
    clear = clear_sky_bound_kw(grid, plant(np.zeros(0))) / 1.15
    random = np.random.default_rng(4)
    sky = np.repeat(random.uniform(0.2, 1.0, DAYS), 24)
    dull, bright = sky.copy(), sky.copy()
    dull[-24:], bright[-24:] = 0.3, 0.9
    found = [told(asked(plant(part * clear)))[0] for part in (dull, bright)]
    bound = clear_sky_bound_kw(found[0].grid, plant(np.zeros(0)))
    for one in found:
        assert (one.values_kw <= bound + 1e-9).all()
        assert one.values_kw.min() >= 0.0
        assert one.values_kw[:, bound == 0.0].max() == 0.0
        assert one.most_kw is not None
    assert found[1].middle_kw[:5].sum() > 1.4 * found[0].middle_kw[:5].sum()


def test_the_sun_is_right_in_the_mean_where_clouds_are_seldom_and_deep() -> None:
    grid = past(90)
    clear_kw = clear_sky_bound_kw(grid, plant(np.zeros(1)))
    cloud = np.clip(lasting_noise(len(grid), 5, 0.8) - 0.8, 0.0, 0.9)
    sun_kw = clear_kw * (1.0 - cloud)
    came, mean, by = 0.0, 0.0, ModelForecaster()
    for slot in range(60 * 24, len(grid) - 24, 7):
        at = datetime.fromtimestamp(float(grid.edges_s[slot]), UTC)
        series = replace(plant(sun_kw[:slot]), start=grid.start)
        (found,) = told(asked(series, at=at, slots=24), by)
        came += sun_kw[slot : slot + 24].sum()
        mean += found.expected_kw.sum()
    assert mean == pytest.approx(came, rel=0.01)  # the middle is 2 % above


def test_a_running_slot_that_is_measured_counts_like_one_that_is_over() -> None:
    """What follows is foreseen as it will be when the slot is over and on record."""
    grid = past(56)
    clear = clear_sky_bound_kw(grid, plant(np.zeros(0))) / 2.0
    rows = 10.0 + lasting_noise(len(grid), 7), clear * np.exp(0.1 * lasting_noise(len(grid), 8))
    group = Group(subject="pool", members=("house",))
    whole = [load(rows[0]), plant(rows[1])]
    hour_ago = NOW - timedelta(hours=1)
    early = [
        replace(one, values_kw=one.values_kw[:-1], running_kw=float(one.values_kw[-1]))
        for one in whole
    ]
    later = told(asked(*whole, groups=(group,)))
    for by in (ModelForecaster(), PersistenceForecaster()):
        found = told(asked(*early, at=hour_ago, slots=37, groups=(group,)), by)
        net = rows[0][-1] - rows[1][-1]
        for one, running_kw in zip(found, (rows[0][-1], rows[1][-1], net), strict=True):
            np.testing.assert_allclose(one.values_kw[:, 0], running_kw)
            assert one.spread_kw[0] == pytest.approx(0.0, abs=1e-9)
        if isinstance(by, ModelForecaster):
            for one, other in zip(found, later, strict=True):
                np.testing.assert_allclose(one.values_kw[:, 1:], other.values_kw, atol=1e-9)


@pytest.mark.parametrize(
    "at",
    [datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)],
    ids=["clocks went forward today", "clocks went back today"],
)
def test_the_local_hour_counts_when_clocks_change(at: datetime) -> None:
    by_hour = [float(one.hour) for one in local(past(DAYS, at), BERLIN)]
    series = load(np.array(by_hour), until=at)
    found = told(asked(series, at=at, time_zone=BERLIN, country="DE", slots=24))[0]
    expected = [float(one.hour) for one in local(found.grid, BERLIN)]
    np.testing.assert_allclose(found.middle_kw, expected, atol=0.7)


def test_with_less_than_two_days_what_was_will_be() -> None:
    values = office(past(1))
    request = asked(load(values))
    (found,), (plain,) = told(request), told(request, PersistenceForecaster())
    assert found.source == plain.source
    np.testing.assert_array_equal(found.values_kw, plain.values_kw)


def test_the_fortnight_counts_from_the_first_value_on_record() -> None:
    values = np.concatenate([np.full(40 * 24, np.nan), office(past(20))])
    late = np.concatenate([np.full(47 * 24, np.nan), office(past(13))])
    found, young = told(asked(load(values, "found"), load(late, "young")))
    assert found.source.startswith("model of")
    assert not young.source.startswith("model of")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda values: values.__setitem__(slice(-60, None), np.nan),
        lambda values: values.__setitem__(slice(0, len(values) * 2 // 3), np.nan),
    ],
    ids=["silent for days", "mostly missing"],
)
def test_a_site_that_tells_too_little_falls_down_the_ladder_alone(
    spoil: Callable[[Floats], None],
) -> None:
    values = office(past()) + lasting_noise(DAYS * 24, 5) / 10.0
    bad = values.copy()
    spoil(bad)
    good, fallen = told(asked(load(values, "good"), load(bad, "bad")))
    assert good.source.startswith("model")
    assert not fallen.source.startswith("model")
    assert np.isfinite(fallen.values_kw).all()


def test_an_absurd_value_and_a_hung_up_meter_teach_nothing() -> None:
    values = office(past(56)) + lasting_noise(56 * 24, 6) / 10.0
    spoilt = values.copy()
    spoilt[-100], spoilt[-400:-340] = 1e6, 9.5
    clean, found = told(asked(load(values, "clean"), load(spoilt, "spoilt")))
    np.testing.assert_allclose(found.middle_kw, clean.middle_kw, atol=0.8)


def test_quarter_hours_become_hours_where_hours_are_asked() -> None:
    fine = past(30, step_s=900.0)
    values = np.tile(np.arange(96.0), 30)
    series = load(values, step_s=900.0)
    quarters = SlotGrid.containing(NOW, count=96, step_s=900.0)
    by_hour, by_quarter = (
        told(asked(series, grid=grid, time_zone="UTC", country=""))[0].middle_kw
        for grid in (SlotGrid.containing(NOW, count=24, step_s=HOUR_S), quarters)
    )
    assert len(fine) == len(values)
    np.testing.assert_allclose(by_hour, by_quarter.reshape(-1, 4).mean(axis=1), atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), days=st.integers(10, 70), gaps=st.floats(0.0, 0.6))
def test_a_forecast_depends_on_its_request_alone_and_on_nothing_after_its_issue(
    seed: int, days: int, gaps: float
) -> None:
    """Whatever was asked before, and whatever the record holds of slots that are not over."""
    random = np.random.default_rng(seed)
    used = ModelForecaster()
    values = random.exponential(2.0, (2, days * 24))
    values[random.random(values.shape) < gaps] = np.nan
    future = random.exponential(500.0, (2, 30))
    group = Group(subject="pool", members=("house",))
    for hours_ago in (200, 30, 0):
        known = values[:, : days * 24 - hours_ago]
        until = NOW - timedelta(hours=hours_ago)
        start = until - timedelta(hours=known.shape[1])

        def request(rows: Floats, at: datetime = until, begin: datetime = start) -> ForecastRequest:
            pair = (replace(one, start=begin) for one in (load(rows[0]), plant(rows[1])))
            return asked(*pair, at=at, groups=(group,))

        seen = used.forecast(request(known))
        again = told(request(np.concatenate([known, future], axis=1)))
        assert len(seen) == len(again) == 3
        for one, other in zip(seen, again, strict=True):
            np.testing.assert_array_equal(one.values_kw, other.values_kw)
            assert (one.source, one.persistence) == (other.source, other.persistence)
            assert np.isfinite(one.values_kw).all()
