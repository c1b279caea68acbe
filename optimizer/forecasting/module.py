"""What a module of a plane would give under a forecast sky: irradiance on it, and its warmth."""

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
        starts_s: Of the slots.
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
    parts = max(round(PARTS * step_s / HOUR_S), 1)
    times_s = starts_s[:, None] + step_s * (np.arange(parts) + 0.5) / parts
    east, north, up = sun_vector(times_s.ravel(), plane.latitude, plane.longitude)
    tilt, azimuth = np.radians(plane.tilt_deg), np.radians(plane.azimuth_deg)
    facing = np.sin(tilt) * (np.sin(azimuth) * east + np.cos(azimuth) * north) + np.cos(tilt) * up
    clear = _clear_level(up)
    turned = clear * np.maximum(facing, 0.0) / np.maximum(up, LOWEST)
    usual = _hour_mean(clear.reshape(times_s.shape).mean(axis=1), starts_s, step_s, plane)
    lit = usual > 1.0
    scale = np.where(lit, 1.0 / np.where(lit, usual, 1.0), 0.0)
    beam = (ghi - dhi) * scale * turned.reshape(times_s.shape).mean(axis=1)
    level = scale * clear.reshape(times_s.shape).mean(axis=1)
    around = (1.0 + np.cos(tilt)) / 2.0
    ground = ALBEDO * (1.0 - np.cos(tilt)) / 2.0
    return np.asarray(beam + level * (dhi * around + ghi * ground))


def _hour_mean(slot_mean: Floats, starts_s: Floats, step_s: float, plane: Plane) -> Floats:
    """Clear sky on the level, mean of the whole hour of each slot."""
    if step_s >= HOUR_S:
        return slot_mean
    hours_s, back = np.unique(starts_s // HOUR_S * HOUR_S, return_inverse=True)
    times_s = hours_s[:, None] + HOUR_S * (np.arange(PARTS) + 0.5) / PARTS
    _, _, up = sun_vector(times_s.ravel(), plane.latitude, plane.longitude)
    return np.asarray(_clear_level(up).reshape(times_s.shape).mean(axis=1)[back])


def _clear_level(up: Floats) -> Floats:
    """Haurwitz 1945, ``up`` being the sine of the sun's height."""
    high = np.maximum(up, 1e-3)
    return np.where(up > 0.0, HAURWITZ * high * np.exp(-0.057 / high), 0.0)
