"""What the plan leaves beneath contracts: by how much the forecasts were lately wrong."""

from collections.abc import Mapping, Sequence

import numpy as np

from vpp.control.cars_ahead import Arrivals
from vpp.control.planning_outlook import Outlook
from vpp.domain.arrays import Floats
from vpp.domain.forecast import HIGH, LOW, Forecast
from vpp.domain.ids import NodeId, PoolId, SiteId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio


def contract_margins(
    portfolio: Portfolio,
    pool: PoolId,
    nodes: Sequence[NodeId],
    outlook: Outlook,
    arrivals: Mapping[SiteId, Sequence[Arrivals]],
) -> tuple[Floats, Floats]:
    """Import and export margin of each node, kW, shape (nodes, slots).

    The distance of the 90 % quantile (of the 10 %, for export) of what flows uncontrolled through
    the node from its middle: forecasters take both from their own recent errors, which grow with
    the distance. Sites err independently of each other; of the pool as a whole its own forecast
    tells, where there is one.
    """
    at = {node: i for i, node in enumerate(nodes)}
    above, below = np.zeros((2, len(nodes), len(outlook.grid)))
    for site in portfolio.pools[pool].sites:
        load = outlook.forecasts.get((site, Quantity.POWER_KW))
        sun = outlook.forecasts.get((site, Quantity.AVAILABLE_KW))
        row = at[portfolio.sites[site].node]
        above[row] += _above(load) ** 2 + _below(sun) ** 2
        below[row] += _below(load) ** 2 + _above(sun) ** 2
        for car in arrivals.get(site, ()):
            above[row] += car.above_kw**2
            below[row] += car.below_kw**2
    for node in reversed(nodes[1:]):
        if (parent := portfolio.nodes[node].parent) is not None:
            above[at[parent]] += above[at[node]]
            below[at[parent]] += below[at[node]]
    whole = outlook.forecasts.get((pool, Quantity.UNCONTROLLED_KW))
    if whole is not None:
        cars = [car for each in arrivals.values() for car in each]
        above[0] = _above(whole) ** 2 + sum(car.above_kw**2 for car in cars)
        below[0] = _below(whole) ** 2 + sum(car.below_kw**2 for car in cars)
    return np.sqrt(above), np.sqrt(below)


def _above(forecast: Forecast | None) -> Floats:
    zero = np.zeros(())
    return zero if forecast is None else forecast.quantile(HIGH) - forecast.middle_kw


def _below(forecast: Forecast | None) -> Floats:
    zero = np.zeros(())
    return zero if forecast is None else forecast.middle_kw - forecast.quantile(LOW)
