"""What is expected, with its uncertainty, its issue time and where it comes from."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vpp.domain.arrays import Floats, frozen, require_finite, require_shape
from vpp.domain.errors import InvariantError
from vpp.domain.points import Quantity
from vpp.domain.slots import SlotGrid
from vpp.domain.weather import WeatherRecord

LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9
BAND_DEVIATIONS = 2.563
"""Standard deviations of a normal error between its 10 and 90 % quantiles."""
LEARNT_SERVES = timedelta(days=90)
"""Age at which what was learnt knows nothing of the season any more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """Mean power per slot in quantiles.

    The quantity is ``POWER_KW`` for a load (positive into the asset), ``AVAILABLE_KW`` for PV
    (what the sun would give uncurtailed, a magnitude) or ``UNCONTROLLED_KW`` for a group of sites
    (their loads less their sun, positive is import).
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
    mean_kw: Floats | None = None
    """Expected value, shape (slots,); None where the middle is taken for it. Errors of the sun are
    skewed: it is far below its middle now and then, and never far above."""
    deviation_kw: Floats | None = None
    """Standard deviation of the forecaster's own recent errors at each slot's time of day and
    distance, shape (slots,); None where too little is on record."""
    persistence: float | None = None
    """Correlation of the error in a slot with that an hour later, 0..1; over a slot it is this to
    the power of the slot's hours. None as before."""

    def __post_init__(self) -> None:
        values = frozen(self.values_kw)
        require_shape(f"forecast {self.subject}", values, (len(self.quantiles), len(self.grid)))
        require_finite(f"forecast {self.subject}", values)
        if (np.diff(values, axis=0) < -1e-9).any():
            raise InvariantError(f"forecast {self.subject}: quantiles cross")
        object.__setattr__(self, "values_kw", values)
        for name in ("most_kw", "mean_kw", "deviation_kw"):
            if (given := getattr(self, name)) is not None:
                checked = frozen(given)
                require_shape(f"{name} of forecast {self.subject}", checked, (len(self.grid),))
                require_finite(f"{name} of forecast {self.subject}", checked)
                object.__setattr__(self, name, checked)
        if self.persistence is not None and not 0.0 <= self.persistence <= 1.0:
            raise InvariantError(
                f"forecast {self.subject}: persistence is {self.persistence}, expected 0 to 1"
            )

    def quantile(self, q: float) -> Floats:
        """One quantile, shape (slots,), kW."""
        return np.asarray(self.values_kw[self.quantiles.index(q)])

    @property
    def middle_kw(self) -> Floats:
        return self.quantile(MIDDLE)

    @property
    def expected_kw(self) -> Floats:
        """Mean of what may come, shape (slots,): what energy is planned with."""
        return self.middle_kw if self.mean_kw is None else self.mean_kw

    @property
    def spread_kw(self) -> Floats:
        """Standard deviation of the error, shape (slots,).

        Of the forecaster's own errors where it tells them, else that of a normal error with the
        same 10 to 90 % band.
        """
        if self.deviation_kw is not None:
            return self.deviation_kw
        return np.asarray((self.quantile(HIGH) - self.quantile(LOW)) / BAND_DEVIATIONS)


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
    running_kw: float | None = None
    """Mean of the slot that runs at the issue, right after the recorded ones, as far as that is
    measured; None where nothing tells."""
    peak_kw: float | None = None
    """PV: largest AC production, for the bound."""
    latitude: float = 0.0
    longitude: float = 0.0
    tilt_deg: float = 0.0
    azimuth_deg: float = 180.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "values_kw", frozen(self.values_kw))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Sites whose loads less their sun are foreseen together, as those of a pool."""

    subject: str
    """Id of the pool."""
    members: tuple[str, ...]
    """Subjects of series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRequest:
    """Series in, on the grid one forecast per series out, and then one per group.

    A slot that is measured while it runs is foreseen to be just that.

    Nothing after ``issued_at`` is in the series.
    """

    issued_at: datetime
    grid: SlotGrid
    series: tuple[Series, ...]
    time_zone: str
    country: str = ""
    groups: tuple[Group, ...] = ()
    weather: WeatherRecord | None = None
    """As it was forecast; None where nobody forecasts it."""
