"""The sky above the city: a measured typical year, moved to the city's own sun and clock.

The measured hours are those of the TMY3 station that pvlib ships (NREL, Greensboro, 36.1 degrees
north). Their labels end the hour and their months come from different years; both are taken off by
looking at local standard hours only. What is carried over is the *clear-sky index*: measured over
clear-sky global irradiance (Haurwitz 1945) of the same hour at the station. Multiplied with the
clear sky of the city's own sun it gives irradiance at any instant, without steps between hours.
"""

from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pvlib

from simulators.inputs.calendar import offsets_s
from simulators.inputs.noise import Floats, Streams, smooth_normal

STATION_FILE = "723170TYA.CSV"
SUN_TOO_LOW_W_M2 = 60.0
"""Hours with less clear sky than this tell nothing about clouds: their neighbours' index holds."""
OVERSHOOT = 1.25
"""Highest clear-sky index: broken clouds reflect the sun's beam onto the plane."""
CLOUD_PERIODS_S = {1500.0: 0.6, 420.0: 0.6, 150.0: 0.53}
"""Spectrum of the passing clouds: period and weight, the squares adding up to one."""
CLOUD_DEPTH = 0.42
"""Relative standard deviation of a half covered sky over minutes."""
OWN_SHARE = 0.35
"""Share of the variance below the hour that a site has for itself."""


@lru_cache(maxsize=1)
def typical_year() -> pd.DataFrame:
    """By local standard hour of a 365-day year: clear-sky index, air temperature, wind speed."""
    path = Path(pvlib.__file__).parent / "data" / STATION_FILE
    measured, place = pvlib.iotools.read_tmy3(path, coerce_year=2001, map_variables=True)
    first_utc = np.datetime64("2001-01-01", "s") - np.timedelta64(int(place["TZ"] * 3600), "s")
    clear = _hourly_clear_sky(first_utc, place["latitude"], place["longitude"])
    index = np.where(clear > SUN_TOO_LOW_W_M2, measured["ghi"].to_numpy() / clear, np.nan)
    filled = pd.Series(index).interpolate(limit_direction="both").clip(0.0, OVERSHOOT)
    return pd.DataFrame(
        {
            "clear_sky_index": filled.to_numpy(),
            "air_c": measured["temp_air"].to_numpy(),
            "wind_m_s": measured["wind_speed"].to_numpy(),
        }
    )


def _hourly_clear_sky(first: np.datetime64, latitude: float, longitude: float) -> Floats:
    """Mean clear-sky global irradiance of a year's hours, each from its four quarters."""
    middles = first + (np.arange(8760 * 4) * 900 + 450).astype("m8[s]")
    sky = clear_sky(sun(pd.DatetimeIndex(middles, tz="UTC"), latitude, longitude))
    hourly: Floats = np.maximum(sky.reshape(-1, 4).mean(axis=1), 1e-9)
    return hourly


def sun(instants: pd.DatetimeIndex, latitude: float, longitude: float) -> pd.DataFrame:
    """Where the sun stands (NREL's solar position algorithm)."""
    position: pd.DataFrame = pvlib.solarposition.spa_python(instants, latitude, longitude)
    return position


def clear_sky(position: pd.DataFrame) -> Floats:
    """Global irradiance of a cloudless sky in W/m2 (Haurwitz 1945)."""
    sky: Floats = pvlib.clearsky.haurwitz(position["apparent_zenith"])["ghi"].to_numpy()
    return sky


def hourly_values(zone: ZoneInfo, at_s: Floats) -> tuple[Floats, Floats, Floats]:
    """Clear-sky index, air temperature (C) and wind (m/s) at rising instants.

    An hour's mean stands at its middle; straight lines join the middles.
    """
    year = typical_year()
    local_s = at_s + offsets_s(zone, at_s, standard=True)
    place = local_s / 3600 - 0.5
    hour = np.floor(place).astype(np.int64)
    part = place - hour
    hours = np.arange(hour[0], hour[-1] + 2)
    moments = pd.DatetimeIndex((hours * 3600).astype("M8[s]"))
    leap = moments.is_leap_year & (moments.day_of_year > 59)
    rows = (moments.day_of_year - 1 - leap.astype(int)) * 24 + moments.hour
    table = year.to_numpy()[rows]
    values = table[hour - hour[0]] * (1 - part)[:, None] + table[hour - hour[0] + 1] * part[:, None]
    return values[:, 0], values[:, 1], values[:, 2]


def passing_clouds(index: Floats, region: Streams, sites: Streams, at_s: Floats) -> Floats:
    """Clear-sky index per site with variation below the hour.

    Most where the sky is half covered, little where it is clear or overcast. Clouds of the region
    pass over all sites; each has a share of its own.
    """
    shared = _cloud_noise(region, at_s)
    own = _cloud_noise(sites, at_s)
    noise = np.sqrt(1 - OWN_SHARE) * shared + np.sqrt(OWN_SHARE) * own
    covered = np.clip(index, 0.0, 1.0)
    depth = CLOUD_DEPTH * 4 * covered * (1 - covered) + 0.01
    varied: Floats = np.clip(index * (1 + depth * np.clip(noise, -2.2, 2.2)), 0.0, OVERSHOOT)
    return varied


def _cloud_noise(of: Streams, at_s: Floats) -> Floats:
    total = np.zeros((len(of), len(at_s)))
    for period_s, weight in CLOUD_PERIODS_S.items():
        total += weight * smooth_normal(of + np.uint64(period_s), at_s, period_s)
    return total
