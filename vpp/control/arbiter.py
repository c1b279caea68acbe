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
    alarms: list[Alarm] = field(default_factory=list)

    def take(self, proposal: Proposal, lo_kw: float, hi_kw: float) -> None:
        """Intersect; where nothing is left.

        Clamp the lower rank to the nearest end and name both.
        """
        if lo_kw > self.hi_kw or hi_kw < self.lo_kw:
            other = self.hi_by if lo_kw > self.hi_kw else self.lo_by
            end_kw = self.hi_kw if lo_kw > self.hi_kw else self.lo_kw
            self.alarms.append(_conflict(proposal, other, end_kw))
            self.lo_kw = self.hi_kw = end_kw
        else:
            if lo_kw > self.lo_kw:
                self.lo_kw, self.lo_by = lo_kw, proposal
            if hi_kw < self.hi_kw:
                self.hi_kw, self.hi_by = hi_kw, proposal
        if proposal.wish_kw is not None and math.isnan(self.wish_kw):
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

    Args:
        places: What may be bounded.
        proposals: As the sources give them now.
        limits: Limits remembered from ticks before.
        lapsed: Those that have fallen to their failsafe.
        now_s: City monotonic.
    """
    given = {p.id: p for p in proposals}
    limits = {p.id: p for p in limits.values() if given.get(p.id, p).ending is Ending.FAILSAFE}
    limits |= {p.id: p for p in given.values() if p.ending is Ending.FAILSAFE}
    fallen = {p.id: p.valid_until_s for p in limits.values() if p.valid_until_s <= now_s}
    alarms = [_failsafe(limits[name]) for name in sorted(fallen)]
    bounds: dict[tuple[str, int], _Bounds] = {}
    for proposal in sorted({**given, **limits}.values(), key=lambda p: (p.rank, p.id)):
        where = places.of(proposal.scope)
        if where is None or (proposal.valid_until_s <= now_s and proposal.id not in fallen):
            continue
        lo_kw, hi_kw = _bounds_of(proposal, proposal.id in fallen)
        bounds.setdefault(where, _Bounds()).take(proposal, lo_kw, hi_kw)
    return _verdict(places, bounds, alarms, limits, fallen)


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
    owners: dict[str, dict[int, Proposal]] = {"asset": {}, "row": {}}
    for (kind, at), found in bounds.items():
        alarms += found.alarms
        by = found.wish_by or found.hi_by or found.lo_by
        if by is not None:
            owners[kind][at] = by
        lo, hi = (asset_lo, asset_hi) if kind == "asset" else (row_lo, row_hi)
        lo[at], hi[at] = found.lo_kw, found.hi_kw
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
        f"{limit.failsafe_hi_kw:g} kW until a fresh limit comes",
    )
