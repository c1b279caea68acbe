"""The most that was seen lately at the same time of the sun's day."""

import numpy as np

from optimizer.forecasting.local_time import DAY_S
from optimizer.forecasting.recorded import Recorded
from vpp.domain.arrays import Floats
from vpp.domain.slots import SlotGrid

MOST_DAYS = range(1, 10)
LEAST_DAYS = 3
"""Days over which the most at a time of day is taken, and how many must be on record."""


def most_kw(grid: SlotGrid, recorded: Recorded, bound_kw: Floats) -> Floats:
    """Of each slot, where enough days are on record, else the bound; shape (series, slots)."""
    begin_s, end_s = grid.edges_s[:-1], grid.edges_s[1:]
    seen = np.stack(
        [recorded.mean_kw(begin_s - days * DAY_S, end_s - days * DAY_S) for days in MOST_DAYS]
    )
    enough = np.isfinite(seen).sum(axis=0) >= LEAST_DAYS
    return np.where(enough, np.minimum(np.fmax.reduce(seen), bound_kw), bound_kw)
