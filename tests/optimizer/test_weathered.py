"""The model that looks at the weather forecast: better with it, the same as ever without."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pandas as pd
import pvlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.forecasting.learned import ModelForecaster, RidgeForecaster
from optimizer.forecasting.module import ALBEDO, module_w_per_m2
from optimizer.forecasting.sun import Plane
from tests.optimizer.test_learned_forecasts import (
    HOUR_S,
    NOW,
    asked,
    lasting_noise,
    load,
    past,
    plant,
)
from vpp.domain.arrays import Floats
from vpp.domain.forecast import Forecast, ForecastRequest, Group
from vpp.domain.points import Quantity
from vpp.domain.weather import STALE_S, WeatherRecord

DAYS, AHEAD = 42, 36
PLANE = Plane(latitude=35.16, longitude=126.85, tilt_deg=20.0, azimuth_deg=180.0)


def sky(days: int = DAYS) -> tuple[Floats, Floats, Floats]:
    """Global and diffuse irradiance and temperature of the past and what comes: as it will be."""
    hours = days * 24 + AHEAD
    starts_s: Floats = NOW.timestamp() + HOUR_S * (np.arange(float(hours)) - days * 24)
    bright = np.clip(0.6 + 0.35 * lasting_noise(hours, 5, 0.97), 0.1, 1.0)
    clear = _clear(starts_s)
    return bright * clear, clear * (1.0 - bright) * 0.6, 15.0 + 8.0 * lasting_noise(hours, 6, 0.995)


def _clear(starts_s: Floats) -> Floats:
    times = pd.DatetimeIndex(((starts_s + HOUR_S / 2) * 1e9).astype("M8[ns]"), tz="UTC")
    place = pvlib.solarposition.get_solarposition(times, PLANE.latitude, PLANE.longitude)
    ghi: Floats = pvlib.clearsky.haurwitz(place["apparent_zenith"])["ghi"].to_numpy()
    return ghi


def weather(days: int = DAYS, *, age_s: float = 0.0) -> WeatherRecord:
    """Every lead was told the truth."""
    ghi, dhi, air_c = sky(days)
    rows = {
        Quantity.GHI_W_PER_M2: ghi, Quantity.DHI_W_PER_M2: dhi, Quantity.AIR_C: air_c
    }  # fmt: skip
    return WeatherRecord(
        start=NOW - timedelta(days=days),
        leads_h=(0, 24, 48),
        values={name: np.tile(row, (3, 1)) for name, row in rows.items()},
        age_s=age_s,
    )


def homes(days: int = DAYS) -> tuple[Floats, Floats]:
    """A load that heats, and a plant beneath this sky, of the past and of what comes."""
    ghi, dhi, air_c = sky(days)
    starts_s: Floats = NOW.timestamp() + HOUR_S * (np.arange(float(len(ghi))) - days * 24)
    sun_kw = 0.008 * module_w_per_m2(starts_s, HOUR_S, PLANE, ghi, dhi, air_c)
    return 3.0 + 0.4 * np.maximum(16.0 - air_c, 0.0), sun_kw


def request(told: WeatherRecord | None, days: int = DAYS) -> ForecastRequest:
    heated_kw, sun_kw = (values[: days * 24] for values in homes(days))
    group = Group(subject="pool", members=("house",))
    return asked(load(heated_kw), plant(sun_kw), slots=AHEAD, groups=(group,), weather=told)


@cache
def without_weather() -> tuple[Forecast, ...]:
    return ModelForecaster().forecast(request(None))


@cache
def with_weather() -> tuple[Forecast, ...]:
    return ModelForecaster().forecast(request(weather()))


def missed(made: tuple[Forecast, ...], number: int) -> float:
    came = homes()[number][DAYS * 24 :]
    return float(np.abs(made[number].middle_kw - came).mean())


def test_a_forecast_sky_is_worth_more_than_half_the_error() -> None:
    without, having = without_weather(), with_weather()
    assert missed(having, 1) < 0.5 * missed(without, 1)
    assert having[1].source.startswith("model with weather of ")
    assert without[1].source.startswith("model of ")


def test_a_load_that_heats_follows_the_temperature() -> None:
    without, having = without_weather(), with_weather()
    assert missed(having, 0) < 0.7 * missed(without, 0)


@pytest.mark.parametrize("why", ["stale", "nothing is told of tomorrow", "too little was told"])
def test_without_a_forecast_it_is_the_model_without_weather(why: str) -> None:
    told = weather(age_s=STALE_S + 1.0 if why == "stale" else 0.0)
    if why != "stale":
        ghi = told.values[Quantity.GHI_W_PER_M2].copy()
        at = np.arange(ghi.shape[1])
        ghi[:, at >= DAYS * 24 if why.startswith("nothing") else at < 26 * 24] = np.nan
        told = replace(told, values={**told.values, Quantity.GHI_W_PER_M2: ghi})
    made = ModelForecaster().forecast(request(told))
    for one, other in zip(made, without_weather(), strict=True):
        assert one.source == other.source
        np.testing.assert_array_equal(one.values_kw, other.values_kw)


def test_hours_of_which_nothing_is_told_are_foreseen_as_without() -> None:
    """A forecast that ends early is used as far as it goes, and leads to nothing absurd behind."""
    told = weather()
    until = DAYS * 24 + 18
    cut = {name: np.where(np.arange(rows.shape[1]) < until, rows, np.nan)
           for name, rows in told.values.items()}  # fmt: skip
    short = ModelForecaster().forecast(request(replace(told, values=cut)))
    np.testing.assert_array_equal(short[1].middle_kw[:18], with_weather()[1].middle_kw[:18])
    assert missed(short, 1) < 3.0 * missed(without_weather(), 1)


def test_a_house_without_a_plant_looks_at_the_temperature_alone() -> None:
    heated_kw = homes()[0][: DAYS * 24]
    (found,) = ModelForecaster().forecast(asked(load(heated_kw), slots=AHEAD, weather=weather()))
    assert found.source.startswith("model with weather of")
    np.testing.assert_allclose(found.middle_kw, with_weather()[0].middle_kw)


def test_the_first_hour_of_all_has_the_weather_and_nothing_to_learn_from() -> None:
    nothing = np.zeros(0)
    first = asked(load(nothing), plant(nothing), slots=AHEAD, weather=weather())
    assert not any("weather" in one.source for one in ModelForecaster().forecast(first))


def test_the_ridge_by_which_others_are_measured_never_looks_outside() -> None:
    made, plain = (RidgeForecaster().forecast(request(told)) for told in (weather(), None))
    for one, other in zip(made, plain, strict=True):
        np.testing.assert_array_equal(one.values_kw, other.values_kw)


def test_what_was_learnt_with_weather_is_taken_up_with_weather() -> None:
    first, again = ModelForecaster(), ModelForecaster()
    first.take_up(None)
    told = first.forecast(request(weather()))
    again.take_up(first.learnt())
    for one, other in zip(told, again.forecast(request(weather())), strict=True):
        np.testing.assert_array_equal(one.values_kw, other.values_kw)
        assert one.source == other.source
    assert again.learnt() is None


def moved_by_clouds(told: WeatherRecord) -> float:
    """How much less sun is foreseen for tomorrow where half of it is forecast."""
    ghi = told.values[Quantity.GHI_W_PER_M2]
    coming = np.arange(ghi.shape[1]) >= DAYS * 24
    dull = {**told.values, Quantity.GHI_W_PER_M2: np.where(coming, 0.5 * ghi, ghi)}
    bright, dim = (
        ModelForecaster().forecast(request(one))[1].middle_kw[24:]
        for one in (told, replace(told, values=dull))
    )
    return float((bright - dim).mean() / bright.mean())


def test_what_was_told_later_than_a_lead_teaches_nothing_at_that_lead() -> None:
    """A forecast that is mended in the last hours, as all are, is not trusted a day ahead."""
    honest = weather()
    ghi = honest.values[Quantity.GHI_W_PER_M2].copy()
    days = np.random.default_rng(3).permutation(DAYS) * 24
    ghi[1:, : DAYS * 24] = ghi[1:, (days[:, None] + np.arange(24)).ravel()]
    mended = replace(honest, values={**honest.values, Quantity.GHI_W_PER_M2: ghi})
    assert moved_by_clouds(honest) > 0.4
    assert abs(moved_by_clouds(mended)) < 0.2


@settings(max_examples=8)
@given(
    air_c=st.floats(-90.0, 60.0), ghi=st.floats(0.0, 1500.0), holes=st.floats(0.0, 0.4),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_whatever_is_forecast_leads_to_nothing_absurd(
    air_c: float, ghi: float, holes: float, seed: int
) -> None:
    """A service that says one and the same of all that comes, day and night."""
    told = weather()
    coming = np.arange(told.values[Quantity.AIR_C].shape[1]) >= DAYS * 24
    missing = coming & (np.random.default_rng(seed).random(len(coming)) < holes)
    said = {Quantity.AIR_C: air_c, Quantity.GHI_W_PER_M2: ghi, Quantity.DHI_W_PER_M2: ghi}
    values = {
        name: np.where(missing, np.nan, np.where(coming, said[name], rows))
        for name, rows in told.values.items()
    }
    found = ModelForecaster().forecast(request(replace(told, values=values)))
    plain = without_weather()
    heated_kw, sun_kw = homes()
    assert (found[0].middle_kw >= 0.0).all()
    assert found[0].middle_kw.max() < heated_kw.max() + 6.0
    assert found[1].middle_kw.max() < 1.6 * sun_kw.max()
    night = plain[1].middle_kw < 0.01
    assert found[1].middle_kw[night].max() < 0.1


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0, 60.0])
@pytest.mark.parametrize("azimuth_deg", [90.0, 180.0, 250.0])
def test_irradiance_on_a_plane_is_that_of_pvlib(tilt_deg: float, azimuth_deg: float) -> None:
    """Its isotropic model at the middle of short slots, while the sun stands above ten degrees."""
    starts_s: Floats = past(1).edges_s[0] + 300.0 * np.arange(288.0)
    times = pd.DatetimeIndex(((starts_s + 150.0) * 1e9).astype("M8[ns]"), tz="UTC")
    sun = pvlib.solarposition.get_solarposition(times, PLANE.latitude, PLANE.longitude)
    ghi: Floats = 0.7 * pvlib.clearsky.haurwitz(sun["zenith"])["ghi"].to_numpy()
    hourly = np.repeat(ghi.reshape(-1, 12).mean(axis=1), 12)
    cold_c = np.full(len(ghi), 25.0)
    plane = replace(PLANE, tilt_deg=tilt_deg, azimuth_deg=azimuth_deg)
    expected = pvlib.irradiance.get_total_irradiance(
        tilt_deg,
        azimuth_deg,
        sun["zenith"],
        sun["azimuth"],
        0.6 * ghi / np.maximum(np.cos(np.radians(sun["zenith"])), 1e-3),
        ghi,
        0.4 * ghi,
        albedo=ALBEDO,
    )["poa_global"].to_numpy()
    given = module_w_per_m2(starts_s, 300.0, plane, hourly, 0.4 * hourly, cold_c)
    warm = given / (1.0 - 0.0037 * 0.03 * expected)
    high = sun["zenith"].to_numpy() < 80.0
    np.testing.assert_allclose(warm[high], expected[high], rtol=0.02, atol=3.0)


def test_the_mean_of_a_level_plane_over_an_hour_is_the_hours() -> None:
    starts_s: Floats = NOW.timestamp() + 900.0 * np.arange(96.0)
    ghi = np.repeat(np.linspace(0.0, 500.0, 24), 4)
    level = replace(PLANE, tilt_deg=0.0)
    cool = module_w_per_m2(starts_s, 900.0, level, ghi, 0.3 * ghi, 25.0 - 0.03 * ghi)
    np.testing.assert_allclose(
        cool[:20].reshape(-1, 4).mean(axis=1), ghi[:20:4], rtol=0.02, atol=1.0
    )


def test_no_place_is_the_level() -> None:
    ghi = np.array([300.0, 600.0])
    nowhere = Plane(latitude=0.0, longitude=0.0, tilt_deg=40.0, azimuth_deg=90.0)
    air_c = 25.0 - 0.03 * ghi
    given = module_w_per_m2(np.array([0.0, 3600.0]), 3600.0, nowhere, ghi, 0.3 * ghi, air_c)
    np.testing.assert_allclose(given, ghi)
