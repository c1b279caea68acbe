"""What was will be: the same local time last week, else yesterday, else the recent mean."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np

from optimizer.forecasting import gates
from optimizer.forecasting.groups import net_series
from optimizer.forecasting.local_time import DAY_S, days_before
from optimizer.forecasting.most import most_kw
from optimizer.forecasting.recorded import Recorded
from optimizer.forecasting.scale import Scale, scale_of
from optimizer.forecasting.spread import LEAST_ERRORS, spread_kw, usual_width
from vpp.domain.arrays import Floats, Ints, frozen
from vpp.domain.forecast import Forecast, ForecastRequest, Series
from vpp.domain.points import Quantity

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
UNKNOWN_PART = 0.3
"""Of the bound, where nothing was ever recorded."""
UNKNOWN_LOAD_KW = 1.0
"""A load of which nothing is known is not zero."""

Errors = Callable[[Ints], Floats]
"""Recent errors of some series as parts of the scale, shape (series, errors), NaN where none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rung:
    """One rung's values for the grid, shape (series, slots), NaN where it has none."""

    name: str
    values_kw: Floats
    errors: Errors


class PersistenceForecaster:
    """Entry point ``persistence`` of ``vpp.forecasters``."""

    def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        """Each slot takes the best rung that has data for it; the band is of that rung's errors."""
        issued_s = request.issued_at.timestamp()
        asked = [lately(one, issued_s) for one in (*request.series, *net_series(request))]
        found: dict[int, Forecast] = {}
        for places in of_same_slots(asked):
            series = [asked[place] for place in places]
            found |= zip(places, _forecasts(series, request), strict=True)
        return tuple(found[place] for place in range(len(asked)))


def lately(series: Series, issued_s: float) -> Series:
    """The newest slots before the issue, from which it learns."""
    known = int((issued_s - series.start.timestamp() + 1e-6) // series.step_s)
    older = min(known, len(series.values_kw)) - int(LEARNT_S // series.step_s)
    if older <= 0:
        return series
    start = series.start + timedelta(seconds=older * series.step_s)
    return replace(series, start=start, values_kw=series.values_kw[older:])


def of_same_slots(series: Sequence[Series]) -> Iterator[list[int]]:
    """Places of series that are worked out together, since they were recorded in the same slots."""
    places = defaultdict[object, list[int]](list)
    for place, one in enumerate(series):
        places[one.start, one.step_s, len(one.values_kw)].append(place)
    yield from places.values()


def _forecasts(series: Sequence[Series], request: ForecastRequest) -> Iterator[Forecast]:
    issued_s = request.issued_at.timestamp()
    recorded = Recorded(series, issued_s)
    recorded.believe(gates.without_absurd_kw(recorded.values_kw))
    scale = scale_of(series, request.grid, recorded)
    middle, low, high = (np.full(scale.bound_kw.shape, np.nan) for _ in range(3))
    used: list[list[str]] = [[] for _ in series]
    usual = usual_width(series)
    for rung in _rungs(series, request, recorded, scale):
        here = np.isnan(middle) & np.isfinite(rung.values_kw)
        rows = np.flatnonzero(here.any(axis=1))
        for row in rows:
            used[row] += [] if rung.name in used[row] else [rung.name]
        values = np.minimum(rung.values_kw, scale.bound_kw)[rows]
        below, above = spread_kw(rung.errors(rows), values, scale.ahead[rows], usual[rows])
        for into, new in ((middle, values), (low, values + below), (high, values + above)):
            into[rows] = np.where(here[rows], new, into[rows])
        if not np.isnan(middle).any():
            break
    sunny = np.array([one.quantity is Quantity.AVAILABLE_KW for one in series])
    negative = (recorded.values_kw < 0).any(axis=1) & ~sunny
    floor = np.where(negative, -np.inf, 0.0)[:, None]
    values = np.stack([np.minimum(low, middle), middle, high], axis=1)
    values = frozen(np.clip(values, floor[:, None], scale.bound_kw[:, None]))
    ages_s = np.maximum(recorded.age_s(issued_s), 0.0)
    most = most_kw(request.grid, recorded, scale.bound_kw)
    for at, one in enumerate(series):
        yield Forecast(
            subject=one.subject,
            quantity=one.quantity,
            grid=request.grid,
            issued_at=request.issued_at,
            values_kw=with_running(values[at], one, request),
            source=", ".join(used[at]),
            input_age_s=float(ages_s[at]),
            most_kw=most[at] if np.isfinite(most[at]).all() else None,
        )


def with_running(values_kw: Floats, series: Series, request: ForecastRequest) -> Floats:
    """The running slot is what is measured of it, where the grid begins with it."""
    begin_s, end_s = request.grid.edges_s[:2]
    runs = begin_s <= request.issued_at.timestamp() < end_s and end_s - begin_s == series.step_s
    if series.running_kw is None or not runs:
        return values_kw
    known = values_kw.copy()
    known[:, 0] = np.clip(series.running_kw, 0.0 if values_kw.min() >= 0.0 else None, None)
    return frozen(known)


def _rungs(
    series: Sequence[Series], request: ForecastRequest, recorded: Recorded, scale: Scale
) -> Iterator[_Rung]:
    """From the best down; a rung is worked out only when it is asked for."""
    zone = ZoneInfo(request.time_zone)
    begin_s, end_s = request.grid.edges_s[:-1], request.grid.edges_s[1:]
    for name, days in RUNGS:
        then_s = days_before(begin_s, days, zone)
        yield _Rung(
            name=name,
            values_kw=recorded.mean_kw(then_s, then_s + (end_s - begin_s)),
            errors=_lagged_errors(days, recorded, zone, scale),
        )
    yield _recent_mean(recorded, scale, request.issued_at.timestamp())
    yield _Rung(
        name=NOTHING,
        values_kw=np.stack([_unknown(*one) for one in zip(series, scale.bound_kw, strict=True)]),
        errors=lambda rows: np.zeros((len(rows), 0)),
    )


def _lagged_errors(days: int, recorded: Recorded, zone: ZoneInfo, scale: Scale) -> Errors:
    """A rung that is too young to have erred is taken to err as yesterday does."""

    def errors(rows: Ints) -> Floats:
        found = lagged(rows, days)
        young = np.isfinite(found).sum(axis=1) < LEAST_ERRORS
        if days == 1 or not young.any():
            return found
        return np.where(young[:, None], lagged(rows, 1), found)

    def lagged(rows: Ints, days: int) -> Floats:
        first = int(np.searchsorted(recorded.edges_s[:-1], recorded.edges_s[-1] - LEARNT_S))
        begin_s, end_s = recorded.edges_s[first:-1], recorded.edges_s[first + 1 :]
        then_s = days_before(begin_s, days, zone)
        found = recorded.mean_kw(then_s, then_s + (end_s - begin_s))
        np.subtract(recorded.values_kw[:, first:], found, out=found)
        found = found if len(rows) == len(found) else found[rows]
        for at in np.flatnonzero(scale.scaled[rows]):
            telling, past = (one[rows[at], first:] for one in (scale.telling, scale.past))
            found[at] = np.where(telling, found[at] / np.maximum(past, 1e-9), np.nan)
        return found

    return errors


def _recent_mean(recorded: Recorded, scale: Scale, issued_s: float) -> _Rung:
    """The mean of the last days on record; for PV the same part of the clear sky's bound."""
    newest_s = issued_s - np.minimum(recorded.age_s(issued_s), issued_s)
    recent = recorded.edges_s[:-1] >= newest_s[:, None] - RECENT_S
    counts = recorded.valid & recent & scale.telling
    values, past = (np.where(counts, one, 0.0) for one in (recorded.values_kw, scale.past))
    known = counts.any(axis=1)
    part = np.where(known, values.sum(axis=1) / np.where(known, past.sum(axis=1), 1.0), np.nan)

    def errors(rows: Ints) -> Floats:
        parts = values[rows] / np.where(counts, past, 1.0)[rows] - part[rows, None]
        return np.where(counts[rows], parts, np.nan)

    return _Rung(name=FLAT, values_kw=part[:, None] * scale.ahead, errors=errors)


def _unknown(series: Series, bound: Floats) -> Floats:
    """Nothing is known: a part of what can be, never zero because nothing was measured."""
    if series.quantity is Quantity.AVAILABLE_KW and np.isfinite(bound).all():
        return UNKNOWN_PART * bound
    level = UNKNOWN_LOAD_KW if series.peak_kw is None else UNKNOWN_PART * series.peak_kw
    return np.full(len(bound), level)
