"""The persistence ladder: same local time, never zero for want of data, never sun at night."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from optimizer.forecasting.persistence import PersistenceForecaster
from optimizer.forecasting.sun import clear_sky_bound_kw, sun_vector
from vpp.domain.arrays import Floats
from vpp.domain.forecast import HIGH, LOW, Forecast, ForecastRequest, Group, Series
from vpp.domain.points import Quantity
from vpp.domain.slots import SlotGrid

NOW = datetime(2026, 6, 20, 3, 0, tzinfo=UTC)
SEOUL, BERLIN = "Asia/Seoul", "Europe/Berlin"
STEP_S = 900.0


def series(values: Floats, until: datetime = NOW, **fields: Any) -> Series:
    start = until - timedelta(seconds=STEP_S * len(values))
    defaults = {"subject": "house", "quantity": Quantity.POWER_KW}
    return Series(start=start, step_s=STEP_S, values_kw=values, **(defaults | fields))


def plant(values: Floats, **fields: Any) -> Series:
    place = {"latitude": 35.16, "longitude": 126.85, "tilt_deg": 20.0, "peak_kw": 10.0}
    return series(values, quantity=Quantity.AVAILABLE_KW, **(place | fields))


def forecast(
    one: Series, *, at: datetime = NOW, zone: str = SEOUL, slots: int = 96, step_s: float = STEP_S
) -> Forecast:
    request = ForecastRequest(
        issued_at=at,
        grid=SlotGrid.containing(at, count=slots, step_s=step_s),
        series=(one,),
        time_zone=zone,
    )
    (found,) = PersistenceForecaster().forecast(request)
    return found


def instants(count: int, until: datetime = NOW) -> Floats:
    """Middles of the last slots, seconds."""
    return np.asarray(until.timestamp() - STEP_S * np.arange(count, 0.0, -1.0) + STEP_S / 2.0)


def since(slots: int) -> SlotGrid:
    """The last slots before now."""
    return SlotGrid.regular(NOW - timedelta(seconds=STEP_S * slots), count=slots, step_s=STEP_S)


def local_hour(times_s: Floats, zone: str) -> Floats:
    local = [datetime.fromtimestamp(t, UTC).astimezone(ZoneInfo(zone)) for t in times_s]
    return np.array([t.hour + t.minute / 60.0 for t in local])


def test_last_week_is_preferred_over_yesterday() -> None:
    days = np.repeat(np.arange(8.0), 96) + 1.0
    found = forecast(series(days))
    assert found.source == "same time last week"
    assert set(found.middle_kw) == {2.0}


def test_a_gap_last_week_is_filled_slot_by_slot_from_yesterday() -> None:
    values = np.repeat(np.arange(8.0), 96) + 1.0
    values[96:100] = np.nan
    found = forecast(series(values))
    assert list(found.middle_kw[:5]) == [8.0, 8.0, 8.0, 8.0, 2.0]
    assert found.source == "same time last week, yesterday"
    assert np.isfinite(found.values_kw).all()


def test_beyond_a_day_the_newest_day_on_record_serves() -> None:
    values = np.concatenate([np.full(96, 3.0), np.full(96, 5.0)])
    found = forecast(series(values), slots=192)
    assert set(found.middle_kw) == {5.0}
    assert found.source == "yesterday"


def test_less_than_a_day_on_record_gives_the_recent_mean() -> None:
    found = forecast(series(np.array([1.0, 3.0, np.nan, 2.0])))
    assert found.source == "yesterday, recent mean"
    assert found.middle_kw[:92] == pytest.approx(np.full(92, 2.0))
    assert found.middle_kw[92:] == pytest.approx([1.0, 3.0, 2.0, 2.0])


def test_nothing_on_record_is_neither_zero_nor_fresh() -> None:
    for one in (series(np.full(10, np.nan)), series(np.zeros(0)), plant(np.zeros(0))):
        found = forecast(one)
        assert found.middle_kw.max() > 0.0
        assert found.source == "nothing recorded"
        assert found.input_age_s == float("inf")


def test_missing_input_ages_and_degrades_instead_of_turning_to_zero() -> None:
    values = np.full(8 * 96, 4.0)
    values[-40:] = np.nan
    found = forecast(series(values))
    assert found.input_age_s == 40 * STEP_S
    assert set(found.middle_kw) == {4.0}


def test_a_slot_that_is_not_over_is_not_used() -> None:
    values = np.full(8 * 96 + 1, 4.0)
    values[-1] = 99.0
    one = series(values, until=NOW + timedelta(seconds=STEP_S))
    assert forecast(one).values_kw.max() < 99.0


@pytest.mark.parametrize(
    ("at", "hours"),
    [(datetime(2026, 3, 29, 12, tzinfo=UTC), 24), (datetime(2026, 10, 25, 12, tzinfo=UTC), 24)],
    ids=["clocks went forward today", "clocks went back today"],
)
def test_the_local_hour_counts_when_clocks_change(at: datetime, hours: int) -> None:
    """A load that depends on the local hour alone is foreseen exactly, on both kinds of day."""
    past = instants(8 * 96, at)
    found = forecast(
        series(local_hour(past, BERLIN), until=at), at=at, zone=BERLIN, slots=4 * hours
    )
    ahead = (found.grid.edges_s[:-1] + found.grid.edges_s[1:]) / 2.0
    assert found.middle_kw == pytest.approx(local_hour(ahead, BERLIN))


def test_a_horizon_across_the_change_keeps_the_local_hour() -> None:
    at = datetime(2026, 3, 28, 12, tzinfo=UTC)
    found = forecast(
        series(local_hour(instants(8 * 96, at), BERLIN), until=at), at=at, zone=BERLIN, slots=96
    )
    ahead = (found.grid.edges_s[:-1] + found.grid.edges_s[1:]) / 2.0
    expected = local_hour(ahead, BERLIN)
    unskipped = (expected < 2.0) | (expected >= 4.0)
    assert found.middle_kw[unskipped] == pytest.approx(expected[unskipped])


def test_slots_of_another_length_take_the_mean_of_what_they_cover() -> None:
    values = np.tile([1.0, 3.0], 4 * 96)
    found = forecast(series(values), slots=24, step_s=3600.0)
    assert found.middle_kw == pytest.approx(np.full(24, 2.0))


def test_the_band_holds_four_fifths_of_what_comes() -> None:
    rng = np.random.default_rng(5)
    values = 10.0 + rng.normal(0.0, 2.0, 29 * 96)
    known, comes = values[:-96], values[-96:]
    found = forecast(series(known))
    inside = (comes >= found.quantile(LOW)) & (comes <= found.quantile(HIGH))
    assert 0.65 < inside.mean() < 0.95


def test_a_steadier_series_gets_a_narrower_band() -> None:
    rng = np.random.default_rng(6)
    noise = rng.normal(0.0, 1.0, 15 * 96)
    calm, wild = forecast(series(10.0 + 0.1 * noise)), forecast(series(10.0 + noise))
    width = [(f.quantile(HIGH) - f.quantile(LOW)).mean() for f in (calm, wild)]
    assert width[0] < 0.2 * width[1]


def test_quantiles_never_cross_and_a_load_never_turns_negative() -> None:
    rng = np.random.default_rng(7)
    found = forecast(series(rng.exponential(1.0, 15 * 96)))
    assert (np.diff(found.values_kw, axis=0) >= 0.0).all()
    assert found.values_kw.min() >= 0.0


def test_pv_is_zero_at_night_and_never_above_its_peak_whatever_was_recorded() -> None:
    found = forecast(plant(np.full(8 * 96, 50.0)))
    up = sun_vector(found.grid.edges_s, 35.16, 126.85)[2]
    night = (up[:-1] < -0.02) & (up[1:] < -0.02)
    assert night.any()
    assert set(found.values_kw[:, night].ravel()) == {0.0}
    assert found.values_kw.max() == 10.0


def test_pv_without_yesterday_follows_the_clear_sky() -> None:
    one = plant(np.zeros(0))
    past = since(12)
    found = forecast(replace(one, start=past.start, values_kw=0.5 * clear_sky_bound_kw(past, one)))
    assert found.source == "yesterday, recent mean"
    expected = 0.5 * clear_sky_bound_kw(found.grid, one)
    assert found.middle_kw[:84] == pytest.approx(expected[:84])
    assert expected[:20].min() > 1.0


def test_curtailed_or_missing_pv_teaches_nothing() -> None:
    clear = clear_sky_bound_kw(since(8 * 96), plant(np.zeros(0)))
    values = 0.6 * clear
    values[96:192] = np.nan
    found = forecast(plant(values))
    assert found.middle_kw.max() > 0.5 * clear.max()
    assert found.source == "yesterday"


def test_series_are_foreseen_together_as_each_alone() -> None:
    """Of unlike length, with gaps, plants among loads: the answers keep the order asked."""
    rng = np.random.default_rng(8)
    asked = [
        series(rng.exponential(1.0, 9 * 96), subject="a"),
        plant(rng.uniform(0.0, 9.0, 9 * 96), subject="b"),
        series(rng.exponential(1.0, 30), subject="c"),
        series(np.where(rng.random(9 * 96) < 0.3, np.nan, 5.0), subject="d"),
        plant(rng.uniform(0.0, 9.0, 9 * 96), subject="e", tilt_deg=70.0, peak_kw=4.0),
    ]
    grid = SlotGrid.containing(NOW, count=144, step_s=STEP_S)
    request = ForecastRequest(issued_at=NOW, grid=grid, series=tuple(asked), time_zone=SEOUL)
    found = PersistenceForecaster().forecast(request)
    for one, together in zip(asked, found, strict=True):
        alone = forecast(one, slots=144)
        assert (together.subject, together.source) == (one.subject, alone.source)
        assert together.input_age_s == alone.input_age_s
        assert together.values_kw == pytest.approx(alone.values_kw, abs=1e-9)


def test_the_net_of_a_group_is_foreseen_beside_its_sites() -> None:
    """From its own record: loads less sun, with the band of its own errors."""
    rng = np.random.default_rng(9)
    load, sun = (np.tile(rng.uniform(0.0, 9.0, 96), 9) for _ in range(2))
    asked = (series(load, subject="a"), plant(sun, subject="a", peak_kw=None, latitude=0.0))
    request = ForecastRequest(
        issued_at=NOW,
        grid=SlotGrid.containing(NOW, count=96, step_s=STEP_S),
        series=asked,
        time_zone=SEOUL,
        groups=(Group(subject="pool", members=("a", "b")),),
    )
    net = PersistenceForecaster().forecast(request)[-1]
    assert (net.subject, net.quantity) == ("pool", Quantity.UNCONTROLLED_KW)
    np.testing.assert_allclose(net.middle_kw, load[:96] - sun[:96])
    assert net.middle_kw.min() < 0.0 < net.middle_kw.max()
    np.testing.assert_allclose(net.spread_kw, 0.0, atol=1e-9)


@pytest.mark.parametrize(
    ("at", "latitude", "longitude", "height_deg"),
    [
        (datetime(2026, 6, 21, 3, 34, tzinfo=UTC), 35.16, 126.85, 78.3),
        (datetime(2026, 12, 21, 3, 31, tzinfo=UTC), 35.16, 126.85, 31.4),
        (datetime(2026, 3, 20, 12, 7, tzinfo=UTC), 0.0, 0.0, 90.0),
        (datetime(2026, 6, 21, 12, 2, tzinfo=UTC), -33.9, 0.0, 32.7),
    ],
)
def test_the_sun_stands_where_almanacs_say(
    at: datetime, latitude: float, longitude: float, height_deg: float
) -> None:
    up = sun_vector(np.array([at.timestamp()]), latitude, longitude)[2, 0]
    assert np.degrees(np.arcsin(up)) == pytest.approx(height_deg, abs=0.5)


def test_the_sun_rises_in_the_east() -> None:
    morning = datetime(2026, 6, 20, 22, 0, tzinfo=UTC).timestamp()
    east, _, up = sun_vector(np.array([morning]), 35.16, 126.85)[:, 0]
    assert east > 0.8
    assert up > 0.0
    facing = [
        clear_sky_bound_kw(
            SlotGrid(edges_s=np.array([morning, morning + STEP_S])),
            plant(np.zeros(0), tilt_deg=60.0, azimuth_deg=azimuth),
        )[0]
        for azimuth in (90.0, 270.0)
    ]
    assert facing[0] > 2.0 * facing[1]


def test_the_most_is_the_clearest_of_the_last_days_at_the_same_time_and_never_above_the_bound() -> (
    None
):
    days = 10
    bound = clear_sky_bound_kw(since(96 * days), plant(np.zeros(96 * days)))
    part = np.repeat([0.9, 0.9, 0.2, 0.3, 0.7, 0.1, 0.2, 0.3, 0.2, 0.4], 96)
    found = forecast(plant(part * bound))
    assert found.most_kw is not None
    ahead = clear_sky_bound_kw(found.grid, plant(np.zeros(1)))
    assert (found.most_kw >= found.middle_kw - 1e-9).all()
    assert (found.most_kw <= ahead + 1e-9).all()
    noon = ahead > 0.8 * ahead.max()
    np.testing.assert_allclose(found.most_kw[noon] / ahead[noon], 0.9, atol=0.02)


def test_the_most_is_the_clear_sky_where_too_little_is_on_record_and_unknown_without_a_place() -> (
    None
):
    found = forecast(plant(np.full(96, 1.0)))
    assert found.most_kw is not None
    np.testing.assert_allclose(found.most_kw, clear_sky_bound_kw(found.grid, plant(np.zeros(1))))
    assert forecast(series(np.full(96, 1.0))).most_kw is None
