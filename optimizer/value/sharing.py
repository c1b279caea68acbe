"""Whether a stored kWh is worth more in one place than in another, and how much."""

import numpy as np

from optimizer.stages.order import Run
from optimizer.value.duals import stored_worth
from vpp.domain.arrays import Floats, Ints
from vpp.domain.order import Order

BINDING = 1e-6
"""Of the largest cost: a smaller dual of a limit does not tell places apart."""


def worth_by_place(run: Run) -> Floats | None:
    """Worth of a kWh stored at each slot's end, (batteries, slots); None if places do not differ.

    It is the same for all batteries of a place: of what lies beneath one limit of the network, or
    of a site where a local fee counts in the first stage. Within a place duals differ only by what
    a point forecast makes of unlike batteries, and hours left share better.
    """
    places = _places(run)
    if places is None:
        return None
    capacity = np.maximum(run.model.problem.batteries.capacity_kwh, 1e-6)
    worth = stored_worth(run)
    for place in np.unique(places):
        mine = places == place
        worth[mine] = np.average(worth[mine], axis=0, weights=capacity[mine])
    return np.asarray(np.round(worth, 9))


def _places(run: Run) -> Ints | None:
    model, first = run.model, run.first()
    site = model.problem.batteries.site
    if model.problem.prices.fee_per_kwh > 0 and model.problem.goals.order is Order.COST:
        return site
    least = BINDING * float(np.abs(first.stage.cost).max())
    duals = np.abs(first.solution.reduced_costs[model.network.flow])
    return model.network.kept_of_site[site] if (duals > least).any() else None
