"""A fit of all rows of a panel: made from a stretch of the record, and of nothing else."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from optimizer.forecasting import gates
from optimizer.forecasting.calendar import local_days, sun_days
from optimizer.forecasting.families import Family, Loads, Plain, Plants
from optimizer.forecasting.fitting import Fitted, fit, issues, leads
from optimizer.forecasting.own_errors import HOURS, OwnErrors, own_errors
from optimizer.forecasting.panel import Panel
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

    @property
    def until(self) -> datetime:
        return datetime.fromtimestamp(self.until_s, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Families:
    """How loads and plants are foreseen."""

    loads: Family
    plants: Family


LEARNED = Families(loads=Loads(), plants=Plants())
PLAIN = Families(loads=Plain(), plants=Plain())


def fit_panel(
    families: Families,
    panel: Panel,
    place: Place,
    values_kw: Floats,
    edges_s: Floats,
    peak_kw: Floats,
) -> PanelFit:
    """Fit.

    Args:
        families: How they are foreseen.
        panel: What the series are.
        place: Where they are.
        values_kw: As recorded, shape (series, slots), NaN where nothing was.
        edges_s: Of the slots, which are equal and divide a day.
        peak_kw: Of plants, NaN where unknown, shape (series,).
    """
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
    loads, load_missed = fit(families.loads, loads_kw, clock, places)
    plants, sun_missed = fit(families.plants, plants_kw, sun_days(starts_s, step_s), places)
    asked, distances = issues(places, len(starts_s)), leads(places)
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
        ),
    )
