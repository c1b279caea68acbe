"""The last few power samples of every asset, so that a sum can be taken at one moment."""

import numpy as np

from vpp.domain.arrays import Bools, Floats, Ints

DEPTH = 24
"""Samples kept; covers the age of a slow meter at one sample a second."""


class PowerTrace:
    """Power against time per row, newest samples only."""

    def __init__(self, rows: int) -> None:
        self._at_s = np.full((rows, DEPTH), -np.inf)
        self._kw = np.full((rows, DEPTH), np.nan)

    def add(self, rows: Ints, power_kw: Floats, measured_s: Floats) -> None:
        """One newer sample for each of these rows, which differ; samples come in order of time."""
        self._at_s[rows, :-1] = self._at_s[rows, 1:]
        self._kw[rows, :-1] = self._kw[rows, 1:]
        self._at_s[rows, -1], self._kw[rows, -1] = measured_s, power_kw

    def at(self, rows: Ints, when_s: Floats) -> Floats:
        """Power of each row at its moment, kW, shape (rows,): between two samples on their line.

        Before the first and after the last sample it is theirs; NaN where there is none.
        """
        at_s, kw = self._at_s[rows], self._kw[rows]
        later = np.sum(at_s <= when_s[:, None], axis=1)
        oldest = np.sum(np.isneginf(at_s), axis=1)
        after = np.clip(np.maximum(later, oldest), 0, DEPTH - 1)
        before = np.clip(np.maximum(later - 1, oldest), 0, DEPTH - 1)
        each = np.arange(len(rows))
        with np.errstate(invalid="ignore"):
            span_s = at_s[each, after] - at_s[each, before]
        between: Bools = np.isfinite(span_s) & (span_s > 0)
        part = np.zeros(len(rows))
        part[between] = np.clip(
            (when_s[between] - at_s[each, before][between]) / span_s[between], 0.0, 1.0
        )
        start_kw, end_kw = kw[each, before], kw[each, after]
        return np.asarray(start_kw + part * (end_kw - start_kw))
