"""What grid operators, people and markets want of nodes, as limits that a plan keeps."""

import math
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.ids import NodeId, PoolId, SiteId
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Ending, Proposal, Rank, ScopeKind
from vpp.domain.slots import SlotGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLimit:
    """Bounds on the power through a node, positive is import, and how long they will hold."""

    node: NodeId
    lo_kw: float
    hi_kw: float
    words: str
    until_s: float = field(default=math.inf, compare=False)
    """City monotonic. Who renews a limit does not change it."""

    def __str__(self) -> str:
        return self.words


def nodes_of_pools(portfolio: Portfolio) -> frozenset[NodeId]:
    """Those that a plan may bound."""
    roots = (pool.node for pool in portfolio.pools.values())
    return frozenset(node for root in roots for node in portfolio.subtree(root))


def node_limits(
    portfolio: Portfolio, nodes: Set[NodeId], proposals: Iterable[Proposal], now_s: float
) -> frozenset[NodeLimit]:
    """Of these nodes; the tick alone keeps what bounds an asset, or the pools together.

    A wish binds like a limit. A limit that was not renewed in time holds at its failsafe until it
    is.
    """
    return frozenset(
        limit
        for proposal in proposals
        if proposal.rank < Rank.PLAN
        and (node := _node(portfolio, proposal)) in nodes
        and node is not None
        and (limit := _limit(node, proposal, now_s)) is not None
    )


def tightened(
    limits: Iterable[NodeLimit],
    node_at: Mapping[NodeId, int],
    grid: SlotGrid,
    now_s: float,
    import_kw: Floats,
    export_kw: Floats,
) -> Iterator[str]:
    """Put ratings, magnitudes of shape (nodes, slots), inside these limits, in place; in words.

    Args:
        limits: That hold now; those of other nodes are left out.
        node_at: Rows of the ratings.
        grid: Begins at ``now_s``.
        now_s: City monotonic.
        import_kw: Changed.
        export_kw: Changed.
    """
    for limit in sorted(limits, key=lambda one: one.words):
        if (row := node_at.get(limit.node)) is None:
            continue
        starts_s = now_s + grid.edges_s[:-1] - grid.edges_s[0]
        held = starts_s < limit.until_s
        import_kw[row, held] = np.minimum(import_kw[row, held], max(limit.hi_kw, 0.0))
        export_kw[row, held] = np.minimum(export_kw[row, held], max(-limit.lo_kw, 0.0))
        yield f"planned inside {limit}"


def _node(portfolio: Portfolio, proposal: Proposal) -> NodeId | None:
    name = proposal.scope.id
    match proposal.scope.kind:
        case ScopeKind.NODE:
            return NodeId(name)
        case ScopeKind.SITE:
            site = portfolio.sites.get(SiteId(name))
            return None if site is None else site.node
        case ScopeKind.POOL:
            pool = portfolio.pools.get(PoolId(name))
            return None if pool is None else pool.node
        case _:
            return None


def _limit(node: NodeId, proposal: Proposal, now_s: float) -> NodeLimit | None:
    fallen = proposal.valid_until_s <= now_s
    if fallen and proposal.ending is not Ending.FAILSAFE:
        return None
    lo_kw, hi_kw = proposal.lo_kw, proposal.hi_kw
    if fallen:
        lo_kw, hi_kw = proposal.failsafe_lo_kw, proposal.failsafe_hi_kw
    elif proposal.wish_kw is not None:
        lo_kw = hi_kw = min(max(proposal.wish_kw, lo_kw), hi_kw)
    if math.isinf(lo_kw) and math.isinf(hi_kw):
        return None
    said = "not renewed, its failsafe" if fallen else proposal.reason
    return NodeLimit(
        node=node,
        lo_kw=lo_kw,
        hi_kw=hi_kw,
        words=f"{_bounds(lo_kw, hi_kw)} at {proposal.scope} by {proposal.owner}: {said}",
        until_s=math.inf if fallen else proposal.valid_until_s,
    )


def _bounds(lo_kw: float, hi_kw: float) -> str:
    """Positive is import."""
    if lo_kw == hi_kw:
        return f"{lo_kw:g} kW"
    if math.isinf(lo_kw):
        return f"at most {hi_kw:g} kW"
    return f"at least {lo_kw:g} kW" if math.isinf(hi_kw) else f"{lo_kw:g} to {hi_kw:g} kW"
