"""The simulated weather service: right about the sky, and wrong by what its kind is wrong by."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from simulators.inputs import weather
from simulators.inputs.forecast import HOUR_S, WeatherService
from simulators.inputs.noise import Floats
from tests.simulators.sample import sample_city

FIRST_S = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
DAYS = 120
HOURS = 24 * DAYS


@pytest.fixture(scope="module")
def service() -> WeatherService:
    return WeatherService(sample_city())


def ghi(service: WeatherService, lead_h: float) -> Floats:
    return service.of(FIRST_S, np.full(HOURS, lead_h)).ghi_w_m2


@pytest.fixture(scope="module")
def truth() -> Floats:
    """The region's sky, hour by hour, each from its four quarters."""
    times_s: Floats = FIRST_S + 900.0 * (np.arange(4.0 * HOURS) + 0.5)
    index, _, _ = weather.hourly_values(ZoneInfo("Asia/Seoul"), times_s)
    instants = pd.DatetimeIndex(times_s.astype("M8[s]"), tz="UTC")
    clear = weather.clear_sky(weather.sun(instants, 35.16, 126.85))
    hourly: Floats = (index * clear).reshape(-1, 4).mean(axis=1)
    return hourly


@pytest.mark.parametrize(("lead_h", "low", "high"), [(0.0, 0.1, 0.2), (24.0, 0.22, 0.35)])
def test_it_errs_as_numerical_models_do_and_more_the_further_it_looks(
    service: WeatherService, truth: Floats, lead_h: float, low: float, high: float
) -> None:
    day = truth > 50.0
    error = ghi(service, lead_h)[day] - truth[day]
    assert low < np.sqrt((error**2).mean()) / truth[day].mean() < high
    assert abs(error.mean()) < 0.06 * truth[day].mean()


def test_any_stretch_is_what_the_whole_says(service: WeatherService) -> None:
    whole = ghi(service, 6.0)
    part = service.of(FIRST_S + 100 * HOUR_S, np.full(24, 6.0)).ghi_w_m2
    np.testing.assert_allclose(part, whole[100:124], rtol=1e-9, atol=1e-9)


def test_diffuse_light_is_a_part_and_nights_are_dark(service: WeatherService) -> None:
    told = service.of(FIRST_S, np.zeros(HOURS))
    assert (told.dhi_w_m2 <= told.ghi_w_m2).all()
    assert (told.dhi_w_m2 >= 0.0).all()
    by_hour = told.ghi_w_m2.reshape(DAYS, 24).max(axis=0)
    assert by_hour[3] > 500.0  # noon in Seoul
    assert by_hour[15] == 0.0
