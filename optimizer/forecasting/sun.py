"""Where the sun stands, and the most that it gives a plane under a clear sky."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.forecast import Series
from vpp.domain.points import Quantity
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Where a plant stands and how it faces."""

    latitude: float
    longitude: float
    tilt_deg: float
    azimuth_deg: float

    @classmethod
    def of(cls, series: Series) -> "Plane":
        return cls(
            latitude=series.latitude,
            longitude=series.longitude,
            tilt_deg=series.tilt_deg,
            azimuth_deg=series.azimuth_deg,
        )

    @property
    def stated(self) -> bool:
        """The place 0, 0 counts as not stated."""
        return not (self.latitude == 0.0 and self.longitude == 0.0)


def clear_sky_w_per_m2(times_s: Floats, plane: Plane) -> Floats:
    """Irradiance on a plane under a clear sky, shape (times,); 0 at night."""
    east, north, up = sun_vector(times_s, plane.latitude, plane.longitude)
    tilt, azimuth = np.radians(plane.tilt_deg), np.radians(plane.azimuth_deg)
    incidence = (
        np.sin(tilt) * (np.sin(azimuth) * east + np.cos(azimuth) * north) + np.cos(tilt) * up
    )
    day = up > 0.0
    beam = 0.9 * HAURWITZ * np.exp(-0.057 / np.where(day, np.maximum(up, 1e-3), 1.0))
    diffuse = 0.1 * HAURWITZ * np.sqrt(np.maximum(up, 0.0))
    return np.asarray(np.where(day, beam * np.maximum(incidence, 0.0) + diffuse, 0.0))


def brightest_w_per_m2(edges_s: Floats, plane: Plane) -> Floats:
    """Most irradiance of a clear sky within each slot, shape (slots,)."""
    parts = np.linspace(0.0, 1.0, PARTS)
    times = edges_s[:-1, None] + np.diff(edges_s)[:, None] * parts
    return np.asarray(clear_sky_w_per_m2(times.ravel(), plane).reshape(times.shape).max(1))


def clear_sky_bound_kw(grid: SlotGrid, series: Series) -> Floats:
    """Most that the plant can give in any part of each slot, kW, shape (slots,).

    Infinite where neither place nor peak is stated.
    """
    plane = Plane.of(series)
    return bound_kw(series.peak_kw, brightest_w_per_m2(grid.edges_s, plane), plane)


def bounds_kw(series: Sequence[Series], grid: SlotGrid) -> Floats:
    """Of several subjects, infinite where nothing bounds them; shape (series, slots).

    The sky over each plane is worked out once.
    """
    bounds = np.full((len(series), len(grid)), np.inf)
    skies: dict[Plane, Floats] = {}
    for row, one in enumerate(series):
        if one.quantity is Quantity.AVAILABLE_KW:
            plane = Plane.of(one)
            if plane not in skies:
                skies[plane] = brightest_w_per_m2(grid.edges_s, plane)
            bounds[row] = bound_kw(one.peak_kw, skies[plane], plane)
    return bounds


def bound_kw(peak_kw: float | None, irradiance: Floats, plane: Plane) -> Floats:
    """The same from the irradiance, W/m2."""
    peak = np.inf if peak_kw is None else peak_kw
    if not plane.stated:
        return np.full(len(irradiance), peak)
    if peak_kw is None:
        return np.where(irradiance > 0.0, np.inf, 0.0)
    return np.asarray(np.minimum(peak, MARGIN * peak * irradiance / 1000.0))
