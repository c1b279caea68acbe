"""Curves that are convex in energy, as later cost is.

The choice among points leaves it a little uneven, and always too dear: what lies above the line
between two of its levels is what a mixture of the two would undercut. So it is lowered to that
line, not moved to both sides: a mean of what is too dear and what is too cheap would shift the
costs of whole grid powers against each other, and ramps with them.
"""

import numpy as np

from vpp.domain.arrays import Floats

APART = (1, 2, 3, 5, 8, 13)
"""Levels to either side whose mean is looked at."""
ROUNDS = 2


def convex(cost: Floats, energy_kwh: Floats, most: Floats) -> Floats:
    """Slopes in energy that never fall, and never exceed ``most``.

    Args:
        cost: Shape (..., levels).
        energy_kwh: Levels, evenly apart, rising.
        most: What a stored kWh may harm, shape (...): 0, or the ramps that it leads to.
    """
    lowered = np.moveaxis(cost, -1, 0).copy()
    for apart in APART * ROUNDS:
        if 2 * apart < len(energy_kwh):
            mixed = lowered[: -2 * apart] + lowered[2 * apart :]
            mixed *= 0.5
            np.minimum(lowered[apart:-apart], mixed, out=lowered[apart:-apart])
    return np.moveaxis(_rising(lowered, energy_kwh, most), 0, -1)


def _rising(cost: Floats, energy_kwh: Floats, most: Floats) -> Floats:
    """What little is left to even out: slopes between the least and the greatest that rise.

    Levels are the first axis of ``cost`` and of what is returned.
    """
    apart_kwh = float(energy_kwh[1] - energy_kwh[0])
    slopes = np.diff(cost, axis=0) / apart_kwh
    even = np.maximum.accumulate(slopes, axis=0)
    even += np.minimum.accumulate(slopes[::-1], axis=0)[::-1]
    np.minimum(0.5 * even, most, out=even)
    steps = np.cumsum(apart_kwh * even, axis=0)
    return np.concatenate([cost[:1], cost[:1] + steps])
