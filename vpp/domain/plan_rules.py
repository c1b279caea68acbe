"""How a rule that a plan breaks is told: what, where, and between which values it may lie."""

from collections.abc import Iterator

import numpy as np

from vpp.domain.arrays import Bools, Floats

TOLERANCE = 1e-4
"""kW or kWh by which a rule may be missed; solvers end within 1e-6."""


def outside(
    what: str,
    names: tuple[str, ...],
    values: Floats,
    low: Floats | float,
    high: Floats | float,
    unit: str = "kW",
) -> Iterator[str]:
    low, high = np.broadcast_to(low, values.shape), np.broadcast_to(high, values.shape)
    wrong: Bools = (values < low - TOLERANCE) | (values > high + TOLERANCE)
    for row in np.flatnonzero(wrong.any(1)):
        slot = int(np.argmax(wrong[row]))
        yield (
            f"{what} {names[row]} is {values[row, slot]:.6g} in slot {slot},"
            f" allowed {low[row, slot]:.6g} to {high[row, slot]:.6g} {unit}"
        )
