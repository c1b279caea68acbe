from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simulators.city import City
from simulators.inputs.load import Buildings, load_traces
from simulators.inputs.noise import Floats
from tests.simulators.sample import sample_city

SEOUL = ZoneInfo("Asia/Seoul")


def day_mwh(city: City, day: datetime) -> Floats:
    begin_s = day.timestamp()
    return load_traces(city).energy_wh(begin_s, begin_s + 86_400) / 1e6


def test_a_year_is_the_stated_energy() -> None:
    city = sample_city()
    buildings = Buildings(city)
    begin_s = datetime(2026, 1, 1, tzinfo=SEOUL).timestamp()
    minutes_s: Floats = np.arange(5 * 1440, dtype=np.float64) * 60
    annual_mwh = sum(
        buildings.power_w(begin_s + part * 5 * 86_400 + minutes_s).sum(axis=1) / 60e6
        for part in range(73)
    )
    assert annual_mwh == pytest.approx([260, 100], rel=0.03)


def test_a_holiday_is_like_a_sunday_and_not_like_a_working_day() -> None:
    """5 May 2026, Children's Day, is a Tuesday."""
    office = 1
    means = {}
    for name, days in {"holiday": [5], "sunday": [3, 10], "tuesday": [12, 19]}.items():
        figures = [
            day_mwh(sample_city(seed), datetime(2026, 5, day, tzinfo=SEOUL))[office]
            for day in days
            for seed in range(5)
        ]
        means[name] = np.mean(figures)
    assert means["holiday"] == pytest.approx(means["sunday"], rel=0.1)
    assert means["tuesday"] > 1.25 * means["holiday"]


def test_households_peak_in_the_evening_and_commerce_by_day() -> None:
    hourly = np.zeros((24, 2))
    for day in range(5):
        start = datetime(2026, 1, 12, tzinfo=SEOUL) + timedelta(days=day)
        traces = load_traces(sample_city())
        for hour in range(24):
            begin_s = start.timestamp() + 3600 * hour
            hourly[hour] += traces.energy_wh(begin_s, begin_s + 3600)
    apartments, office = hourly.T
    assert 17 <= int(apartments.argmax()) <= 21
    assert 8 <= int(office.argmax()) <= 17


def test_daylight_saving_moves_the_load_with_the_clock() -> None:
    """Across the clock change of 25 October the morning begins at the same local hour."""
    city = replace(sample_city(), time_zone="Europe/Berlin", country="DE")
    at = [datetime(2026, 10, day, tzinfo=ZoneInfo("Europe/Berlin")) for day in (23, 26)]
    for office in (1,):
        before, after = (
            np.array(
                [
                    np.mean(
                        [
                            load_traces(replace(city, seed=seed)).energy_wh(
                                day.timestamp() + 3600 * hour, day.timestamp() + 3600 * (hour + 1)
                            )[office]
                            for seed in range(4)
                        ]
                    )
                    for hour in range(24)
                ]
            )
            for day in at
        )
        assert np.corrcoef(before, after)[0, 1] > np.corrcoef(before[1:], after[:-1])[0, 1]


def test_noise_is_reproducible_correlated_in_time_and_steps_like_appliances() -> None:
    city = sample_city()
    begin_s = datetime(2026, 7, 14, 12, tzinfo=UTC).timestamp()
    first, again = (
        np.array([load_traces(city).power_w(begin_s + 60 * minute) for minute in range(120)])
        for _ in range(2)
    )
    assert np.array_equal(first, again)
    moves = np.diff(first[:, 1])
    assert np.abs(moves).max() > 500
    assert np.median(np.abs(moves)) < np.abs(moves).max() / 4


def test_no_building_draws_more_than_its_fuse() -> None:
    city = sample_city()
    tight = replace(city, loads=tuple(replace(load, max_w=15_000) for load in city.loads))
    powers = [load_traces(tight).power_w(city.start.timestamp() + 600 * k) for k in range(100)]
    assert np.max(powers) == 15_000


def test_a_city_without_loads_draws_nothing() -> None:
    city = replace(sample_city(), loads=())
    assert load_traces(city).power_w(city.start.timestamp()).shape == (0,)
