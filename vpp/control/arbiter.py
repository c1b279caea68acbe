"""Who may want what: ranked proposals intersected from the highest rank down.

And limits that never lapse to unlimited.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from vpp.control.inputs import Alarm
from vpp.control.places import Places
from vpp.domain.arrays import Floats
from vpp.domain.proposal import Ending, Proposal, Rank

HEARTBEAT_S = 60.0
"""City seconds for which a fresh limit must be given without a gap before a failsafe is left."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What holds now."""

    asset_lo_kw: Floats
    asset_hi_kw: Floats
    asset_wish_kw: Floats
    """NaN where nobody wishes; inside the bounds."""
    asset_owner: Mapping[int, Proposal]
    """Who bounds or directs an asset."""
    row_lo_kw: Floats
    """On the net of each row, positive is import."""
    row_hi_kw: Floats
    row_around_kw: tuple[Floats, Floats]
    """The bounds that hold around a power that is wished of a row, or fixed; else the same."""
    row_owner: Mapping[int, Proposal]
    alarms: tuple[Alarm, ...]
    limits: Mapping[str, Proposal]
    lapsed: Mapping[str, float]


@dataclass(slots=True)
class _Bounds:
    """Bounds on one scope while proposals are taken in, the highest rank first."""

    lo_kw: float = -math.inf
    hi_kw: float = math.inf
    lo_by: Proposal | None = None
    hi_by: Proposal | None = None
    wish_kw: float = math.nan
    wish_by: Proposal | None = None
    around_kw: tuple[float, float] | None = None
    """Bounds of higher ranks around a power that an override or less fixes."""
    alarms: list[Alarm] = field(default_factory=list)

    def take(self, proposal: Proposal, *, failsafe: bool) -> None:
        """Intersect; where nothing is left.

        Clamp the lower rank to the nearest end and name both. A failsafe has no wish.
        """
        lo_kw, hi_kw = _bounds_of(proposal, failsafe)
        if lo_kw > self.hi_kw or hi_kw < self.lo_kw:
            other = self.hi_by if lo_kw > self.hi_kw else self.lo_by
            end_kw = self.hi_kw if lo_kw > self.hi_kw else self.lo_kw
            self.alarms.append(_conflict(proposal, other, end_kw))
            self.lo_kw = self.hi_kw = end_kw
        else:
            fixes = lo_kw == hi_kw and proposal.rank >= Rank.OVERRIDE and not failsafe
            if fixes and self.around_kw is None:
                self.around_kw = self.lo_kw, self.hi_kw
            if lo_kw > self.lo_kw:
                self.lo_kw, self.lo_by = lo_kw, proposal
            if hi_kw < self.hi_kw:
                self.hi_kw, self.hi_by = hi_kw, proposal
        if not failsafe and proposal.wish_kw is not None and math.isnan(self.wish_kw):
            self.wish_kw, self.wish_by = proposal.wish_kw, proposal

    @property
    def wished_kw(self) -> float:
        return min(max(self.wish_kw, self.lo_kw), self.hi_kw)


def settle(
    places: Places,
    proposals: Iterable[Proposal],
    limits: Mapping[str, Proposal],
    lapsed: Mapping[str, float],
    now_s: float,
) -> Verdict:
    """Bounds and wishes of every asset and row.

    A limit that fell to its failsafe leaves it only when a fresh proposal of the same id has been
    given in every tick for ``HEARTBEAT_S`` by a source that is alive: that is its heartbeat. Until
    then both hold, the failsafe first.

    Args:
        places: What may be bounded.
        proposals: As the sources give them now.
        limits: Limits remembered from ticks before.
        lapsed: Those that have fallen, with the time since which a fresh one is given.
        now_s: City monotonic.
    """
    given = {p.id: p for p in proposals}
    limits = _remembered(limits, lapsed, given)
    fallen = _fallen(limits, lapsed, given, now_s)
    left = {name: given[name] for name in lapsed if name in given and name not in fallen}
    limits = _remembered(limits, {}, left)
    alarms = [_failsafe(limits[name]) for name in sorted(fallen)]
    valid = [p for p in {**limits, **given}.values() if p.valid_until_s > now_s]
    bounds: dict[tuple[str, int], _Bounds] = {}
    held = [*((limits[name], True) for name in fallen), *((p, False) for p in valid)]
    for proposal, failsafe in sorted(held, key=lambda one: (one[0].rank, not one[1], one[0].id)):
        where = places.of(proposal.scope)
        if where is not None:
            bounds.setdefault(where, _Bounds()).take(proposal, failsafe=failsafe)
    return _verdict(places, bounds, alarms, limits, fallen)


def fallen_before(limits: Mapping[str, Proposal], now_s: float) -> dict[str, float]:
    """Of limits remembered from before a restart those that have ended: no heartbeat was heard."""
    return {name: math.inf for name, one in limits.items() if one.valid_until_s <= now_s}


def _remembered(
    limits: Mapping[str, Proposal], lapsed: Mapping[str, float], given: Mapping[str, Proposal]
) -> dict[str, Proposal]:
    """Limits with what is given in their place, but for those that have fallen."""
    kept = {n: p for n, p in limits.items() if n in lapsed or n not in given}
    return kept | {n: p for n, p in given.items() if n not in kept and p.ending is Ending.FAILSAFE}


def _fallen(
    limits: Mapping[str, Proposal],
    lapsed: Mapping[str, float],
    given: Mapping[str, Proposal],
    now_s: float,
) -> dict[str, float]:
    """Limits at their failsafe, with the time since which a fresh one is given; else infinite."""
    ended = [name for name, limit in limits.items() if limit.valid_until_s <= now_s]
    fresh = {n for n in ended if n in given and given[n].alive and given[n].valid_until_s > now_s}
    since = {n: min(lapsed.get(n, math.inf), now_s) if n in fresh else math.inf for n in ended}
    return {name: at_s for name, at_s in since.items() if now_s - at_s < HEARTBEAT_S}


def _verdict(
    places: Places,
    bounds: Mapping[tuple[str, int], _Bounds],
    alarms: list[Alarm],
    limits: Mapping[str, Proposal],
    fallen: Mapping[str, float],
) -> Verdict:
    asset_lo, asset_hi = np.full(places.assets, -np.inf), np.full(places.assets, np.inf)
    wish, row_lo = np.full(places.assets, np.nan), np.full(places.rows, -np.inf)
    row_hi = np.full(places.rows, np.inf)
    around = row_lo.copy(), row_hi.copy()
    owners: dict[str, dict[int, Proposal]] = {"asset": {}, "row": {}}
    for (kind, at), found in bounds.items():
        alarms += found.alarms
        by = found.wish_by or found.hi_by or found.lo_by
        if by is not None:
            owners[kind][at] = by
        lo, hi = (asset_lo, asset_hi) if kind == "asset" else (row_lo, row_hi)
        lo[at], hi[at] = found.lo_kw, found.hi_kw
        if kind == "row":
            around[0][at], around[1][at] = found.around_kw or (found.lo_kw, found.hi_kw)
        if not math.isnan(found.wish_kw):
            if kind == "asset":
                wish[at] = found.wished_kw
            else:
                lo[at] = hi[at] = found.wished_kw
    return Verdict(
        asset_lo_kw=asset_lo,
        asset_hi_kw=asset_hi,
        asset_wish_kw=wish,
        asset_owner=owners["asset"],
        row_lo_kw=row_lo,
        row_hi_kw=row_hi,
        row_around_kw=around,
        row_owner=owners["row"],
        alarms=tuple(alarms),
        limits=dict(limits),
        lapsed=dict(fallen),
    )


def _bounds_of(proposal: Proposal, fallen: bool) -> tuple[float, float]:
    if fallen:
        return proposal.failsafe_lo_kw, proposal.failsafe_hi_kw
    return proposal.lo_kw, proposal.hi_kw


def _conflict(lower: Proposal, higher: Proposal | None, end_kw: float) -> Alarm:
    by = f"{higher.owner}'s {higher.id} ({higher.reason})" if higher else "the rating"
    return Alarm(
        code="CONFLICT",
        subject=str(lower.scope),
        text=f"{lower.owner}'s {lower.id} ({lower.reason}) contradicts {by}, "
        f"which ranks higher: held at {end_kw:g} kW",
    )


def _failsafe(limit: Proposal) -> Alarm:
    return Alarm(
        code="GRID_FAILSAFE" if limit.rank is Rank.GRID_OPERATOR else "LIMIT_FAILSAFE",
        subject=str(limit.scope),
        text=f"{limit.owner}'s {limit.id} ended without a new one: {limit.failsafe_lo_kw:g} to "
        f"{limit.failsafe_hi_kw:g} kW until a fresh limit "
        f"has stood for {HEARTBEAT_S:g} s",
    )
