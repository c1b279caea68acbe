"""AC power that the city's PV plants could give, from the sky and their tilt, azimuth and peak."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pvlib

from simulators.city import City
from simulators.inputs import weather
from simulators.inputs.noise import Floats, column, streams
from simulators.inputs.trace import Traces

SYSTEM_LOSSES = 0.14
"""Soiling, shading, mismatch, wiring, age: the default of PVWatts (NREL, version 5)."""
GAMMA_PER_C = -0.0037
"""Loss of a crystalline module's power per degree above 25."""
INVERTER_EFFICIENCY = 0.96
STARTING_W_M2 = 1.0
"""Clear-sky irradiance below which inverters sleep."""


def sun_traces(city: City) -> Traces:
    """Available AC power of every PV plant, in the city's order of plants."""
    field = PvField(city)
    return Traces(field.available_w)


class PvField:
    """All PV plants of a city beneath one regional sky."""

    def __init__(self, city: City) -> None:
        self.zone = ZoneInfo(city.time_zone)
        self.latitude, self.longitude = city.latitude, city.longitude
        self.region = streams(city.seed, "sky", [city.id])
        self.sites = streams(city.seed, "site-sky", [plant.site for plant in city.pvs])
        self.tilt = column([plant.tilt_deg for plant in city.pvs])
        self.azimuth = column([plant.azimuth_deg for plant in city.pvs])
        self.dc_w = column([plant.peak_w * (1 - SYSTEM_LOSSES) for plant in city.pvs])
        self.clip_w = column([plant.clip_w for plant in city.pvs])

    def available_w(self, at_s: Floats) -> Floats:
        """Available AC power by plant at instants of one stretch; zero while the sun is down."""
        power = np.zeros((len(self.clip_w), len(at_s)))
        instants = pd.DatetimeIndex(at_s.astype("M8[s]"), tz="UTC")
        position = weather.sun(instants, self.latitude, self.longitude)
        sky = weather.clear_sky(position)
        up = np.flatnonzero(sky > STARTING_W_M2)
        if up.size and power.size:
            power[:, up] = self._daylight_w(at_s[up], sky[up], position.iloc[up])
        return power

    def _daylight_w(self, at_s: Floats, sky: Floats, position: pd.DataFrame) -> Floats:
        index, air_c, wind_m_s = weather.hourly_values(self.zone, at_s)
        global_w_m2 = sky * weather.passing_clouds(index, self.region, self.sites, at_s)
        plane = self._plane_w_m2(global_w_m2, position)
        cell_c = pvlib.temperature.faiman(plane, air_c, wind_m_s)
        dc_w = pvlib.pvsystem.pvwatts_dc(plane, cell_c, self.dc_w, GAMMA_PER_C)
        ac_w = pvlib.inverter.pvwatts(dc_w, self.clip_w / INVERTER_EFFICIENCY, INVERTER_EFFICIENCY)
        clipped: Floats = np.clip(ac_w, 0.0, self.clip_w)
        return clipped

    def _plane_w_m2(self, global_w_m2: Floats, position: pd.DataFrame) -> Floats:
        """Irradiance on the tilted planes: beam and diffuse after Erbs, Driesse et al. (2023)."""
        zenith = position["zenith"].to_numpy()
        day = position.index[len(position) // 2].day_of_year
        parts = pvlib.irradiance.erbs_driesse(global_w_m2, zenith, day)
        plane: Floats = pvlib.irradiance.get_total_irradiance(
            self.tilt,
            self.azimuth,
            position["apparent_zenith"].to_numpy(),
            position["azimuth"].to_numpy(),
            parts["dni"],
            global_w_m2,
            parts["dhi"],
        )["poa_global"]
        return plane
