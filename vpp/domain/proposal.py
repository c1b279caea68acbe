"""Who wants what, by rank. Bounds intersect from the highest rank down."""

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from vpp.domain.errors import InvariantError
from vpp.domain.plain_words import plain


class Rank(IntEnum):
    """Lower number, higher rank."""

    PROTECTION = 0
    GRID_OPERATOR = 1
    OVERRIDE = 2
    MARKET = 3
    PLAN = 4
    DEFAULT = 5


class ScopeKind(StrEnum):
    """What a proposal is about."""

    ASSET = "asset"
    SITE = "site"
    NODE = "node"
    POOL = "pool"
    PORTFOLIO = "portfolio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One thing a proposal is about; written as ``kind:id``."""

    kind: ScopeKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


class Ending(StrEnum):
    """What the end of a proposal means."""

    WITHDRAW = "withdraw"
    """A wish that ends is gone."""
    FAILSAFE = "failsafe"
    """A limit that ends falls to its failsafe, which is left only by a heartbeat and a fresh
    limit: one of the same id, given without a gap for ``vpp.control.arbiter.HEARTBEAT_S``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Bounds and perhaps a wish for the power of a scope, + into the asset, at nodes import."""

    id: str
    scope: Scope
    owner: str
    rank: Rank
    lo_kw: float = -math.inf
    hi_kw: float = math.inf
    wish_kw: float | None = None
    reason: str
    valid_until_s: float
    """City monotonic time; after it the ending holds."""
    ending: Ending = Ending.WITHDRAW
    failsafe_lo_kw: float = -math.inf
    failsafe_hi_kw: float = math.inf
    alive: bool = True
    """Its source speaks now. The last word of one that fails holds, and is no heartbeat."""

    def __post_init__(self) -> None:
        for what in ("id", "owner", "reason"):
            plain(getattr(self, what), what)
        if math.isnan(self.lo_kw) or math.isnan(self.hi_kw) or self.lo_kw > self.hi_kw:
            raise InvariantError(
                f"proposal {self.id} for {self.scope}: bounds [{self.lo_kw}, {self.hi_kw}] kW"
                " are empty or not numbers"
            )
        others_kw = (self.wish_kw or 0.0, self.failsafe_lo_kw, self.failsafe_hi_kw)
        if any(map(math.isnan, others_kw)) or math.isinf(others_kw[0]):
            raise InvariantError(
                f"proposal {self.id} for {self.scope}: a wish of {self.wish_kw} kW or a failsafe of"
                f" [{self.failsafe_lo_kw}, {self.failsafe_hi_kw}] kW is no number"
            )
        if self.ending is Ending.FAILSAFE and not (
            math.isfinite(self.failsafe_lo_kw) or math.isfinite(self.failsafe_hi_kw)
        ):
            raise InvariantError(
                f"proposal {self.id} for {self.scope}: a limit needs a finite failsafe;"
                " it never lapses to unlimited"
            )
