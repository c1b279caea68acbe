"""A fit of all rows of a panel: made from a stretch of the record, and of nothing else."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from optimizer.forecasting import gates
from optimizer.forecasting.calendar import local_days, sun_days
from optimizer.forecasting.families import Family, Loads, Plain, Plants
from optimizer.forecasting.fitting import FIRST_DAYS, DriversBefore, Fitted, fit, issues, leads
from optimizer.forecasting.outside import Outside
from optimizer.forecasting.own_errors import HOURS, OwnErrors, own_errors
from optimizer.forecasting.panel import Panel
from optimizer.forecasting.weathered import SunnyPlants, WarmLoads
from vpp.domain.arrays import Bools, Floats

ERRORS_DAYS = 28
"""Over which own errors are measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose clock and holidays count."""

    zone: ZoneInfo
    country: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PanelFit:
    """Arrays of shape (series,)."""

    until_s: float
    """Nothing after it was looked at; seconds since 1970 UTC."""
    loads: Fitted
    plants: Fitted
    usable: Bools
    """Of which enough is on record."""
    usual: gates.Usual
    size_kw: Floats
    errors: OwnErrors
    """Of loads, plants and nets, in this order."""
    weathered: bool = False
    """Whether it looks at the weather forecast."""

    @property
    def until(self) -> datetime:
        return datetime.fromtimestamp(self.until_s, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Families:
    """How loads and plants are foreseen."""

    loads: Family
    plants: Family
    with_weather: "Families | None" = None
    """How they are where the weather is forecast; None: just the same."""

    def under(self, *, weather: bool) -> "Families":
        return self.with_weather or self if weather else self


WEATHERED = Families(loads=WarmLoads(), plants=SunnyPlants())
LEARNED = Families(loads=Loads(), plants=Plants(), with_weather=WEATHERED)
PLAIN = Families(loads=Plain(), plants=Plain())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretch:
    """What a fit is made from."""

    values_kw: Floats
    """As recorded, shape (series, slots), NaN where nothing was."""
    edges_s: Floats
    """Of the slots, which are equal and divide a day."""
    peak_kw: Floats
    """Of plants, NaN where unknown, shape (series,)."""
    outside: Outside | None = None
    """None: the weather is not looked at."""


def fit_panel(
    families: Families,
    panel: Panel,
    place: Place,
    stretch: Stretch,
) -> PanelFit:
    """Fit.

    Args:
        families: How they are foreseen.
        panel: What the series are.
        place: Where they are.
        stretch: What is learnt from.
    """
    values_kw, edges_s, peak_kw = stretch.values_kw, stretch.edges_s, stretch.peak_kw
    starts_s, step_s = edges_s[:-1], float(edges_s[1] - edges_s[0])
    places = round(86400.0 / step_s)
    usual = gates.Usual.of(values_kw, peak_kw)
    believed = gates.believed_kw(values_kw, usual, step_s)
    known = np.isfinite(believed)
    usable = gates.enough(known, places)
    size_kw = np.abs(np.where(known, believed, 0.0)).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    size_kw = np.where(usable, size_kw, 0.0)
    loads_kw, plants_kw = panel.with_sums(believed, usable, size_kw)
    clock = local_days(starts_s, step_s, place.zone, place.country)
    load_drivers, sun_drivers = _drivers(stretch, starts_s, size_kw[list(panel.plants)])
    loads, load_missed = fit(families.loads, loads_kw, clock, places, load_drivers)
    plants, sun_missed = fit(
        families.plants, plants_kw, sun_days(starts_s, step_s), places, sun_drivers
    )
    asked, distances = issues(places, len(starts_s)), leads(places)
    learnt_days = len(starts_s) / places - FIRST_DAYS
    lately = asked >= len(starts_s) - ERRORS_DAYS * places
    asked, load_missed, sun_missed = asked[lately], load_missed[:, lately], sun_missed[:, lately]
    nets_missed = panel.nets_kw(load_missed, sun_missed)
    target = np.minimum(asked[:, None] + distances - 1, len(starts_s) - 1)
    return PanelFit(
        until_s=float(edges_s[-1]),
        loads=loads,
        plants=plants,
        usable=usable,
        usual=usual,
        size_kw=size_kw,
        errors=own_errors(
            np.concatenate(
                [load_missed[: len(panel.loads)], sun_missed[: len(panel.plants)], nets_missed]
            ),
            np.asarray(distances * (step_s / 3600.0), np.float64),
            clock.place[target] * HOURS // places,
            learnt_days,
        ),
        weathered=stretch.outside is not None,
    )


def _drivers(
    stretch: Stretch, starts_s: Floats, plants_kw: Floats
) -> tuple[DriversBefore | None, DriversBefore | None]:
    """Of loads and plants; ``plants_kw``: sizes of the plants."""
    outside = stretch.outside
    if outside is None:
        return None, None

    @cache
    def loads(lead_h: int) -> Floats:
        return outside.loads(starts_s, np.full(len(starts_s), lead_h, np.float64))

    @cache
    def plants(lead_h: int) -> Floats:
        return outside.plants(starts_s, np.full(len(starts_s), lead_h, np.float64), plants_kw)

    return (
        lambda before_h: loads(outside.weather.lead_h(before_h)),
        lambda before_h: plants(outside.weather.lead_h(before_h)),
    )
