"""Forecasts of a panel from its fit: bounded, with the spread of their own errors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.forecasting import gates
from optimizer.forecasting.calendar import local_days, sun_days
from optimizer.forecasting.fit import PanelFit
from optimizer.forecasting.fits import Task
from optimizer.forecasting.foreseeing import foreseen_kw
from optimizer.forecasting.local_time import DAY_S
from optimizer.forecasting.most import most_kw
from optimizer.forecasting.onto import onto
from optimizer.forecasting.own_errors import HOURS
from optimizer.forecasting.panel import Panel
from optimizer.forecasting.recorded import Recorded
from optimizer.forecasting.sun import bounds_kw
from vpp.domain.arrays import Floats, frozen
from vpp.domain.forecast import Forecast, ForecastRequest, Series
from vpp.domain.points import Quantity
from vpp.domain.slots import SlotGrid

STALE_S = 2 * DAY_S
"""A series whose newest value is older is not foreseen by its model; one without any value on
record is, since only a fit that outlived its record knows anything of it."""
ENOUGH = 0.5
"""Part of a group, by size, that must be foreseen by its models for its net to be."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """One row of what is foreseen: a load, a plant or a net."""

    subject: str
    quantity: Quantity
    age_s: float
    bound_kw: Floats
    most_kw: Floats | None = None
    least_kw: float = 0.0
    known: bool = True
    """Whether enough is."""


def forecasts(
    task: Task,
    fitted: PanelFit,
    series: Sequence[Series],
    request: ForecastRequest,
    source: str,
) -> Iterator[Forecast]:
    """Of the series and groups of which enough is known."""
    recorded = task.recorded
    asked = list(_asked(task.panel, fitted, recorded, series, request))
    running = np.array([np.nan if one.running_kw is None else one.running_kw for one in series])
    middle, mean, deviation = foreseen(task, fitted, recorded, request.grid, running)
    errors = fitted.errors
    low, high = errors.quantiles[:, :, None] * deviation
    least = np.array([one.least_kw for one in asked])[:, None, None]
    bound = np.array([one.bound_kw for one in asked]).reshape(len(asked), 1, -1)
    values = np.stack([middle + low, middle, middle + high], axis=1)
    values = frozen(np.sort(np.clip(values, least, bound), axis=1))
    mean = frozen(np.clip(mean, least[:, 0], bound[:, 0]))
    for row, one in enumerate(asked):
        if one.known:
            yield Forecast(
                subject=one.subject,
                quantity=one.quantity,
                grid=request.grid,
                issued_at=request.issued_at,
                values_kw=values[row],
                source=source,
                input_age_s=max(one.age_s, 0.0),
                most_kw=one.most_kw,
                mean_kw=mean[row],
                deviation_kw=deviation[row],
                persistence=float(errors.persistence[row]),
            )


def _asked(
    panel: Panel,
    fitted: PanelFit,
    recorded: Recorded,
    series: Sequence[Series],
    request: ForecastRequest,
) -> Iterator[_Asked]:
    """In the order of the fit's errors."""
    bound = bounds_kw(series, request.grid)
    most = most_kw(request.grid, recorded, bound)
    age_s = recorded.age_s(request.issued_at.timestamp())
    fresh = np.array(fitted.usable & ((age_s <= STALE_S) | np.isinf(age_s)), dtype=bool)
    negative = np.fmin.reduce(recorded.values_kw, axis=1, initial=0.0) < 0.0
    for at in (*panel.loads, *panel.plants):
        one = series[at]
        yield _Asked(
            subject=one.subject,
            quantity=one.quantity,
            age_s=float(age_s[at]),
            bound_kw=bound[at],
            most_kw=most[at] if np.isfinite(most[at]).all() else None,
            least_kw=-np.inf if negative[at] and one.quantity is Quantity.POWER_KW else 0.0,
            known=bool(fresh[at]),
        )
    for net in panel.nets:
        members = panel.members(net)
        size_kw, counted = fitted.size_kw[members], fresh[members]
        yield _Asked(
            subject=net.subject,
            quantity=Quantity.UNCONTROLLED_KW,
            age_s=float(age_s[members].max(initial=0.0, where=counted)),
            bound_kw=np.full(len(request.grid), np.inf),
            least_kw=-np.inf,
            known=bool(size_kw @ counted >= ENOUGH * size_kw.sum()) and bool(counted.any()),
        )


def foreseen(
    task: Task,
    fitted: PanelFit,
    recorded: Recorded,
    grid: SlotGrid,
    running_kw: Floats | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Middle, mean and standard deviation of loads, plants and nets, shape (rows, slots) each.

    ``running_kw``: what is measured in the slot after the recorded ones, NaN where unknown, shape
    (series,).
    """
    panel, place, step_s = task.panel, task.place, recorded.step_s
    known = running_kw is not None and bool(np.isfinite(running_kw).any())
    if running_kw is not None and known:
        recorded = recorded.then(running_kw)
    end_s = float(recorded.edges_s[-1])
    count = max(int(np.ceil((grid.edges_s[-1] - end_s) / step_s)), 1)
    first = round((fitted.until_s - float(recorded.edges_s[0])) / step_s)
    past, day = len(recorded) - first, round(DAY_S / step_s)
    starts_s: Floats = fitted.until_s + step_s * np.arange(past + count, dtype=np.float64)
    unseen = np.full((len(recorded.values_kw), max(day - first, 0)), np.nan)
    since = np.concatenate([unseen, recorded.values_kw[:, max(first - day, 0) :]], axis=1)
    believed = gates.believed_kw(since, fitted.usual, step_s)
    newest = panel.with_sums(believed[:, day:], fitted.usable, fitted.size_kw)
    clock = local_days(starts_s, step_s, place.zone, place.country)
    drivers = _drivers(task, fitted, starts_s, end_s)
    loads, plants = (
        np.maximum(
            foreseen_kw(one, rows, days.part(0, past), days.part(past, past + count), told), floor
        )
        for one, rows, days, floor, told in (
            (fitted.loads, newest[0], clock, -np.inf, drivers[0]),
            (fitted.plants, newest[1], sun_days(starts_s, step_s), 0.0, drivers[1]),
        )
    )
    hour = clock.place[past:] * HOURS // day
    distance_h: Floats = step_s / 3600.0 * np.arange(1, count + 1, dtype=np.float64)
    middle, mean = (_rows(panel, *both) for both in zip(loads, plants, strict=True))
    deviation = fitted.errors.ahead_kw(distance_h, hour)
    if known:
        measured = _rows(panel, *(rows[:, -1:] for rows in newest))
        told = np.isfinite(measured)
        middle, mean = (
            np.concatenate([np.where(told, measured, one[:, :1]), one], axis=1)
            for one in (middle, mean)
        )
        deviation = np.concatenate([np.where(told, 0.0, deviation[:, :1]), deviation], axis=1)
        end_s -= step_s
    found = [onto(grid, end_s, step_s, one) for one in (middle, mean, deviation)]
    return found[0], found[1], frozen(found[2])


Drivers = tuple[Floats, Floats] | None
"""Of past and coming slots."""


def _drivers(
    task: Task, fitted: PanelFit, starts_s: Floats, now_s: float
) -> tuple[Drivers, Drivers]:
    """Of loads and of plants, as the weather forecast told them by now."""
    outside = task.outside
    if outside is None or not fitted.weathered:
        return None, None
    before_h = np.maximum(starts_s - now_s, 0.0) / 3600.0
    past = round((now_s - fitted.until_s) / outside.step_s)
    loads = outside.loads(starts_s, before_h)
    plants = outside.plants(starts_s, before_h, fitted.size_kw[list(task.panel.plants)])
    return (loads[:, :, :past], loads[:, :, past:]), (plants[:, :, :past], plants[:, :, past:])


def _rows(panel: Panel, loads_kw: Floats, plants_kw: Floats) -> Floats:
    """Loads, plants and nets, of rows with sums."""
    own = [loads_kw[: len(panel.loads)], plants_kw[: len(panel.plants)]]
    return np.concatenate([*own, panel.nets_kw(loads_kw, plants_kw)])
