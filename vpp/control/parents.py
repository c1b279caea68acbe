"""The nodes above the pools: in every tick they hand each pool a band, and nothing else."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vpp.control import allotment, arbiter
from vpp.control.allotment import Band, Request
from vpp.control.arbiter import Verdict
from vpp.control.inputs import Alarm, Handed
from vpp.control.overloads import METER_PART, SHORT_KW
from vpp.control.places import Places
from vpp.domain.arrays import Bools, Floats
from vpp.domain.ids import NodeId, PoolId
from vpp.domain.network import Sharing, Tightest
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Proposal, ScopeKind

WHOLE = NodeId("")
"""What lies above every root: the portfolio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentMemory:
    """Limits that must not lapse, from tick to tick."""

    limits: Mapping[str, Proposal] = field(default_factory=dict)
    lapsed: Mapping[str, float] = field(default_factory=dict)


class Parents:
    """The part of the tree that belongs to no pool, worked out once."""

    def __init__(self, portfolio: Portfolio, *, contracts: bool = False) -> None:
        """``contracts``: soft limits count like ratings, for plans that should keep them too."""
        self._portfolio, self._contracts = portfolio, contracts
        pools = {pool.node for pool in portfolio.pools.values()}
        roots = [node.id for node in portfolio.nodes.values() if node.parent is None]
        self._members = {WHOLE: tuple(roots)}
        for root in roots:
            for node in () if root in pools else _above(portfolio, root, pools):
                self._members[node] = portfolio.children[node]
        self._row_of = {node: row for row, node in enumerate(self._members)}
        self._places = Places(
            assets=0, rows=len(self._row_of), row_of_node=self._row_of, portfolio_row=0
        )

    def hand_down(
        self,
        memory: ParentMemory,
        proposals: Iterable[Proposal],
        requests: Mapping[PoolId, Request],
        now_s: float,
    ) -> tuple[ParentMemory, Mapping[PoolId, Handed], tuple[Alarm, ...]]:
        """The band of every pool, and what cannot be held.

        Args:
            memory: Of the call before.
            proposals: From every source; those on nodes above the pools, and on the portfolio,
                are settled here.
            requests: Of each pool's newest tick; a pool without one counts at its static worst
                case, and before any pool has ticked the nodes' bands are shared by size.
            now_s: City monotonic.
        """
        above = [one for one in proposals if one.scope.kind is not ScopeKind.ASSET]
        verdict = arbiter.settle(self._places, above, memory.limits, memory.lapsed, now_s)
        handed: dict[PoolId, Handed] = {}
        alarms = list(verdict.alarms)
        open_band = Handed(lo_kw=-math.inf, hi_kw=math.inf, source="")
        self._share(WHOLE, open_band, verdict, requests, handed, alarms)
        return ParentMemory(limits=verdict.limits, lapsed=verdict.lapsed), handed, tuple(alarms)

    def overloaded(self, nets_kw: Mapping[PoolId, Floats]) -> Bools:
        """Slots in which these nets together break a rating above the pools, shape (slots,)."""
        found = np.zeros(len(next(iter(nets_kw.values()))), dtype=np.bool_)
        for node in self._members.keys() - {WHOLE}:
            beneath = set(self._portfolio.subtree(node))
            net_kw = sum(kw for pool, kw in nets_kw.items() if NodeId(pool) in beneath)
            limit = self._limit(node)
            found |= (net_kw > limit.import_max + SHORT_KW) | (
                net_kw < -limit.export_max - SHORT_KW
            )
        return found

    def _share(
        self,
        node: NodeId,
        given: Handed,
        verdict: Verdict,
        requests: Mapping[PoolId, Request],
        handed: dict[PoolId, Handed],
        alarms: list[Alarm],
    ) -> None:
        if node not in self._members:
            handed[PoolId(node)] = given
            return
        own = self._own(node, given, verdict)
        asked = {member: self._asked(member, requests) for member in self._members[node]}
        heard = {member: request for member, request in asked.items() if request is not None}
        silent = [member for member in asked if member not in heard]
        worst = [self._worst(member) for member in silent]
        left: Band = (own.lo_kw - sum(w[0] for w in worst), own.hi_kw - sum(w[1] for w in worst))
        if heard:
            alarms += _shortfall(node or self._portfolio.id, own, heard.values())
            bands = allotment.share(left, tuple(heard.values()), self._rule(node))
        else:
            bands, worst = (), _by_size(own, worst)
        for member, (lo_kw, hi_kw) in zip((*heard, *silent), (*bands, *worst), strict=True):
            below = Handed(lo_kw=lo_kw, hi_kw=hi_kw, source=own.source)
            self._share(member, below, verdict, requests, handed, alarms)

    def _own(self, node: NodeId, given: Handed, verdict: Verdict) -> Handed:
        """The band from above, the node's rating inside it, what is proposed inside both."""
        lo, hi, source = given.lo_kw, given.hi_kw, given.source
        if node is not WHOLE:
            limit = self._limit(node)
            if limit.import_max < hi or -limit.export_max > lo:
                source = f"the rating of {node}"
            lo, hi = _inside((lo, hi), -limit.export_max, limit.import_max)
        row = self._row_of[node]
        by = verdict.row_owner.get(row)
        if by is not None:
            source = f"{by.owner}'s {by.id} ({by.reason})"
            lo, hi = _inside((lo, hi), float(verdict.row_lo_kw[row]), float(verdict.row_hi_kw[row]))
        return Handed(lo_kw=lo, hi_kw=hi, source=source)

    def _rule(self, node: NodeId) -> Sharing:
        return Sharing.PRO_RATA if node is WHOLE else self._portfolio.nodes[node].sharing

    def _limit(self, node: NodeId) -> Tightest:
        rating = self._portfolio.nodes[node].tightest_kw(hard=True)
        if not self._contracts:
            return rating
        contract = self._portfolio.nodes[node].tightest_kw(hard=False)
        return Tightest(
            imports=min(rating.imports, contract.imports, key=lambda one: one.import_max),
            exports=min(rating.exports, contract.exports, key=lambda one: one.export_max),
        )

    def _asked(self, member: NodeId, requests: Mapping[PoolId, Request]) -> Request | None:
        """The sum of what lies beneath; None if any of it is not known."""
        if member not in self._members:
            return requests.get(PoolId(member))
        found = [self._asked(below, requests) for below in self._members[member]]
        known = [one for one in found if one is not None]
        if len(known) < len(found) or not known:
            return None
        total = known[0]
        for one in known[1:]:
            total = total + one
        return total

    def _worst(self, member: NodeId) -> Band:
        """What may flow at most, by nameplates and the node's own rating."""
        assets = [
            self._portfolio.assets[asset].rated
            for pool in self._portfolio.pools.values()
            if pool.node in self._portfolio.subtree(member)
            for asset in self._portfolio.assets_of_pool(pool.id)
        ]
        limit = self._limit(member)
        return (
            max(sum(min(rated.lo_kw, 0.0) for rated in assets), -limit.export_max),
            min(sum(max(rated.hi_kw, 0.0) for rated in assets), limit.import_max),
        )


def _above(portfolio: Portfolio, node: NodeId, pools: set[NodeId]) -> Iterator[NodeId]:
    yield node
    for child in portfolio.children[node]:
        if child not in pools:
            yield from _above(portfolio, child, pools)


def _inside(outer: Band, lo_kw: float, hi_kw: float) -> Band:
    """Where bounds do not meet, the end of the outer one nearest to them."""
    return min(max(lo_kw, outer[0]), outer[1]), min(max(hi_kw, outer[0]), outer[1])


def _by_size(own: Handed, worst: Sequence[Band]) -> list[Band]:
    """The part of the node's band that each member's worst case has in the sum of all."""
    least, most = sum(lo for lo, _ in worst), sum(hi for _, hi in worst)
    out = min(own.lo_kw / least, 1.0) if least < 0 else 1.0
    into = min(own.hi_kw / most, 1.0) if most > 0 else 1.0
    return [(lo * out, hi * into) for lo, hi in worst]


def _shortfall(name: str, own: Handed, heard: Iterable[Request]) -> list[Alarm]:
    least = sum(request.least_kw for request in heard)
    most = sum(request.most_kw for request in heard)
    over_kw = max(least - own.hi_kw, own.lo_kw - most)
    limit_kw = own.hi_kw if least > own.hi_kw else own.lo_kw
    if over_kw <= SHORT_KW + METER_PART * abs(limit_kw):
        return []
    text = f"over {own.source} by {over_kw:.1f} kW, and no pool beneath can move further"
    return [Alarm(code="SHORTFALL", subject=f"node:{name}", text=text)]
