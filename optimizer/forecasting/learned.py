"""Profiles corrected by what they missed lately: a ridge regression for each row and lead.

A forecast depends on its request alone: the fit is made from the record up to an instant that
follows from the record's end, and is kept only so that it need not be made again.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np

from optimizer.forecasting.assembly import forecasts
from optimizer.forecasting.fit import LEARNED, PLAIN, PanelFit, Place, fit_panel
from optimizer.forecasting.local_time import DAY_S
from optimizer.forecasting.panel import Panel
from optimizer.forecasting.persistence import PersistenceForecaster, of_same_slots
from optimizer.forecasting.recorded import Recorded
from vpp.domain.forecast import Forecast, ForecastRequest, Group, Series
from vpp.domain.points import Quantity

LEARNT_DAYS = 56
LEAST_DAYS = 14
"""On record before anything is fitted; until then what was will be."""
REFIT_DAYS = 7
KEPT = 8
"""Fits."""

Key = tuple[str, Quantity]


class ModelForecaster:
    """Entry point ``model`` of ``vpp.forecasters``."""

    _families = LEARNED
    _name = "model"

    def __init__(self) -> None:
        self._otherwise = PersistenceForecaster()
        self._fits: OrderedDict[bytes, PanelFit] = OrderedDict()

    def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        """Series of which too little is known fall to the ladder of persistence."""
        found: dict[Key, Forecast] = {}
        for places in of_same_slots(request.series):
            series = [request.series[at] for at in places]
            subjects = {one.subject for one in series}
            groups = [group for group in request.groups if subjects.issuperset(group.members)]
            found |= self._of_panel(series, groups, request)
        asked = [(one.subject, one.quantity) for one in request.series]
        asked += [(group.subject, Quantity.UNCONTROLLED_KW) for group in request.groups]
        if any(key not in found for key in asked):
            plain = {(one.subject, one.quantity): one for one in self._plain(request, found)}
            found = plain | found
        return tuple(found[key] for key in asked if key in found)

    def _plain(self, request: ForecastRequest, found: dict[Key, Forecast]) -> tuple[Forecast, ...]:
        """By persistence: what is not found, and its groups."""
        groups = tuple(
            group
            for group in request.groups
            if (group.subject, Quantity.UNCONTROLLED_KW) not in found
        )
        needed = {member for group in groups for member in group.members}
        series = tuple(
            one
            for one in request.series
            if (one.subject, one.quantity) not in found or one.subject in needed
        )
        return self._otherwise.forecast(replace(request, series=series, groups=groups))

    def _of_panel(
        self, series: Sequence[Series], groups: Sequence[Group], request: ForecastRequest
    ) -> dict[Key, Forecast]:
        recorded = Recorded(series, request.issued_at.timestamp())
        panel = Panel.of(series, groups)
        place = Place(zone=ZoneInfo(request.time_zone), country=request.country)
        fitted = self._fit(panel, place, recorded, series)
        if fitted is None:
            return {}
        source = f"{self._name} of {fitted.until:%Y-%m-%d}"
        made = forecasts(panel, place, fitted, recorded, series, request)
        return {(one.subject, one.quantity): replace(one, source=source) for one in made}

    def _fit(
        self, panel: Panel, place: Place, recorded: Recorded, series: Sequence[Series]
    ) -> PanelFit | None:
        last = fit_slot(recorded)
        if last is None:
            return None
        first = max(last - round(LEARNT_DAYS * DAY_S / recorded.step_s), 0)
        values_kw, edges_s = recorded.values_kw[:, first:last], recorded.edges_s[first : last + 1]
        peak_kw = np.array([np.nan if one.peak_kw is None else one.peak_kw for one in series])
        key = hashlib.blake2b(repr((panel, place)).encode())
        for array in (values_kw, edges_s, peak_kw):
            key.update(array.tobytes())
        name = key.digest()
        if name not in self._fits:
            self._fits[name] = fit_panel(self._families, panel, place, values_kw, edges_s, peak_kw)
        self._fits.move_to_end(name)
        while len(self._fits) > KEPT:
            self._fits.popitem(last=False)
        return self._fits[name]


class RidgeForecaster(ModelForecaster):
    """Entry point ``ridge``: an hour profile with a ridge, by which others are measured."""

    _families = PLAIN
    _name = "ridge"


def fit_slot(recorded: Recorded) -> int | None:
    """Number of recorded slots before the instant of the newest fit; None before the first.

    Once a week, and daily while little is on record.
    """
    start_s, end_s = recorded.edges_s[0], recorded.edges_s[-1]
    if (DAY_S / recorded.step_s) % 24:
        return None
    for days in (REFIT_DAYS, 1):
        slot = int((end_s // (days * DAY_S) * days * DAY_S - start_s) // recorded.step_s)
        if slot * recorded.step_s >= LEAST_DAYS * DAY_S:
            return slot
    return None
