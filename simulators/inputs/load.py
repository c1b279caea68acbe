"""What the city's buildings consume: measured standard profiles, made individual.

The profiles are the BDEW's of 2025 (households H25, commerce G25, farms L25; quarter hours by
month and kind of day), as `demandlib` has them. They are means over many customers; a single
building is given a slow drift of its own and appliances that switch on and off.
"""

import warnings
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from demandlib import bdew
from numpy.typing import NDArray
from scipy.stats import poisson

from simulators.city import City
from simulators.inputs.calendar import holidays_of, offsets_s
from simulators.inputs.noise import Floats, Streams, column, smooth_normal, streams, uniform
from simulators.inputs.trace import Traces

PROFILES = {"households": bdew.H25, "commerce": bdew.G25, "farm": bdew.L25}

DRIFT_PERIOD_S = 5400.0
DRIFT = 0.07
"""Relative standard deviation of a building's slow deviation from its profile."""
SWITCHED_SHARE = 0.25
"""Share of the energy that goes through appliances that are either on or off."""
SWITCHED_W = 2000.0
"""Their power; the smaller the building, the more each one shows."""
SWITCHED_MINUTES = (4, 12, 35)
"""How long they run, equally often."""


@lru_cache(maxsize=16)
def year_profile(profile: str, country: str, year: int) -> Floats:
    """Mean power of each local quarter hour of a year, in W per MWh of yearly energy."""
    quarters = pd.date_range(f"{year}-01-01", f"{year}-12-31 23:45", freq="15min")
    with warnings.catch_warnings():  # demandlib 0.2.2 still uses what pandas 4 will drop
        warnings.simplefilter("ignore", DeprecationWarning)
        values = PROFILES[profile](quarters, holidays=sorted(holidays_of(country, year)))
    return np.asarray(values, dtype=np.float64)


def load_traces(city: City) -> Traces:
    """Power of every load, in the city's order of loads."""
    return Traces(Buildings(city).power_w)


class Buildings:
    """All loads of a city."""

    def __init__(self, city: City) -> None:
        self.zone = ZoneInfo(city.time_zone)
        self.country = city.country
        self.profiles = [load.profile for load in city.loads]
        self.annual_mwh = column([load.annual_mwh for load in city.loads])
        self.fuse_w = column([load.max_w for load in city.loads])
        self.mean_on = self.annual_mwh * 1e6 / 8760 * SWITCHED_SHARE / SWITCHED_W
        names = [load.id for load in city.loads]
        self.drift = streams(city.seed, "load-drift", names)
        self.switching = [
            streams(city.seed, f"load-switching-{minutes}", names) for minutes in SWITCHED_MINUTES
        ]

    def power_w(self, at_s: Floats) -> Floats:
        """Power by load at instants a minute apart."""
        if not self.profiles:
            return np.zeros((0, len(at_s)))
        individual = (1 + DRIFT * smooth_normal(self.drift, at_s, DRIFT_PERIOD_S)) * (
            1 - SWITCHED_SHARE + SWITCHED_SHARE * self._switched(at_s)
        )
        power: Floats = np.clip(self._standard_w(at_s) * individual, 0.0, self.fuse_w)
        return power

    def _standard_w(self, at_s: Floats) -> Floats:
        """The profiles at each instant; a quarter's mean stands at its middle."""
        local_s = at_s + offsets_s(self.zone, at_s, standard=False)
        rows = {name: self._along(name, local_s) for name in set(self.profiles)}
        return np.stack([rows[name] for name in self.profiles]) * self.annual_mwh

    def _along(self, profile: str, local_s: Floats) -> Floats:
        values = np.zeros(len(local_s))
        years = local_s.astype("M8[s]").astype("M8[Y]").astype(int) + 1970
        for year in np.unique(years):
            of_year = years == year
            quarters = year_profile(profile, self.country, int(year))
            begin_s = datetime(int(year), 1, 1, tzinfo=UTC).timestamp()
            middles_s = begin_s + 900 * (np.arange(len(quarters)) + 0.5)
            values[of_year] = np.interp(local_s[of_year], middles_s, quarters)
        return values

    def _switched(self, at_s: Floats) -> Floats:
        """Appliances on over their mean number: Poisson starts each minute, fixed run times."""
        minute = np.round(at_s / 60).astype(np.int64)
        on = np.zeros((len(self.profiles), len(at_s)))
        for minutes, of in zip(SWITCHED_MINUTES, self.switching, strict=True):
            begun = np.arange(minute[0] - minutes + 1, minute[-1] + 1)
            starts = np.cumsum(self._starts(of, begun, minutes), axis=1)
            on[:, 1:] += starts[:, minutes:] - starts[:, :-minutes]
            on[:, 0] += starts[:, minutes - 1]
        mean = np.broadcast_to(self.mean_on, on.shape)
        return np.divide(on, mean, out=np.zeros_like(on), where=mean > 0)

    def _starts(self, of: Streams, begun: NDArray[np.int64], minutes: int) -> Floats:
        """How many appliances are switched on in each minute: Poisson, by inversion."""
        chance = uniform(of, begun)
        rates = self.mean_on[:, 0] / (len(SWITCHED_MINUTES) * minutes)
        most = int(poisson.isf(1e-9, rates.max()))
        below: Floats = np.asarray(poisson.cdf(np.arange(most), rates[:, None]), np.float64)
        return np.stack(
            [np.searchsorted(cdf, u) for cdf, u in zip(below, chance, strict=True)]
        ).astype(np.float64)
