"""When a fit is due, and from which stretch of the record."""

import hashlib
import zlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from optimizer.forecasting.fit import Families, PanelFit, Place, Stretch, fit_panel
from optimizer.forecasting.gates import LEAST_DAYS
from optimizer.forecasting.local_time import DAY_S
from optimizer.forecasting.outside import Outside
from optimizer.forecasting.panel import Panel
from optimizer.forecasting.recorded import Recorded
from vpp.domain.arrays import Floats
from vpp.domain.weather import HOUR_S

LEARNT_DAYS = 56
REFIT_DAYS = 7
REMEMBERED = 8
"""Fits that need not be made again."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """What is to be foreseen, and what is on record of it."""

    panel: Panel
    place: Place
    recorded: Recorded
    subjects: tuple[tuple[str, str], ...]
    """Subject and quantity of each series."""
    peak_kw: Floats
    """Of plants, NaN where unknown, shape (series,)."""
    outside: Outside | None = None
    """None: the weather is not looked at."""

    @property
    def identity(self) -> str:
        """The same for the same subjects in slots of the same length, whatever was recorded."""
        who = repr((self.subjects, self.panel, self.place, self.recorded.step_s))
        if self.outside is not None:
            who += repr((self.outside.planes, "weather"))
        return hashlib.blake2b(who.encode(), digest_size=16).hexdigest()

    def slots_until(self, until_s: float) -> int:
        """Number of recorded slots before an instant; negative where the record begins later."""
        return round((until_s - float(self.recorded.edges_s[0])) / self.recorded.step_s)

    def due_s(self) -> float | None:
        """Instant of the newest fit; None before the first.

        Once a week, and daily while little is on record.
        """
        edges_s, step_s = self.recorded.edges_s, self.recorded.step_s
        if (DAY_S / step_s) % 24:
            return None
        for days in (REFIT_DAYS, 1):
            before_s = edges_s[-1] // (days * DAY_S) * days * DAY_S - edges_s[0]
            slot = int(before_s // step_s)
            if slot * step_s >= LEAST_DAYS * DAY_S:
                return float(edges_s[slot])
        return None


class Fits:
    """Fits by what they are made from."""

    def __init__(self, families: Families) -> None:
        self._families = families
        self._made: OrderedDict[object, PanelFit] = OrderedDict()

    def until(self, task: Task, until_s: float) -> PanelFit:
        """The fit of the weeks before an instant of the record."""
        last = task.slots_until(until_s)
        first = max(last - round(LEARNT_DAYS * DAY_S / task.recorded.step_s), 0)
        values_kw = task.recorded.values_kw[:, first:last]
        edges_s = task.recorded.edges_s[first : last + 1]
        name = (
            repr((task.panel, task.place)),
            task.peak_kw.tobytes(),
            edges_s[[0, -1]].tobytes(),
            *_sums(values_kw),
            *(() if task.outside is None else _weather_sums(task.outside, edges_s)),
        )
        if name not in self._made:
            stretch = Stretch(
                values_kw=values_kw, edges_s=edges_s, peak_kw=task.peak_kw, outside=task.outside
            )
            families = self._families.under(weather=task.outside is not None)
            self._made[name] = fit_panel(families, task.panel, task.place, stretch)
        self._made.move_to_end(name)
        while len(self._made) > REMEMBERED:
            self._made.popitem(last=False)
        return self._made[name]


def _weather_sums(outside: Outside, edges_s: Floats) -> tuple[object, ...]:
    """By which two records of the weather are told apart, within the stretch."""
    first, last = (
        round((at_s - outside.weather.start.timestamp()) / HOUR_S) for at_s in edges_s[[0, -1]]
    )
    return repr(outside.planes), *(
        part
        for values in outside.weather.values.values()
        for part in _sums(values[:, max(first, 0) : last])
    )


def _sums(values_kw: Floats) -> tuple[int, float]:
    """By which two records are told apart; a digest would take longer than the forecast."""
    return zlib.crc32(np.ascontiguousarray(values_kw).data), float(np.nansum(values_kw))
