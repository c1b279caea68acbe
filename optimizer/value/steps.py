"""The horizon in the steps of the dynamic programme: slots first, then hours, then pairs of them.

What is far off is not known by the quarter hour, and a step costs the same whatever its length.
"""

from dataclasses import dataclass

import numpy as np

from vpp.domain.arrays import Floats, Ints
from vpp.domain.curve import SlotCosts
from vpp.domain.slots import SlotGrid

SINGLE = 4
"""Slots that are steps of their own at the begin of the horizon."""
LONG_S = 3600.0
FAR_S = 24 * 3600.0
"""From then on steps are twice as long."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """Arrays of shape (steps,)."""

    end: Ints
    """Number of the slots up to each step's end."""
    hours: Floats
    net_kw: Floats
    spread_kw: Floats
    """Standard deviation of the net's forecast."""
    import_kw: Floats
    """Most the pool may take, a rating; inf where none."""
    export_kw: Floats
    costs: SlotCosts
    """Of the steps."""

    def __len__(self) -> int:
        return len(self.end)


def ends(grid: SlotGrid) -> Ints:
    """After how many slots each step ends."""
    edges_s = grid.edges_s
    found = list(range(1, min(SINGLE, len(grid)) + 1))
    while found[-1] < len(grid):
        far = edges_s[found[-1]] - edges_s[0] >= FAR_S
        beyond_s = edges_s[found[-1]] + (2.0 if far else 1.0) * LONG_S
        last = int(np.searchsorted(edges_s, beyond_s + 1e-6, side="right")) - 1
        found.append(min(max(last, found[-1] + 1), len(grid)))
    return np.array(found)


def merged(
    grid: SlotGrid,
    *,
    net_kw: Floats,
    spread_kw: Floats,
    import_kw: Floats,
    export_kw: Floats,
    costs: SlotCosts,
) -> Steps:
    """Means over the slots of each step; of limits and thresholds the least.

    All arrays have the shape (slots,).
    """
    end = ends(grid)
    begin = np.concatenate([[0], end[:-1]])
    hours = grid.hours
    length = np.add.reduceat(hours, begin)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values * hours, begin) / length)

    def least(values: Floats) -> Floats:
        return np.asarray(np.minimum.reduceat(values, begin))

    imports = mean(costs.import_weight)
    return Steps(
        end=end,
        hours=length,
        net_kw=mean(net_kw),
        spread_kw=mean(spread_kw),
        import_kw=least(import_kw),
        export_kw=least(export_kw),
        costs=SlotCosts(
            unit=costs.unit,
            import_weight=imports,
            export_weight=np.minimum(mean(costs.export_weight), imports),
            flatten=mean(costs.flatten),
            peak_threshold_kw=least(costs.peak_threshold_kw),
            peak_weight=mean(costs.peak_weight),
            ramp_weight=mean(costs.ramp_weight),
        ),
    )
