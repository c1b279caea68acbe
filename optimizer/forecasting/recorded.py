"""What was recorded of several subjects in the same slots, as means over any intervals."""

from collections.abc import Sequence
from copy import copy

import numpy as np

from vpp.domain.arrays import Floats, Ints
from vpp.domain.forecast import Series

COVERED = 0.5
"""Part of an interval that must have been recorded for its mean to count."""


class Recorded:
    """Series of the same slots, one row each; what is missing never counts."""

    def __init__(self, series: Sequence[Series], issued_s: float) -> None:
        """Slots that end after the issue are not known yet."""
        first = series[0]
        start_s, self.step_s = first.start.timestamp(), first.step_s
        slots = int((issued_s - start_s + 1e-6) // self.step_s)
        known = max(0, min(len(first.values_kw), slots))
        values_kw = np.stack([one.values_kw[:known] for one in series])
        self.valid = np.isfinite(values_kw)
        self.values_kw = np.where(self.valid, values_kw, np.nan)
        """Shape (series, slots)."""
        self.edges_s: Floats = np.asarray(start_s + self.step_s * np.arange(known + 1), np.float64)

    def believe(self, values_kw: Floats) -> None:
        """Take these instead of what was recorded, NaN where it is not believed."""
        self.values_kw, self.valid = values_kw, np.isfinite(values_kw)

    def then(self, values_kw: Floats) -> "Recorded":
        """With one more slot, shape (series,)."""
        longer = copy(self)
        longer.believe(np.concatenate([self.values_kw, values_kw[:, None]], axis=1))
        longer.edges_s = np.append(self.edges_s, self.edges_s[-1] + self.step_s)
        return longer

    def before(self, slot: int) -> "Recorded":
        """As it was when so many slots were over."""
        return self._part(0, slot)

    def from_first(self) -> "Recorded":
        """Without the slots before anything was recorded."""
        known = np.flatnonzero(self.valid.any(axis=0))
        return self._part(int(known[0]) if len(known) else len(self), len(self))

    def _part(self, begin: int, end: int) -> "Recorded":
        part = copy(self)
        part.values_kw, part.valid = self.values_kw[:, begin:end], self.valid[:, begin:end]
        part.edges_s = self.edges_s[begin : end + 1]
        return part

    def __len__(self) -> int:
        """Number of slots."""
        return len(self.edges_s) - 1

    def mean_kw(self, begin_s: Floats, end_s: Floats) -> Floats:
        """Shape (series, intervals); NaN where less than half of an interval was recorded."""
        slot = np.round((begin_s - self.edges_s[0]) / self.step_s).astype(np.int64)
        is_slot = (begin_s == self.edges_s[0] + slot * self.step_s) & (
            end_s == begin_s + self.step_s
        )
        return self._of_slots(slot) if is_slot.all() else self._of_parts(begin_s, end_s)

    def age_s(self, issued_s: float) -> Floats:
        """Age of each newest value at the issue, infinite without any, shape (series,)."""
        since = np.argmax(self.valid[:, ::-1], axis=1) if len(self) else 0
        newest_s = self.edges_s[len(self) - since]
        return np.where(self.valid.any(axis=1), issued_s - newest_s, np.inf)

    def _of_slots(self, slot: Ints) -> Floats:
        known = (slot >= 0) & (slot < len(self))
        if not known.any():
            return np.full((len(self.values_kw), len(slot)), np.nan)
        found = self.values_kw[:, np.where(known, slot, 0)]
        found[:, ~known] = np.nan
        return found

    def _of_parts(self, begin_s: Floats, end_s: Floats) -> Floats:
        covered = self._until(np.where(self.valid, self.step_s, 0.0), begin_s, end_s)
        amounts = np.where(self.valid, self.values_kw, 0.0) * self.step_s
        amount = self._until(amounts, begin_s, end_s)
        enough = covered >= COVERED * (end_s - begin_s)
        return np.where(enough, amount / np.maximum(covered, 1e-9), np.nan)

    def _until(self, of_slots: Floats, begin_s: Floats, end_s: Floats) -> Floats:
        """What of amounts per slot falls into each interval."""
        rows = np.concatenate([np.zeros((len(of_slots), 1)), np.cumsum(of_slots, axis=1)], axis=1)
        return np.stack(
            [
                np.interp(end_s, self.edges_s, row) - np.interp(begin_s, self.edges_s, row)
                for row in rows
            ]
        )
