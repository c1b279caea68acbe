"""What an operator can ask of a scope at all: the ratings of what is beneath, and of its node."""

from vpp.domain.ids import NodeId, PoolId, SiteId
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Scope, ScopeKind


def range_kw(scope: Scope, portfolio: Portfolio) -> tuple[float, float]:
    """Least and most power of the scope, positive into the asset, at nodes import."""
    if scope.kind is ScopeKind.ASSET:
        rated = next(a.rated for a in portfolio.assets.values() if a.id == scope.id)
        return rated.lo_kw, rated.hi_kw
    node = _node_of(scope, portfolio)
    beneath = set(portfolio.nodes if node is None else portfolio.subtree(node))
    rated_sets = [
        asset.rated
        for asset in portfolio.assets.values()
        if portfolio.sites[asset.site].node in beneath
    ]
    lo_kw, hi_kw = sum(r.lo_kw for r in rated_sets), sum(r.hi_kw for r in rated_sets)
    if node is None:
        return lo_kw, hi_kw
    limit = portfolio.nodes[node].tightest_kw(hard=True)
    return max(lo_kw, -limit.export_max), min(hi_kw, limit.import_max)


def _node_of(scope: Scope, portfolio: Portfolio) -> NodeId | None:
    """None for the whole portfolio."""
    match scope.kind:
        case ScopeKind.SITE:
            return portfolio.sites[SiteId(scope.id)].node
        case ScopeKind.POOL:
            return portfolio.pools[PoolId(scope.id)].node
        case ScopeKind.NODE:
            return NodeId(scope.id)
        case _:
            return None
