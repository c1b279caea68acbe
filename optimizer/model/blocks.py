"""Named blocks of columns and rows, written as in the formulation, into one sparse matrix."""

from math import prod

import numpy as np
from scipy.sparse import coo_array

from optimizer.solving.program import LinearProgram
from vpp.domain.arrays import Floats, Ints

Bound = float | Floats
Term = tuple[float | Floats, Ints]
"""Factor and columns; both broadcast to the shape of the rows, further axes are summed."""


class Blocks:
    """Collects blocks; nothing exists per variable, only index arrays.

    ``rows("soc", (B, T), r, r, (1, energy), (-h * eta, charge))`` reads like its formula.
    """

    def __init__(self) -> None:
        self._lower: list[Floats] = []
        self._upper: list[Floats] = []
        self._row_lower: list[Floats] = []
        self._row_upper: list[Floats] = []
        self._entries: list[tuple[Ints, Ints, Floats]] = []
        self._columns: dict[str, Ints] = {}
        self._rows: dict[str, Ints] = {}
        self._width = self._height = 0

    def columns(self, name: str, shape: tuple[int, ...], lower: Bound, upper: Bound) -> Ints:
        """A block of columns; returns their indices in this shape."""
        size = prod(shape)
        index = np.arange(self._width, self._width + size).reshape(shape)
        self._width += size
        self._lower.append(_flat(lower, shape))
        self._upper.append(_flat(upper, shape))
        self._columns[name] = index
        return index

    def rows(
        self, name: str, shape: tuple[int, ...], lower: Bound, upper: Bound, *terms: Term
    ) -> Ints:
        """A block of rows ``lower <= sum of terms <= upper``; returns their indices."""
        size = prod(shape)
        index = np.arange(self._height, self._height + size).reshape(shape)
        self._height += size
        self._row_lower.append(_flat(lower, shape))
        self._row_upper.append(_flat(upper, shape))
        self._rows[name] = index
        for factor, columns in terms:
            self.add(
                index.reshape(index.shape + (1,) * (columns.ndim - index.ndim)), columns, factor
            )
        return index

    def add(self, rows: Ints, columns: Ints, factor: float | Floats) -> None:
        """Add ``factor * columns`` to rows; the three broadcast together."""
        r, c, f = np.broadcast_arrays(rows, columns, np.asarray(factor, dtype=np.float64))
        self._entries.append((r.ravel(), c.ravel(), f.ravel()))

    def program(self) -> LinearProgram:
        """Everything collected so far as one program; entries of the same place add up."""
        none = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        r, c, f = (np.concatenate(parts) for parts in zip(none, *self._entries, strict=True))
        matrix = coo_array(
            (f, (r.astype(np.int32), c.astype(np.int32))), shape=(self._height, self._width)
        ).tocsc()
        matrix.sort_indices()
        return LinearProgram(
            matrix=matrix,
            lower=np.concatenate([np.zeros(0), *self._lower]),
            upper=np.concatenate([np.zeros(0), *self._upper]),
            row_lower=np.concatenate([np.zeros(0), *self._row_lower]),
            row_upper=np.concatenate([np.zeros(0), *self._row_upper]),
            columns=dict(self._columns),
            rows=dict(self._rows),
        )


def _flat(bound: Bound, shape: tuple[int, ...]) -> Floats:
    if isinstance(bound, float):
        return np.full(prod(shape), bound)
    return np.asarray(bound if bound.shape == shape else np.broadcast_to(bound, shape)).ravel()
