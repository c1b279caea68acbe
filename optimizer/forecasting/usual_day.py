"""The usual day: while a record is too young to be modelled, its days in the mean.

What was missed in the newest slot lasts for a while, as it did in those days. The spread is that of
days which the mean of the others had to foresee.
"""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import numpy as np

from optimizer.forecasting import gates
from optimizer.forecasting.calendar import Days, local_days
from optimizer.forecasting.groups import net_series
from optimizer.forecasting.local_time import DAY_S
from optimizer.forecasting.onto import onto
from optimizer.forecasting.own_errors import HOURS, by_hour
from optimizer.forecasting.persistence import (
    PersistenceForecaster,
    lately,
    of_same_slots,
    with_running,
)
from optimizer.forecasting.recorded import Recorded
from optimizer.forecasting.sun import bounds_kw
from vpp.domain.arrays import Bools, Floats, frozen
from vpp.domain.forecast import BAND_DEVIATIONS, Forecast, ForecastRequest, Series
from vpp.domain.points import Quantity

NAME = "usual day"
LEAST_DAYS = 2
LASTS = 0.85
"""Correlation of what was missed in an hour with the next hour's. So few days tell 0.6 to 0.9 of
it, whole years of five pools in as many climates 0.81 to 0.85."""
OTHER_KIND = 0.25
"""Weight of a day of another kind than the one foreseen, in days of the same kind."""


class UsualDayForecaster:
    """``vpp.ports.planner.Forecaster``: persistence where not even two days are on record."""

    def __init__(self) -> None:
        self._otherwise = PersistenceForecaster()

    def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        """Of the series, and of the groups that have a net."""
        made = self._otherwise.forecast(request)
        issued_s = request.issued_at.timestamp()
        asked = [lately(one, issued_s) for one in (*request.series, *net_series(request))]
        found = list(made)
        for places in of_same_slots(asked):
            series = [asked[place] for place in places]
            for place, usual in zip(
                places, _usual(series, request, [made[place] for place in places]), strict=True
            ):
                found[place] = usual
        return tuple(found)


def _usual(
    series: Sequence[Series], request: ForecastRequest, otherwise: Sequence[Forecast]
) -> Iterator[Forecast]:
    """Of each series; where too little is known, what is foreseen otherwise."""
    recorded = Recorded(series, request.issued_at.timestamp()).from_first()
    recorded.believe(gates.without_absurd_kw(recorded.values_kw))
    step_s = recorded.step_s
    day = round(DAY_S / step_s)
    if len(recorded) < LEAST_DAYS * day or day * step_s != DAY_S or day % HOURS:
        yield from otherwise
        return
    end_s = float(recorded.edges_s[-1])
    count = max(int(np.ceil((request.grid.edges_s[-1] - end_s) / step_s)), 1)
    starts_s = recorded.edges_s[0] + step_s * np.arange(len(recorded) + count)
    days = local_days(starts_s, step_s, ZoneInfo(request.time_zone), request.country)
    seen = days.part(0, len(recorded))
    means = _Means(recorded.values_kw, seen, day)
    missed = means.missed_kw()
    ahead = days.part(len(recorded), len(starts_s))
    hour = days.place * HOURS // day
    known = np.isfinite(missed)
    deviation = by_hour(
        np.where(known, missed, 0.0)[:, :, None], known[:, :, None], hour[: len(recorded), None]
    )
    since_h = np.arange(1, count + 1) * step_s / 3600.0
    fading = LASTS**since_h
    middle = means.of(ahead) + fading * np.nan_to_num(missed[:, -1:])
    spread = np.sqrt(1.0 - fading**2) * deviation[:, hour[len(recorded) :]]
    enough = means.enough() & np.isfinite(middle).all(axis=1)
    bound = bounds_kw(series, request.grid)
    middles = onto(request.grid, end_s, step_s, np.nan_to_num(middle))
    spreads = onto(request.grid, end_s, step_s, np.nan_to_num(spread))
    sunny = np.array([one.quantity is Quantity.AVAILABLE_KW for one in series])
    negative = (recorded.values_kw < 0).any(axis=1) & ~sunny
    for at, one in enumerate(series):
        if not enough[at]:
            yield otherwise[at]
            continue
        band = BAND_DEVIATIONS / 2.0 * spreads[at]
        values = np.stack([middles[at] - band, middles[at], middles[at] + band])
        values = np.clip(values, -np.inf if negative[at] else 0.0, bound[at])
        yield Forecast(
            subject=one.subject,
            quantity=one.quantity,
            grid=request.grid,
            issued_at=request.issued_at,
            values_kw=with_running(frozen(values), one, request),
            source=NAME,
            input_age_s=otherwise[at].input_age_s,
            most_kw=otherwise[at].most_kw,
            deviation_kw=spreads[at],
            persistence=LASTS,
        )


class _Means:
    """Of the recorded days at each time of day, those of the same kind before others."""

    def __init__(self, values_kw: Floats, seen: Days, places: int) -> None:
        self._values_kw, self._seen, self._places = values_kw, seen, places
        kinds = np.arange(int(seen.kind.max(initial=0)) + 3)
        weight = np.where(kinds[:, None] == seen.kind, 1.0, OTHER_KIND)
        known = np.isfinite(values_kw)
        at = (seen.place[:, None] == np.arange(places)).astype(np.float64)
        self._weight = np.stack([(one * known) @ at for one in weight])
        self._sum = np.stack([(one * np.where(known, values_kw, 0.0)) @ at for one in weight])
        self._days = known @ at

    def enough(self) -> Bools:
        """Shape (series,)."""
        return np.asarray((self._days >= LEAST_DAYS).all(axis=1))

    def of(self, days: Days) -> Floats:
        """Shape (series, slots), NaN where nothing is known."""
        with np.errstate(invalid="ignore"):
            found = self._sum / np.where(self._weight > 0, self._weight, np.nan)
        return np.asarray(found[days.kind, :, days.place].T)

    def missed_kw(self) -> Floats:
        """Of each recorded slot beside the mean of the other days, NaN where there is none."""
        seen = self._seen
        weight = self._weight[seen.kind, :, seen.place].T - 1.0
        total = self._sum[seen.kind, :, seen.place].T - self._values_kw
        return np.asarray(self._values_kw - total / np.where(weight > 1e-9, weight, np.nan))
