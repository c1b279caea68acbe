"""The newest believed value of every cell, taken in by waves of batches."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vpp.control.cells import Cells
from vpp.control.plausibility import Bounds, CounterWatch
from vpp.control.power_trace import PowerTrace
from vpp.domain.arrays import Bools, Floats, Ints, frozen_ints
from vpp.domain.batch import Batch
from vpp.domain.ids import DeviceId
from vpp.domain.points import Point, Quantity
from vpp.domain.quality import Quality

WAVE = 250
"""So many batches at most are taken in together: more save nothing, and a tick waits for the last
ones."""
SHAPES_KEPT = 64
"""Shapes of batch remembered per device."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """Where the points of a batch go; what is not read from its device goes nowhere."""

    points: tuple[Point, ...]
    cells: Ints
    distinct: frozenset[int]
    """The same as a set, without "nowhere"."""


class Values:
    """Arrays of shape (cells + 1,); the last cell stays empty for ever.

    Batches are gathered and taken in together: a thousand small ones cost little more than one.
    """

    def __init__(self, cells: Cells, bounds: Bounds) -> None:
        size = cells.none + 1
        self._cells, self._bounds = cells, bounds
        self._freshness_s = np.array([*(cell.freshness_s for cell in cells.all), np.inf])
        self._counters = CounterWatch(bounds)
        self.trace_row = _trace_rows(cells)
        """Row of each cell in ``trace``, shape (cells + 1,); -1: it holds no asset's power."""
        self.trace = PowerTrace(int(self.trace_row.max(initial=-1)) + 1)
        self.values = np.full(size, np.nan)
        self.quality = np.full(size, Quality.MISSING, np.uint8)
        self.measured_s = np.full(size, -np.inf)
        self.arrived_s = np.full(size, -np.inf)
        self.rejected = np.full(size, np.nan)
        """The implausible value at the door; NaN while there is none."""
        self._shapes: dict[DeviceId, list[_Shape]] = {}
        self._wave: list[tuple[Batch, _Shape]] = []
        self._in_wave: dict[DeviceId, list[_Shape]] = {}

    def add(self, batch: Batch) -> None:
        shape = self._shape(batch)
        others = self._in_wave.setdefault(batch.device, [])
        if others and any(not shape.distinct.isdisjoint(other.distinct) for other in others):
            self.settle()  # a cell is taken in once per wave, so that no value passes unseen
        self._wave.append((batch, shape))
        self._in_wave.setdefault(batch.device, []).append(shape)
        if len(self._wave) >= WAVE:
            self.settle()

    def settle(self) -> None:
        """Take in what has gathered."""
        if not self._wave:
            return
        batches, shapes = zip(*self._wave, strict=True)
        self._wave, self._in_wave = [], {}
        counts = [len(shape.cells) for shape in shapes]
        arrived_s = np.repeat([batch.arrived_s for batch in batches], counts)
        measured_s = np.repeat([batch.measured_s for batch in batches], counts)
        cells = np.concatenate([shape.cells for shape in shapes])
        read = cells < self._cells.none
        self._take(
            cells[read],
            np.concatenate([batch.values for batch in batches])[read],
            np.concatenate([batch.quality for batch in batches])[read],
            np.minimum(measured_s, arrived_s)[read],
            arrived_s[read],
        )

    def fresh_quality(self, now_s: float) -> npt.NDArray[np.uint8]:
        """Quality with age in it: what was good and is too old is STALE."""
        old = now_s - self.arrived_s > self._freshness_s
        aged = np.where(old & (self.quality == Quality.GOOD), Quality.STALE, self.quality)
        return aged.astype(np.uint8)

    def _take(
        self,
        cells: Ints,
        values: Floats,
        quality: npt.NDArray[np.uint8],
        measured_s: Floats,
        arrived_s: Floats,
    ) -> None:
        bounds = self._bounds
        current = measured_s >= self.measured_s[cells]
        good = current & (quality == Quality.GOOD)
        number = np.isfinite(values) | (bounds.may_be_nan[cells] & np.isnan(values))
        with np.errstate(invalid="ignore"):
            outside = (values < bounds.lo[cells]) | (values > bounds.hi[cells])
            elapsed_s = measured_s - self.measured_s[cells]
            jumped = self._counters.jumped(cells, values, self.values[cells], elapsed_s)
        for i in np.flatnonzero(good & number & ~outside & jumped):
            jumped[i] = not self._counters.believed(
                int(cells[i]), float(values[i]), float(measured_s[i])
            )
        believed = good & number & ~outside & ~jumped
        self._believe(cells[believed], values[believed], measured_s[believed], arrived_s[believed])
        suspect = good & number & (outside | jumped)
        self.quality[cells[suspect]] = Quality.SUSPECT
        self.rejected[cells[suspect]] = values[suspect]
        self._miss(cells, current & ((quality == Quality.MISSING) | (good & ~number)), measured_s)
        doubted = current & ((quality == Quality.STALE) | (quality == Quality.SUSPECT))
        self.quality[cells[doubted]] = quality[doubted]

    def _believe(self, cells: Ints, values: Floats, measured_s: Floats, arrived_s: Floats) -> None:
        rounded = np.where(self._bounds.soc[cells], np.clip(values, 0.0, 1.0), values)
        newer = (self.trace_row[cells] >= 0) & (measured_s > self.measured_s[cells])
        self.trace.add(self.trace_row[cells[newer]], rounded[newer], measured_s[newer])
        self.values[cells] = rounded
        self.quality[cells] = Quality.GOOD
        self.measured_s[cells], self.arrived_s[cells] = measured_s, arrived_s
        self.rejected[cells] = np.nan

    def _miss(self, cells: Ints, missing: Bools, measured_s: Floats) -> None:
        self.values[cells[missing]] = np.nan
        self.quality[cells[missing]] = Quality.MISSING
        self.measured_s[cells[missing]] = measured_s[missing]

    def _shape(self, batch: Batch) -> _Shape:
        known = self._shapes.setdefault(batch.device, [])
        for shape in known:
            if shape.points is batch.points or shape.points == batch.points:
                return shape
        cell_of: Mapping[Point, int] = self._cells.by_device.get(batch.device, {})
        nowhere = self._cells.none
        cells = [cell_of.get(point, nowhere) for point in batch.points]
        shape = _Shape(batch.points, frozen_ints(cells), frozenset(cells) - {nowhere})
        del known[: max(len(known) - SHAPES_KEPT + 1, 0)]
        known.append(shape)
        return shape


def _trace_rows(cells: Cells) -> Ints:
    rows = np.full(cells.none + 1, -1, np.int64)
    choice = cells.assets.get(Quantity.POWER_KW)
    if choice is not None:
        holding = np.unique(choice.ranked[choice.ranked < cells.none])
        rows[holding] = np.arange(len(holding))
    return frozen_ints(rows)
