"""What forecast errors are measured by: the clear sky's bound for PV, 1 kW for all else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.forecasting.recorded import Recorded
from optimizer.forecasting.sun import Plane, bound_kw, bounds_kw, brightest_w_per_m2
from vpp.domain.arrays import Bools, Floats
from vpp.domain.forecast import Series
from vpp.domain.slots import SlotGrid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scale:
    """Arrays of shape (series, slots)."""

    bound_kw: Floats
    """Most that can be in each slot of the grid, infinite where nothing bounds it."""
    ahead: Floats
    """Scale in each slot of the grid."""
    past: Floats
    """Scale in each recorded slot."""

    telling: Bools
    """Recorded slots that tell something: at night every forecast of PV is right."""
    scaled: Bools
    """Whose scale is not 1 throughout, shape (series,)."""


def scale_of(series: Sequence[Series], grid: SlotGrid, recorded: Recorded) -> Scale:
    """The sky over each plane is worked out once."""
    bound = bounds_kw(series, grid)
    ahead, past = np.ones(bound.shape), np.ones(recorded.values_kw.shape)
    scaled = np.array([len(recorded) > 0 and bool(np.isfinite(one).all()) for one in bound])
    skies: dict[Plane, Floats] = {}
    for row, one in enumerate(series):
        if not scaled[row]:
            continue
        plane = Plane.of(one)
        if plane not in skies:
            skies[plane] = brightest_w_per_m2(recorded.edges_s, plane)
        ahead[row], past[row] = bound[row], bound_kw(one.peak_kw, skies[plane], plane)
    telling = np.ones(past.shape, dtype=bool)
    telling[scaled] = past[scaled] > 0.05 * past[scaled].max(axis=1, initial=0.0, keepdims=True)
    return Scale(bound_kw=bound, ahead=ahead, past=past, telling=telling, scaled=scaled)
