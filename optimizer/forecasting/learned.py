"""Profiles corrected by what they missed lately: a ridge regression for each row and lead.

A forecast depends on its request alone: the fit is made from the record up to an instant that
follows from the record's end, and is kept only so that it need not be made again.
"""

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np

from optimizer.forecasting.assembly import forecasts
from optimizer.forecasting.fit import LEARNED, PLAIN, PanelFit, Place
from optimizer.forecasting.fits import LEARNT_DAYS, Fits, Task
from optimizer.forecasting.keeping import Keeping
from optimizer.forecasting.local_time import DAY_S
from optimizer.forecasting.outside import Outside
from optimizer.forecasting.panel import Panel
from optimizer.forecasting.persistence import of_same_slots
from optimizer.forecasting.recorded import Recorded
from optimizer.forecasting.sun import Plane
from optimizer.forecasting.usual_day import UsualDayForecaster
from vpp.domain.forecast import Forecast, ForecastRequest, Group, Series
from vpp.domain.points import Quantity

Key = tuple[str, Quantity]


class ModelForecaster:
    """Entry point ``model`` of ``vpp.forecasters``."""

    _families = LEARNED
    _name = "model"

    def __init__(self) -> None:
        self._otherwise = UsualDayForecaster()
        self._fits = Fits(self._families)
        self._keeping: Keeping | None = None

    def take_up(self, kept: bytes | None) -> None:
        """From now on what was learnt is kept; until then a forecast depends on its request alone.

        Raises:
            ValueError: what was kept is of no use.
        """
        self._keeping = Keeping(self._families, kept)

    def learnt(self) -> bytes | None:
        return None if self._keeping is None else self._keeping.news()

    def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        """Series of which too little is known are foreseen by their usual day, else persistence."""
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
        recorded = Recorded(series, request.issued_at.timestamp()).from_first()
        task = Task(
            panel=Panel.of(series, groups),
            place=Place(zone=ZoneInfo(request.time_zone), country=request.country),
            recorded=recorded,
            subjects=tuple((one.subject, one.quantity) for one in series),
            peak_kw=np.array([np.nan if one.peak_kw is None else one.peak_kw for one in series]),
        )
        outside = self._outside(task, series, request)
        fitted = None if outside is None else self._fit(replace(task, outside=outside))
        if fitted is not None:
            task = replace(task, outside=outside)
        else:
            fitted = self._fit(task)
        if fitted is None:
            return {}
        weather = " with weather" if fitted.weathered else ""
        source = f"{self._name}{weather} of {fitted.until:%Y-%m-%d}"
        made = forecasts(task, fitted, series, request, source)
        return {(one.subject, one.quantity): one for one in made}

    def _outside(
        self, task: Task, series: Sequence[Series], request: ForecastRequest
    ) -> Outside | None:
        """The weather, where it is forecast and there is enough of it."""
        if request.weather is None or self._families.with_weather is None:
            return None
        outside = Outside(
            weather=request.weather,
            planes=tuple(Plane.of(series[at]) for at in task.panel.plants),
            groups=tuple(net.plants for net in task.panel.nets),
            step_s=task.recorded.step_s,
        )
        edges_s = task.recorded.edges_s
        learnt_s = max(float(edges_s[0]), float(edges_s[-1]) - LEARNT_DAYS * DAY_S)
        return outside if outside.tells(learnt_s, float(edges_s[-1])) else None

    def _fit(self, task: Task) -> PanelFit | None:
        due_s = task.due_s()
        fresh = None if due_s is None else self._fits.until(task, due_s)
        return fresh if self._keeping is None else self._keeping.better(task, fresh, self._fits)


class RidgeForecaster(ModelForecaster):
    """Entry point ``ridge``: an hour profile with a ridge, by which others are measured."""

    _families = PLAIN
    _name = "ridge"
