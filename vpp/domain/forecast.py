"""What is expected, with its uncertainty, its issue time and where it comes from."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from vpp.domain.arrays import Floats, frozen, require_finite, require_shape
from vpp.domain.errors import InvariantError
from vpp.domain.points import Quantity
from vpp.domain.slots import SlotGrid

LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """Mean power per slot in quantiles.

    The quantity is ``POWER_KW`` for a load (positive into the asset) or ``AVAILABLE_KW`` for PV
    (what the sun would give uncurtailed, a magnitude).
    """

    subject: str
    """Id of the site, asset or pool."""
    quantity: Quantity
    grid: SlotGrid
    issued_at: datetime
    quantiles: tuple[float, ...] = (LOW, MIDDLE, HIGH)
    values_kw: Floats
    """Shape (quantiles, slots)."""
    source: str
    """Rung of the forecaster's ladder that made it, as "same time last week"."""
    input_age_s: float = 0.0
    """Age of the newest measurement it stands on, at the issue."""
    most_kw: Floats | None = None
    """Most that was seen lately at this time of day, else what a clear sky would give at most,
    shape (slots,); None where neither is known."""

    def __post_init__(self) -> None:
        values = frozen(self.values_kw)
        require_shape(f"forecast {self.subject}", values, (len(self.quantiles), len(self.grid)))
        require_finite(f"forecast {self.subject}", values)
        if (np.diff(values, axis=0) < -1e-9).any():
            raise InvariantError(f"forecast {self.subject}: quantiles cross")
        object.__setattr__(self, "values_kw", values)
        if self.most_kw is not None:
            most = frozen(self.most_kw)
            require_shape(f"most of forecast {self.subject}", most, (len(self.grid),))
            require_finite(f"most of forecast {self.subject}", most)
            object.__setattr__(self, "most_kw", most)

    def quantile(self, q: float) -> Floats:
        """One quantile, shape (slots,), kW."""
        return np.asarray(self.values_kw[self.quantiles.index(q)])

    @property
    def middle_kw(self) -> Floats:
        return self.quantile(MIDDLE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """What a forecaster may learn from for one subject.

    Recorded slot means up to the issue time.
    """

    subject: str
    quantity: Quantity
    start: datetime
    """Start of the first recorded slot."""
    step_s: float
    values_kw: Floats
    """Shape (slots,), NaN where nothing was recorded or where PV was curtailed."""
    peak_kw: float | None = None
    """PV: largest AC production, for the bound."""
    latitude: float = 0.0
    longitude: float = 0.0
    tilt_deg: float = 0.0
    azimuth_deg: float = 180.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "values_kw", frozen(self.values_kw))


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRequest:
    """Series in, one forecast per series out, on the grid.

    Nothing after ``issued_at`` is in the series.
    """

    issued_at: datetime
    grid: SlotGrid
    series: tuple[Series, ...]
    time_zone: str
    country: str = ""
