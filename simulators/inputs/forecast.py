"""What a weather service would have forecast of the sky above the city, and by how much it errs.

The truth is the region's hourly sky; a forecast's error lasts for hours and grows with its
distance. It is made of what no model resolves (the same at any distance) and of what is mended as
the hour comes nearer. Sizes are those of day-ahead forecasts of numerical models: root mean square
error of the clear-sky index about 0.2, of the temperature about 1.5 degrees.
"""

from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pvlib

from simulators.city import City
from simulators.inputs import weather
from simulators.inputs.noise import Floats, smooth_normal, streams

HOUR_S = 3600.0
INDEX_ERROR, INDEX_ERROR_A_DAY_AHEAD = 0.10, 0.17
"""Standard deviations: of what stays, and of what is a day ahead on top of it."""
AIR_ERROR_C, AIR_ERROR_A_DAY_AHEAD_C = 0.8, 1.2
LASTS_S = 5 * HOUR_S
FURTHEST_H = 72.0
"""Beyond it errors grow no more."""
PARTS = 12
LEADS_H = (0, 1, 3, 6, 12, 24, 36, 48)
"""Distances at which an export says what was forecast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Of hours in a row, shape (hours,) each."""

    air_c: Floats
    """Mean of the hour."""
    ghi_w_m2: Floats
    dhi_w_m2: Floats


class WeatherService:
    """The same city and distance give the same forecast, on every machine."""

    def __init__(self, city: City) -> None:
        self._zone = ZoneInfo(city.time_zone)
        self._latitude, self._longitude = city.latitude, city.longitude
        self._noise = {
            name: streams(city.seed, f"forecast-{name}", [city.id])
            for name in ("index", "index-ahead", "air", "air-ahead")
        }

    def of(self, first_s: float, ahead_h: Floats) -> Forecast:
        """Forecast of as many hours as distances, from the one that begins at ``first_s``."""
        middles_s: Floats = first_s + HOUR_S * (np.arange(float(len(ahead_h))) + 0.5)
        index, air_c, _ = weather.hourly_values(self._zone, middles_s)
        grown = np.sqrt(np.clip(ahead_h, 0.0, FURTHEST_H) / 24.0)
        errors = {
            name: smooth_normal(of, middles_s, LASTS_S)[0] for name, of in self._noise.items()
        }
        forecast = index + INDEX_ERROR * errors["index"]
        forecast += INDEX_ERROR_A_DAY_AHEAD * grown * errors["index-ahead"]
        clear, zenith = _clear(self._latitude, self._longitude, first_s, len(ahead_h))
        ghi = clear * np.clip(forecast, 0.05, 1.1)
        instants = pd.DatetimeIndex(middles_s.astype("M8[s]"), tz="UTC")
        parts = pvlib.irradiance.erbs_driesse(ghi, zenith, instants.day_of_year.to_numpy())
        return Forecast(
            air_c=air_c
            + AIR_ERROR_C * errors["air"]
            + AIR_ERROR_A_DAY_AHEAD_C * grown * errors["air-ahead"],
            ghi_w_m2=ghi,
            dhi_w_m2=np.clip(np.nan_to_num(parts["dhi"]), 0.0, ghi),
        )


@lru_cache(maxsize=2)
def _clear(latitude: float, longitude: float, first_s: float, hours: int) -> tuple[Floats, Floats]:
    """Clear-sky irradiance of each hour, and the sun's zenith at its middle."""
    times_s: Floats = first_s + HOUR_S / PARTS * (np.arange(float(hours * PARTS)) + 0.5)
    instants = pd.DatetimeIndex(times_s.astype("M8[s]"), tz="UTC")
    position = weather.sun(instants, latitude, longitude)
    clear = weather.clear_sky(position).reshape(hours, PARTS).mean(axis=1)
    zenith = position["zenith"].to_numpy().reshape(hours, PARTS)[:, PARTS // 2]
    return clear, zenith
