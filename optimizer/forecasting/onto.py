"""Values of equal slots as means over the slots of a grid."""

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.slots import SlotGrid


def onto(grid: SlotGrid, start_s: float, step_s: float, values: Floats) -> Floats:
    """Shape (rows, slots of the grid).

    Args:
        grid: Where they are wanted; what it has outside the slots takes the first or last value.
        start_s: Start of the first slot.
        step_s: Length of the slots.
        values: Shape (rows, slots).
    """
    place = (grid.edges_s - start_s) / step_s
    first = round(float(place[0]))
    if np.array_equal(place, first + np.arange(len(place))) and first >= 0:
        return values[:, first : first + len(grid)]
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    count = values.shape[1]
    inside = np.clip(place, 0, count)
    low = np.minimum(inside.astype(np.int64), count - 1)
    until = sums[:, low] + (inside - low) * values[:, low]
    until += (
        np.minimum(place, 0.0) * values[:, :1] + np.maximum(place - count, 0.0) * values[:, -1:]
    )
    return np.asarray(np.diff(until, axis=1) / np.diff(place))
