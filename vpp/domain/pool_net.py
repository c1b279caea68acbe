"""The controlled quantity of a pool as measured."""

from vpp.domain.ids import NodeId, PoolId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.snapshot import Snapshot


def node_kw(portfolio: Portfolio, node: NodeId, snapshot: Snapshot) -> float | None:
    """Power through a node by its best meter that is good now, positive is import; None without."""
    for meter in portfolio.meters_of_node[node]:
        measured = snapshot.meter(meter, Quantity.POWER_KW)
        if measured is not None:
            return measured
    return None


def pool_net_kw(portfolio: Portfolio, pool: PoolId, snapshot: Snapshot) -> float | None:
    """Net power of a pool, positive is import; None while any site it needs is not measured."""
    boundary = node_kw(portfolio, portfolio.pools[pool].node, snapshot)
    if boundary is not None:
        return boundary
    total = 0.0
    for site in portfolio.pools[pool].sites:
        net = node_kw(portfolio, portfolio.sites[site].node, snapshot)
        if net is None:
            return None
        total += net
    return total
