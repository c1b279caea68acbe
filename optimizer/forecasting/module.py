"""What a module of a plane would give under a forecast sky: irradiance on it, and its warmth."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from optimizer.forecasting.sun import HAURWITZ, Plane, sun_vector
from vpp.domain.arrays import Floats
from vpp.domain.weather import HOUR_S

ALBEDO = 0.2
LOWEST = 0.065
"""Least sine of the sun's height by which a beam on the level is turned onto a plane: 3.7
degrees, below which hourly means say little of where the beam comes from."""
PARTS = 12
"""Instants of an hour over which its clear sky is taken."""
WARMING_C = 0.03
"""Degrees that a module is warmer than the air for each W/m2 on it (Ross 1976, on a roof)."""
GAMMA_PER_C = -0.0037
"""Change of a crystalline module's power for each degree above 25."""


def module_w_per_m2(
    starts_s: Floats, step_s: float, plane: Plane, ghi: Floats, dhi: Floats, air_c: Floats
) -> Floats:
    """Irradiance on a plane that would give as much at 25 degrees, mean of each slot.

    Isotropic sky. Within an hour global and diffuse follow the clear sky, which matters at
    sunrise and in short slots. Where no place is stated, that of the level.

    Args:
        starts_s: Of the slots, which follow one another.
        step_s: Their length, an hour or a part of it.
        plane: Where it stands and how it faces.
        ghi: Global irradiance on the level, mean of the hour of each slot, W/m2.
        dhi: Of that the diffuse part.
        air_c: Temperature of the air.
    """
    falling = _onto(starts_s, step_s, plane, ghi, np.clip(dhi, 0.0, ghi)) if plane.stated else ghi
    warm_c = np.nan_to_num(air_c, nan=25.0) + WARMING_C * falling - 25.0
    return np.asarray(falling * np.maximum(1.0 + GAMMA_PER_C * warm_c, 0.0))


def _onto(starts_s: Floats, step_s: float, plane: Plane, ghi: Floats, dhi: Floats) -> Floats:
    sky = _sky(float(starts_s[0]), len(starts_s), step_s, plane.latitude, plane.longitude)
    tilt, azimuth = np.radians(plane.tilt_deg), np.radians(plane.azimuth_deg)
    facing = np.sin(tilt) * (np.sin(azimuth) * sky.east + np.cos(azimuth) * sky.north)
    facing += np.cos(tilt) * sky.up
    turned = (sky.by_level * np.maximum(facing, 0.0)).mean(axis=1)
    around = (1.0 + np.cos(tilt)) / 2.0
    ground = ALBEDO * (1.0 - np.cos(tilt)) / 2.0
    return np.asarray((ghi - dhi) * turned + sky.level * (dhi * around + ghi * ground))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sky:
    """Of slots in a row; the first four of shape (slots, instants)."""

    east: Floats
    """Parts of the unit vector towards the sun."""
    north: Floats
    up: Floats
    by_level: Floats
    """Clear sky at each instant over its hour's mean, for each part of the sine of the height."""
    level: Floats
    """Clear sky of each slot over its hour's mean, shape (slots,)."""


@lru_cache(maxsize=4)
def _sky(first_s: float, slots: int, step_s: float, latitude: float, longitude: float) -> _Sky:
    """The same for all planes of a place, and for whatever was forecast of it."""
    starts_s: Floats = first_s + step_s * np.arange(slots, dtype=np.float64)
    parts = max(round(PARTS * step_s / HOUR_S), 1)
    times_s = starts_s[:, None] + step_s * (np.arange(parts) + 0.5) / parts
    east, north, up = sun_vector(times_s.ravel(), latitude, longitude).reshape(3, *times_s.shape)
    clear = _clear_level(up)
    hours_s, back = np.unique(starts_s // HOUR_S * HOUR_S, return_inverse=True)
    within_s = hours_s[:, None] + HOUR_S * (np.arange(PARTS) + 0.5) / PARTS
    _, _, high = sun_vector(within_s.ravel(), latitude, longitude)
    usual = _clear_level(high).reshape(within_s.shape).mean(axis=1)[back]
    scale = np.where(usual > 1.0, 1.0 / np.maximum(usual, 1.0), 0.0)
    by_level = scale[:, None] * clear / np.maximum(up, LOWEST)
    level = scale * clear.mean(axis=1)
    return _Sky(east=east, north=north, up=up, by_level=by_level, level=level)


def _clear_level(up: Floats) -> Floats:
    """Haurwitz 1945, ``up`` being the sine of the sun's height."""
    high = np.maximum(up, 1e-3)
    return np.where(up > 0.0, HAURWITZ * high * np.exp(-0.057 / high), 0.0)
