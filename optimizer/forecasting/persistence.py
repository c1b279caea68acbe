"""What was will be: the same local time last week, else yesterday, else the recent mean."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from optimizer.forecasting.recorded import DAY_S, Recorded, days_before
from optimizer.forecasting.sun import clear_sky_bound_kw
from vpp.domain.arrays import Bools, Floats
from vpp.domain.forecast import HIGH, LOW, Forecast, ForecastRequest, Series
from vpp.domain.points import Quantity
from vpp.domain.slots import SlotGrid

WEEK, YESTERDAY, FLAT, NOTHING = (
    "same time last week",
    "yesterday",
    "recent mean",
    "nothing recorded",
)
RUNGS: tuple[tuple[str, int], ...] = ((WEEK, 7), (YESTERDAY, 1), (YESTERDAY, 2))
"""Name and distance in days; the day before yesterday serves slots further than a day ahead."""
RECENT_S = 3 * DAY_S
LEARNT_S = 28 * DAY_S
LEAST_ERRORS = 24
DEFAULT_WIDTH = {Quantity.POWER_KW: 0.3, Quantity.AVAILABLE_KW: 0.5}
"""Half width of the 10 to 90 % band over the middle, while there are too few own errors."""
UNKNOWN_PART = 0.3
"""Of the bound, where nothing was ever recorded."""
UNKNOWN_LOAD_KW = 1.0
"""A load of which nothing is known is not zero."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rung:
    """One rung's values for the grid, NaN where it has none, and its recent errors.

    Errors are parts of the scale: of the clear sky's bound for PV, of 1 kW else.
    """

    name: str
    values_kw: Floats
    errors: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scale:
    """What errors are measured by, for the grid's slots and for the recorded ones."""

    ahead: Floats
    past: Floats

    @property
    def telling(self) -> Bools:
        """Recorded slots that tell something: at night every forecast of PV is right."""
        return np.asarray(self.past > 0.05 * self.past.max(initial=0.0))


class PersistenceForecaster:
    """Entry point ``persistence`` of ``vpp.forecasters``."""

    def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        """Each slot takes the best rung that has data for it; the band is of that rung's errors."""
        zone = ZoneInfo(request.time_zone)
        return tuple(_forecast(series, request, zone) for series in request.series)


def _forecast(series: Series, request: ForecastRequest, zone: ZoneInfo) -> Forecast:
    issued_s = request.issued_at.timestamp()
    recorded = Recorded(series, issued_s)
    bound = _bound_kw(series, request.grid)
    scale = _scale(series, bound, recorded)
    rungs = [
        *(_lagged(rung, recorded, request.grid, zone, scale) for rung in RUNGS),
        _flat(recorded, scale, issued_s),
        _unknown(series, bound),
    ]
    middle, low, high = (np.full(len(request.grid), np.nan) for _ in range(3))
    used: list[str] = []
    for rung in rungs:
        here = np.isnan(middle) & np.isfinite(rung.values_kw)
        if here.any():
            used += [] if rung.name in used else [rung.name]
            values = np.clip(rung.values_kw[here], None, bound[here])
            below, above = _band(rung, values, scale.ahead[here], series.quantity)
            middle[here], low[here], high[here] = values, values + below, values + above
    floor = 0.0 if not (recorded.values_kw[recorded.valid] < 0).any() else -np.inf
    values = np.clip(np.stack([np.minimum(low, middle), middle, high]), floor, bound)
    return Forecast(
        subject=series.subject,
        quantity=series.quantity,
        grid=request.grid,
        issued_at=request.issued_at,
        values_kw=values,
        source=", ".join(used),
        input_age_s=max(recorded.age_s(issued_s), 0.0),
    )


def _bound_kw(series: Series, grid: SlotGrid) -> Floats:
    if series.quantity is Quantity.AVAILABLE_KW:
        return clear_sky_bound_kw(grid, series)
    return np.full(len(grid), np.inf)


def _scale(series: Series, bound: Floats, recorded: Recorded) -> _Scale:
    slots = len(recorded.values_kw)
    if not (slots and np.isfinite(bound).all()):
        return _Scale(ahead=np.ones(len(bound)), past=np.ones(slots))
    past = clear_sky_bound_kw(SlotGrid(edges_s=np.asarray(recorded.edges_s)), series)
    return _Scale(ahead=bound, past=past)


def _lagged(
    rung: tuple[str, int], recorded: Recorded, grid: SlotGrid, zone: ZoneInfo, scale: _Scale
) -> _Rung:
    name, days = rung
    begin = days_before(grid.edges_s[:-1], days, zone)
    past = scale.telling & (recorded.edges_s[:-1] >= recorded.edges_s[-1] - LEARNT_S)
    then = days_before(recorded.edges_s[:-1][past], days, zone)
    step = np.diff(recorded.edges_s)[past]
    errors = (recorded.values_kw[past] - recorded.mean_kw(then, then + step)) / scale.past[past]
    return _Rung(
        name=name,
        values_kw=recorded.mean_kw(begin, begin + np.diff(grid.edges_s)),
        errors=errors[np.isfinite(errors)],
    )


def _flat(recorded: Recorded, scale: _Scale, issued_s: float) -> _Rung:
    """The mean of the last days on record; for PV the same part of the clear sky's bound."""
    newest = issued_s - min(recorded.age_s(issued_s), issued_s)
    recent = recorded.valid & (recorded.edges_s[:-1] >= newest - RECENT_S) & scale.telling
    values, past = recorded.values_kw[recent], scale.past[recent]
    if not len(values):
        return _Rung(name=FLAT, values_kw=np.full(len(scale.ahead), np.nan), errors=np.zeros(0))
    part = values.sum() / past.sum()
    return _Rung(name=FLAT, values_kw=part * scale.ahead, errors=values / past - part)


def _unknown(series: Series, bound: Floats) -> _Rung:
    """Nothing is known: a part of what can be, never zero because nothing was measured."""
    if series.quantity is Quantity.AVAILABLE_KW and np.isfinite(bound).all():
        return _Rung(name=NOTHING, values_kw=UNKNOWN_PART * bound, errors=np.zeros(0))
    level = UNKNOWN_LOAD_KW if series.peak_kw is None else UNKNOWN_PART * series.peak_kw
    return _Rung(name=NOTHING, values_kw=np.full(len(bound), level), errors=np.zeros(0))


def _band(rung: _Rung, middle: Floats, scale: Floats, quantity: Quantity) -> tuple[Floats, Floats]:
    """Distance of the 10 and 90 % quantiles from the middle, kW."""
    if len(rung.errors) < LEAST_ERRORS:
        width = DEFAULT_WIDTH.get(quantity, 0.3) * np.abs(middle)
        return -width, width
    low, high = np.quantile(rung.errors, [LOW, HIGH])
    return scale * min(float(low), 0.0), scale * max(float(high), 0.0)
