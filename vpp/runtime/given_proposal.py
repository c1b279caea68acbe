"""A proposal as people and programs write it: plain data, from a file or a command."""

import math
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from vpp.domain.errors import InvariantError
from vpp.domain.plain_words import stated
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Ending, Proposal, Rank, Scope, ScopeKind
from vpp.ports.clock import Clock

KEYS = {
    "id", "scope", "owner", "rank", "lo_kw", "hi_kw", "wish_kw", "reason", "until", "ending",
    "failsafe_lo_kw", "failsafe_hi_kw",
}  # fmt: skip
LONG_AGO_S = 86400.0
"""For how long an end has been over does not matter beyond that."""


def read_scope(text: str, portfolio: Portfolio) -> Scope:
    """A scope written as ``kind:id``, or as an id alone: then the first kind that has it.

    What settles is both a pool and a node: its id alone means the pool.

    Raises:
        InvariantError: nothing of this name exists.
    """
    kind, _, name = text.rpartition(":")
    known: dict[ScopeKind, Sequence[str]] = {
        ScopeKind.ASSET: tuple(portfolio.assets),
        ScopeKind.SITE: tuple(portfolio.sites),
        ScopeKind.POOL: tuple(portfolio.pools),
        ScopeKind.NODE: tuple({*map(str, portfolio.nodes)} - {*map(str, portfolio.sites)}),
        ScopeKind.PORTFOLIO: (portfolio.id,),
    }
    if kind and kind not in tuple(ScopeKind):
        raise InvariantError(f"{kind!r} is no kind of scope; one of {', '.join(ScopeKind)}")
    if kind == ScopeKind.NODE:
        known[ScopeKind.NODE] = tuple(portfolio.nodes)
    found = [k for k, ids in known.items() if name in ids and kind in ("", k)]
    if not found:
        raise InvariantError(f"nothing is called {text!r}{_instead(name, kind, known)}")
    return Scope(kind=found[0], id=name)


def _instead(name: str, kind: str, known: Mapping[ScopeKind, Sequence[str]]) -> str:
    """What is called alike, or what there is to choose from."""
    names = sorted({one for k, ids in known.items() if kind in ("", k) for one in ids})
    close = get_close_matches(name, names, n=3)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"; there are {', '.join(names[:12])}{more}"


def read_proposal(
    given: Mapping[str, Any], *, portfolio: Portfolio, city: Clock, rank: Rank
) -> Proposal:
    """A proposal from plain data: ``scope``, ``reason``, bounds or ``wish_kw``, ``until``.

    Raises:
        InvariantError: it contradicts itself, or a field is missing or of the wrong kind.
    """
    unknown = set(given) - KEYS
    if unknown:
        raise InvariantError(
            f"unknown {', '.join(sorted(unknown))}; known: {', '.join(sorted(KEYS))}"
        )
    for key in ("scope", "until"):
        if not given.get(key):
            raise InvariantError(f"{key} is missing")
    until = datetime.fromisoformat(str(given["until"]))
    if until.tzinfo is None:
        raise InvariantError(
            f"until {given['until']} has no time zone; write it as 2026-07-15T12:00:00+09:00"
        )
    wish = given.get("wish_kw")
    return Proposal(
        id=str(given.get("id") or uuid.uuid4().hex[:8]),
        scope=read_scope(str(given["scope"]), portfolio),
        owner=stated(given.get("owner") or "operator", "owner"),
        rank=Rank[str(given["rank"]).upper()] if "rank" in given else rank,
        lo_kw=_kw(given, "lo_kw", -math.inf),
        hi_kw=_kw(given, "hi_kw", math.inf),
        wish_kw=None if wish is None else _kw(given, "wish_kw", 0.0),
        reason=stated(given.get("reason"), "reason"),
        valid_until_s=city.monotonic() + (until - city.now()).total_seconds(),
        ending=Ending(given.get("ending", Ending.WITHDRAW)),
        failsafe_lo_kw=_kw(given, "failsafe_lo_kw", -math.inf),
        failsafe_hi_kw=_kw(given, "failsafe_hi_kw", math.inf),
    )


def write_proposal(proposal: Proposal, city: Clock) -> Mapping[str, Any]:
    """The same as plain data, for ``read_proposal`` of another run."""
    left_s = max(proposal.valid_until_s - city.monotonic(), -LONG_AGO_S)
    most = datetime.max.replace(tzinfo=UTC) - city.now()
    until = city.now() + timedelta(seconds=min(left_s, most.total_seconds() - 1))
    bounds = ("lo_kw", "hi_kw", "failsafe_lo_kw", "failsafe_hi_kw")
    return {
        "id": proposal.id,
        "scope": str(proposal.scope),
        "owner": proposal.owner,
        "rank": proposal.rank.name.lower(),
        "reason": proposal.reason,
        "until": until.isoformat(),
        "ending": str(proposal.ending),
        **({} if proposal.wish_kw is None else {"wish_kw": proposal.wish_kw}),
        **{key: kw for key in bounds if math.isfinite(kw := getattr(proposal, key))},
    }


def _kw(given: Mapping[str, Any], key: str, missing: float) -> float:
    value = given.get(key)
    if value is None:
        return missing
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvariantError(f"{key} is {value!r}, expected a number of kW")
    if not math.isfinite(value):
        raise InvariantError(f"{key} is {value}, expected a number of kW; without it, no bound")
    return float(value)
