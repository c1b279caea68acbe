"""Prices as a market publishes them: by the hour or less, known up to some hour ahead."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from vpp.domain.arrays import Floats, Ints, frozen, require_finite, require_shape
from vpp.domain.errors import InvariantError
from vpp.domain.slots import SlotGrid

DAY_S = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriceSeries:
    """Prices of equal steps; they may be negative.

    A time that is not known, as after the last one published, has the price of the same time of the
    newest day before it on which it is.
    """

    source: str
    """File it was read from."""
    starts_s: Floats
    """Start of each step, seconds since 1970 UTC, increasing, shape (steps,)."""
    step_s: float
    import_per_kwh: Floats | None = None
    """Shape (steps,); None: the series says nothing of it."""
    export_per_kwh: Floats | None = None

    def __post_init__(self) -> None:
        starts_s = frozen(self.starts_s)
        if not len(starts_s) or not (np.diff(starts_s) >= self.step_s - 1e-6).all():
            raise InvariantError(f"{self.source}: prices must be of steps that do not overlap")
        object.__setattr__(self, "starts_s", starts_s)
        for name in ("import_per_kwh", "export_per_kwh"):
            if (given := getattr(self, name)) is not None:
                values = frozen(given)
                require_shape(name, values, starts_s.shape)
                require_finite(name, values)
                object.__setattr__(self, name, values)

    @property
    def known_until(self) -> datetime:
        return datetime.fromtimestamp(float(self.starts_s[-1]) + self.step_s, UTC)

    def mean_on(self, grid: SlotGrid, values: Floats) -> Floats:
        """Mean of the series' values over each slot of a grid, shape (slots,).

        Raises:
            InvariantError: the grid begins before the first price.
        """
        edges_s = grid.edges_s
        begin_s, end_s = (edges_s[[0, -1]] - self.starts_s[0]) // self.step_s
        steps_s = self.starts_s[0] + self.step_s * np.arange(begin_s, end_s + 2)
        pieces = np.union1d(edges_s, steps_s[(steps_s > edges_s[0]) & (steps_s < edges_s[-1])])
        prices = values[self._steps(pieces[:-1])]
        slot = np.searchsorted(pieces, edges_s[:-1])
        return np.asarray(np.add.reduceat(prices * np.diff(pieces), slot) / np.diff(edges_s))

    def _steps(self, at_s: Floats) -> Ints:
        """The step of each instant, or of the same time of an earlier day."""
        found = np.full(len(at_s), -1, dtype=np.int64)
        asked_s = at_s.copy()
        beyond = np.ceil((asked_s - self.starts_s[-1] - self.step_s + 1e-6) / DAY_S)
        asked_s -= DAY_S * np.maximum(beyond, 0.0)
        while (open_ := found < 0).any():
            if (asked_s[open_] < self.starts_s[0]).any():
                first = datetime.fromtimestamp(float(self.starts_s[0]), UTC)
                raise InvariantError(f"{self.source}: no prices before {first:%Y-%m-%d %H:%M} UTC")
            step = np.searchsorted(self.starts_s, asked_s, side="right") - 1
            inside = asked_s < self.starts_s[step] + self.step_s
            found = np.where(open_ & inside, step, found)
            asked_s = np.where(open_ & ~inside, asked_s - DAY_S, asked_s)
        return found
