"""Where the sun stands, and the most that it gives a plane under a clear sky."""

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.forecast import Series
from vpp.domain.slots import SlotGrid

HAURWITZ = 1098.0
"""W/m2; Haurwitz 1945: ``GHI = 1098 cos z exp(-0.057 / cos z)``."""
MARGIN = 1.15
"""Edges of clouds and cool modules give more than the model; the bound allows for them."""
PARTS = 5
"""Instants looked at within a slot."""


def sun_vector(times_s: Floats, latitude: float, longitude: float) -> Floats:
    """Unit vector towards the sun as (east, north, up), shape (3, times).

    Low-precision position of the Astronomical Almanac (0.01 degrees until 2050), no refraction.
    """
    days = np.asarray(times_s) / 86400.0 - 10957.5
    mean_longitude = np.radians(280.460 + 0.9856474 * days)
    anomaly = np.radians(357.528 + 0.9856003 * days)
    ecliptic = mean_longitude + np.radians(1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly))
    obliquity = np.radians(23.439 - 4e-7 * days)
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    sidereal = np.radians((280.46062 + 360.98564737 * days) % 360.0 + longitude)
    hour_angle = sidereal - ascension
    phi = np.radians(latitude)
    return np.stack(
        [
            -np.cos(declination) * np.sin(hour_angle),
            np.cos(phi) * np.sin(declination)
            - np.sin(phi) * np.cos(declination) * np.cos(hour_angle),
            np.sin(phi) * np.sin(declination)
            + np.cos(phi) * np.cos(declination) * np.cos(hour_angle),
        ]
    )


def clear_sky_w_per_m2(times_s: Floats, series: Series) -> Floats:
    """Irradiance on the plane of a PV series under a clear sky, shape (times,); 0 at night."""
    east, north, up = sun_vector(times_s, series.latitude, series.longitude)
    tilt, azimuth = np.radians(series.tilt_deg), np.radians(series.azimuth_deg)
    incidence = (
        np.sin(tilt) * (np.sin(azimuth) * east + np.cos(azimuth) * north) + np.cos(tilt) * up
    )
    day = up > 0.0
    beam = 0.9 * HAURWITZ * np.exp(-0.057 / np.where(day, np.maximum(up, 1e-3), 1.0))
    diffuse = 0.1 * HAURWITZ * np.sqrt(np.maximum(up, 0.0))
    return np.asarray(np.where(day, beam * np.maximum(incidence, 0.0) + diffuse, 0.0))


def clear_sky_bound_kw(grid: SlotGrid, series: Series) -> Floats:
    """Most that the plant can give in any part of each slot, kW, shape (slots,).

    Infinite where neither place nor peak is stated; the place 0, 0 counts as not stated.
    """
    peak = np.inf if series.peak_kw is None else series.peak_kw
    if series.latitude == 0.0 and series.longitude == 0.0:
        return np.full(len(grid), peak)
    parts = np.linspace(0.0, 1.0, PARTS)
    times = grid.edges_s[:-1, None] + np.diff(grid.edges_s)[:, None] * parts
    irradiance = clear_sky_w_per_m2(times.ravel(), series).reshape(times.shape).max(1)
    if series.peak_kw is None:
        return np.where(irradiance > 0.0, np.inf, 0.0)
    return np.asarray(np.minimum(peak, MARGIN * peak * irradiance / 1000.0))
