"""The weather as it was forecast, hour by hour.

What is learnt from a forecast must be learnt from the forecast as it stood, never from how it was
mended later: of each past hour it is kept what was known some time before it began.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from vpp.domain.arrays import Floats, frozen, require_shape
from vpp.domain.errors import InvariantError
from vpp.domain.points import Quantity

HOUR_S = 3600.0
WEATHER = (Quantity.AIR_C, Quantity.GHI_W_PER_M2, Quantity.DHI_W_PER_M2)
LEADS_H = (0, 1, 3, 6, 12, 24, 36, 48)
"""Hours before an hour's beginning at which it is kept what was known of it."""
NEVER_H = 1 << 16
"""A lead at which nothing was ever known."""
STALE_S = 12 * HOUR_S
"""A forecast that became known longer ago tells nothing that could be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherSupply:
    """Who forecasts the weather of a portfolio, by the name of an installed source."""

    source: str
    address: str = ""
    """Where the source's server is; empty: where the source usually finds it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeatherForecast:
    """One forecast of a place: means of hours that follow one another."""

    issued_at: datetime
    """When it became known."""
    start: datetime
    """Of the first hour, a full hour UTC."""
    values: Mapping[Quantity, Floats]
    """Of each quantity of ``WEATHER``, shape (hours,), NaN where it says nothing."""

    def __post_init__(self) -> None:
        _require_full_hour(self.start)
        shape = (len(self.values.get(Quantity.AIR_C, ())),)
        object.__setattr__(self, "values", _checked(self.values, shape))

    @property
    def hours(self) -> int:
        return len(self.values[Quantity.AIR_C])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeatherRecord:
    """What was known of past hours before they came, and what is known of coming ones."""

    start: datetime
    """Of the first hour, a full hour UTC."""
    leads_h: tuple[int, ...]
    """Rising."""
    values: Mapping[Quantity, Floats]
    """Of each quantity of ``WEATHER``, shape (leads, hours): what was known so many hours before
    the hour began; of hours that have not begun every row holds the newest. NaN where unknown."""
    age_s: float
    """Of the newest forecast; infinite without any."""

    def __post_init__(self) -> None:
        _require_full_hour(self.start)
        if not self.leads_h or (np.diff(self.leads_h) <= 0).any():
            raise InvariantError(f"leads_h of the weather are {self.leads_h}, expected rising ones")
        hours = np.shape(self.values.get(Quantity.AIR_C, ()))[-1]
        shape = (len(self.leads_h), hours)
        object.__setattr__(self, "values", _checked(self.values, shape))

    def lead_h(self, before_h: float) -> int:
        """The lead that is kept at which no more was known than so long before."""
        return next((lead for lead in self.leads_h if lead >= before_h - 1e-9), NEVER_H)

    def known(self, quantity: Quantity, times_s: Floats, before_h: Floats) -> Floats:
        """What was known of the hours of these times so long before, shape (times,).

        Never anything that became known later; NaN where that is nothing.
        """
        values = self.values[quantity]
        row = np.searchsorted(self.leads_h, before_h - 1e-9)
        hour = np.floor((times_s - self.start.timestamp()) / HOUR_S).astype(np.int64)
        there = (hour >= 0) & (hour < values.shape[1]) & (row < len(self.leads_h))
        return np.where(there, values[np.where(there, row, 0), np.where(there, hour, 0)], np.nan)


def _require_full_hour(start: datetime) -> None:
    if start.tzinfo is None or start.timestamp() % HOUR_S:
        raise InvariantError(f"weather starts at {start}, expected a full hour with its zone")


def _checked(values: Mapping[Quantity, Floats], shape: tuple[int, ...]) -> dict[Quantity, Floats]:
    if set(values) != set(WEATHER):
        raise InvariantError(f"weather has {', '.join(values)}, expected {', '.join(WEATHER)}")
    for quantity, one in values.items():
        require_shape(f"weather {quantity}", np.asarray(one), shape)
    return {quantity: frozen(values[quantity]) for quantity in WEATHER}


def full_hour(at: datetime) -> datetime:
    """Start of the hour that runs at an instant."""
    return datetime.fromtimestamp(at.timestamp() // HOUR_S * HOUR_S, UTC)
