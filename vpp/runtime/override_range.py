"""What an operator can ask of a scope at all: of what is steered in it, within its ratings."""

from collections.abc import Set

from vpp.domain.errors import InvariantError
from vpp.domain.ids import AssetId, NodeId, PoolId, SiteId
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Scope, ScopeKind


def steered(scope: Scope, portfolio: Portfolio) -> Set[AssetId]:
    """Assets in the scope that some device writes to.

    Raises:
        InvariantError: no device of the city file writes to any asset of it.
    """
    if scope.kind is ScopeKind.ASSET:
        written = {AssetId(scope.id)} & portfolio.writer_of.keys()
    else:
        beneath = _nodes_of(scope, portfolio)
        written = {
            asset
            for asset in portfolio.writer_of
            if portfolio.sites[portfolio.assets[asset].site].node in beneath
        }
    if not written:
        raise InvariantError(
            f"nothing can be told to {scope}: no device of the city file writes to it; its site's"
            " node or pool can be held by what is steered there"
        )
    return written


def range_kw(scope: Scope, portfolio: Portfolio) -> tuple[float, float]:
    """Least and most power of the scope, positive into the asset, at nodes import."""
    if scope.kind is ScopeKind.ASSET:
        rated = next(a.rated for a in portfolio.assets.values() if a.id == scope.id)
        return rated.lo_kw, rated.hi_kw
    node, beneath = _node_of(scope, portfolio), _nodes_of(scope, portfolio)
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


def _nodes_of(scope: Scope, portfolio: Portfolio) -> set[NodeId]:
    node = _node_of(scope, portfolio)
    return set(portfolio.nodes if node is None else portfolio.subtree(node))


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
