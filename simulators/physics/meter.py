"""A meter that shows what was, not what is."""

from collections import deque
from itertools import pairwise
from math import floor
from typing import NamedTuple

from simulators.city import Meter


class Reading(NamedTuple):
    """What flows at an instant (W, positive is import) and what has flowed until then (Wh).

    A tuple, because every step of the physics makes one for every meter.
    """

    at_s: float
    power_w: float
    import_wh: float
    export_wh: float


class MeterUnit:
    """Samples on its own grid of ``period_s`` and shows each sample ``age_s`` later.

    Between two recorded truths it takes the straight line. Both counters only ever grow.
    """

    def __init__(self, plant: Meter, first: Reading) -> None:
        self.plant = plant
        self._truth: deque[Reading] = deque([first])
        self._shown = first

    @property
    def power_w(self) -> float:
        """The shown power, positive is import."""
        return self._shown.power_w

    @property
    def measured_s(self) -> float:
        """The city second at which the shown values were true."""
        return self._shown.at_s

    @property
    def import_wh(self) -> float:
        return self._shown.import_wh

    @property
    def export_wh(self) -> float:
        return self._shown.export_wh

    @property
    def true_power_w(self) -> float:
        """What flows at the present instant."""
        return self._truth[-1].power_w

    def record(self, now_s: float, power_w: float, import_wh: float, export_wh: float) -> None:
        """Takes note of the truth at ``now_s`` and shows the sample that is due."""
        self._truth.append(Reading(now_s, power_w, import_wh, export_wh))
        period_s = self.plant.period_s
        sample_s = floor((now_s - self.plant.age_s) / period_s + 1e-9) * period_s
        if sample_s > self._shown.at_s:
            self._shown = self._at(sample_s)
        while len(self._truth) > 2 and self._truth[1].at_s <= self._shown.at_s:
            self._truth.popleft()

    def _at(self, sample_s: float) -> Reading:
        for before, after in pairwise(self._truth):
            if after.at_s >= sample_s:
                share = (sample_s - before.at_s) / (after.at_s - before.at_s)
                return Reading(
                    sample_s,
                    before.power_w + share * (after.power_w - before.power_w),
                    before.import_wh + share * (after.import_wh - before.import_wh),
                    before.export_wh + share * (after.export_wh - before.export_wh),
                )
        return self._truth[-1]
