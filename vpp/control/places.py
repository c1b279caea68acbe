"""What a proposal may be about, and where it stands in the arrays of whoever settles it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vpp.control.compiled import CompiledPool
from vpp.domain.ids import AssetId, NodeId, PoolId, SiteId
from vpp.domain.proposal import Scope, ScopeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What proposals may be about here: the assets and rows of a pool, or the nodes above pools."""

    assets: int
    """How many there are."""
    rows: int
    row_of_node: Mapping[NodeId, int]
    asset_at: Mapping[AssetId, int] = field(default_factory=dict)
    row_of_site: Mapping[SiteId, int] = field(default_factory=dict)
    pool: PoolId | None = None
    portfolio_row: int | None = None

    @classmethod
    def of_pool(cls, pool: CompiledPool) -> "Places":
        rows = {site: int(pool.site_row[at]) for site, at in pool.site_at.items()}
        return cls(
            assets=pool.count,
            rows=len(pool.rows),
            row_of_node=pool.row_of_node,
            asset_at=pool.asset_at,
            row_of_site=rows,
            pool=pool.pool,
        )

    def of(self, scope: Scope) -> tuple[str, int] | None:
        """Which asset or row a scope means; None outside."""
        row: int | None = None
        match scope.kind:
            case ScopeKind.ASSET:
                at = self.asset_at.get(AssetId(scope.id))
                return None if at is None else ("asset", at)
            case ScopeKind.SITE:
                row = self.row_of_site.get(SiteId(scope.id))
            case ScopeKind.NODE:
                row = self.row_of_node.get(NodeId(scope.id))
            case ScopeKind.POOL:
                row = 0 if scope.id == self.pool else None
            case ScopeKind.PORTFOLIO:
                row = self.portfolio_row
        return None if row is None else ("row", row)
