from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simulators.city import City
from simulators.inputs.noise import Floats
from simulators.inputs.sun_power import PvField, sun_traces
from simulators.inputs.weather import typical_year
from tests.simulators.sample import sample_city

SEOUL = ZoneInfo("Asia/Seoul")


def minutes(city: City, start: datetime, count: int) -> Floats:
    traces = sun_traces(city)
    begin_s = start.timestamp()
    return np.array([traces.power_w(begin_s + 60 * minute) for minute in range(count)])


def test_the_typical_year_is_measured_and_whole() -> None:
    year = typical_year()
    assert len(year) == 8760
    assert not year.isna().to_numpy().any()
    assert year["clear_sky_index"].between(0, 1.25).all()


def test_nothing_at_night_and_nothing_above_the_inverter() -> None:
    city = sample_city()
    day = minutes(city, datetime(2026, 6, 21, tzinfo=SEOUL), 1440)
    assert (day[: 4 * 60] == 0).all()
    assert (day[21 * 60 :] == 0).all()
    assert (day >= 0).all()
    assert (day <= np.array([plant.clip_w for plant in city.pvs])).all()
    assert day.max() > 30_000


def test_the_sun_is_highest_when_the_citys_own_longitude_says_so() -> None:
    """Solar noon at 126.85 degrees east is about 12:35 on Seoul's clock in summer."""
    city = sample_city()
    days = np.array(
        [
            minutes(city, datetime(2026, 6, 1, tzinfo=SEOUL) + timedelta(days=day), 1440)[:, 0]
            for day in range(30)
        ]
    ).mean(axis=0)
    centre = float((days * np.arange(1440)).sum() / days.sum())
    assert centre == pytest.approx(12 * 60 + 35, abs=25)


def test_a_year_yields_what_such_a_place_yields() -> None:
    city = sample_city()
    field = PvField(city)
    begin_s = datetime(2026, 1, 1, tzinfo=SEOUL).timestamp()
    quarters_s: Floats = np.arange(96, dtype=np.float64) * 900
    energy_wh = sum(
        field.available_w(begin_s + day * 86_400 + quarters_s).sum(axis=1) / 4 for day in range(365)
    )
    yields = energy_wh / np.array([plant.peak_w for plant in city.pvs])
    assert (yields > 1150).all()
    assert (yields < 1550).all()


def test_the_same_seed_gives_the_same_sky_and_another_one_another() -> None:
    start = datetime(2026, 6, 21, 3, tzinfo=UTC)
    first = minutes(sample_city(), start, 60)
    assert np.array_equal(first, minutes(sample_city(), start, 60))
    assert not np.allclose(first, minutes(sample_city(seed=21), start, 60))


def test_clouds_pass_over_all_sites_but_not_alike() -> None:
    city = sample_city()
    south = [replace(plant, tilt_deg=20, azimuth_deg=180, clip_w=1e6) for plant in city.pvs]
    city = replace(city, pvs=tuple(south))
    moves = []
    for day in range(20):
        start = datetime(2026, 6, 1, 2, tzinfo=UTC) + timedelta(days=day)
        moves.append(np.diff(minutes(city, start, 180) / [p.peak_w for p in city.pvs], axis=0))
    correlation = np.corrcoef(*np.concatenate(moves).T)[0, 1]
    assert 0.4 < correlation < 0.9


def test_hours_join_without_steps() -> None:
    city = sample_city()
    moves = np.concatenate(
        [
            np.abs(np.diff(minutes(city, datetime(2026, 6, 1 + day, 3, tzinfo=UTC), 241)[:, 0]))
            for day in range(20)
        ]
    ).reshape(20, 240)
    joins = moves[:, 59::60].mean()
    assert joins < 1.5 * moves.mean()


def test_a_city_without_pv_has_no_sun_to_share() -> None:
    city = replace(sample_city(), pvs=())
    assert sun_traces(city).power_w(city.start.timestamp()).shape == (0,)
