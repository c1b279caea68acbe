"""What cars want now: the guaranteed minimum until a departure is known, envelopes where one is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.state import SessionMemory
from vpp.domain.arrays import Bools, Floats
from vpp.domain.assets import EvCharger
from vpp.domain.ids import AssetId
from vpp.domain.plan import Envelope, Plan
from vpp.domain.session import EvSession

LEAST_KW = 1e-6
WORTH_WITHOUT_PLAN = 1.0
"""Of a kWh given to a car now: it replaces one of import later, without a storage's losses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one car should get now, kW."""

    least_kw: float
    most_kw: float
    left_kwh: float = 0.0
    stay_h: float = 0.0
    guaranteed: bool = False
    worth: float = WORTH_WITHOUT_PLAN


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wishes:
    """What every car should get, arrays of shape (assets,); 0 for what is no decided car."""

    least_kw: Floats
    most_kw: Floats
    top_kw: Floats
    """Most that it could take."""
    left_kwh: Floats
    """Of its need; 0 while its departure is unknown."""
    stay_h: Floats
    """Until it leaves."""
    guaranteed: Bools
    worth: Floats
    same: Bools
    """Its session is that of the tick before: what it is owed stands."""
    sessions: Mapping[str, SessionMemory]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """When, and with which plan."""

    at: datetime
    now_s: float
    dt_s: float
    plan: Plan | None
    """None below the plan's rungs."""
    late_part: float
    """As ``Timing.late_part``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Most:
    """Most that each car may be offered, arrays of shape (assets,)."""

    told_kw: Floats
    """By every range of its own."""
    worth_kw: Floats
    """By what the car of the tick before takes."""


def wishes(
    pool: CompiledPool,
    decided: Bools,
    may: Most,
    sessions: Mapping[AssetId, EvSession | None],
    memory: Mapping[str, SessionMemory],
    occasion: Occasion,
) -> Wishes:
    """What every car at a decided station should get.

    Args:
        pool: The pool.
        decided: Whose offers this tick decides.
        may: Most that each may be offered.
        sessions: By asset.
        memory: Of the tick before.
        occasion: When, and with which plan.
    """
    plan = occasion.plan
    envelopes = {} if plan is None else {e.asset: e for e in plan.envelopes}
    least, most, top, worth, left, stay = (np.zeros(pool.count) for _ in range(6))
    guaranteed, same = (np.zeros(pool.count, dtype=np.bool_) for _ in range(2))
    kept: dict[str, SessionMemory] = {}
    able, told, worth_it = decided.tolist(), may.told_kw.tolist(), may.worth_kw.tolist()
    for at, charger in pool.chargers:
        session = sessions.get(charger.id)
        if session is None:
            continue
        known = memory.get(charger.id)
        envelope = envelopes.get(charger.id)
        if envelope is not None and envelope.appointment != session.id:
            envelope = None
        kept[charger.id] = _known(session, known, occasion, served=envelope is not None)
        same[at] = known is not None and known.session == session.id
        if not able[at]:
            continue
        top_kw = min(session.most_kw(charger), told[at])
        top_kw = min(top_kw, worth_it[at]) if same[at] else top_kw
        wish = _wish(charger, session, top_kw, envelope, kept[charger.id], occasion)
        least[at], most[at], worth[at] = wish.least_kw, wish.most_kw, wish.worth
        top[at], guaranteed[at] = top_kw, wish.guaranteed
        left[at], stay[at] = wish.left_kwh, wish.stay_h
    return Wishes(
        least_kw=least,
        most_kw=most,
        top_kw=top,
        left_kwh=left,
        stay_h=stay,
        guaranteed=guaranteed,
        worth=worth,
        same=same,
        sessions=kept,
    )


def _known(
    session: EvSession, known: SessionMemory | None, occasion: Occasion, *, served: bool
) -> SessionMemory:
    """What the session had received when the plan that serves it was first seen."""
    plan = occasion.plan
    issued_s = plan.issued_at.timestamp() if plan is not None and served else 0.0
    if known is not None and (known.session, known.issued_s) == (session.id, issued_s):
        return known
    return SessionMemory(session=session.id, issued_s=issued_s, base_kwh=session.delivered_kwh)


def _wish(
    charger: EvCharger,
    session: EvSession,
    top_kw: float,
    envelope: Envelope | None,
    known: SessionMemory,
    occasion: Occasion,
) -> Wish:
    if session.departure is None:
        kw = min(charger.guaranteed_kw, top_kw)
        return Wish(least_kw=kw, most_kw=kw, guaranteed=True)
    need_kwh = session.need_kwh if session.need_kwh is not None else charger.default_need_kwh
    left_kwh = max(need_kwh - session.delivered_kwh, 0.0)
    stay_h = max((session.departure - occasion.at).total_seconds(), occasion.dt_s, 1.0) / 3600.0
    even_kw = left_kwh / stay_h
    if left_kwh > 0 and even_kw > occasion.late_part * top_kw - LEAST_KW:
        return Wish(least_kw=top_kw, most_kw=top_kw, guaranteed=True)
    most_kw = top_kw if left_kwh > 0 else 0.0
    plain = Wish(least_kw=even_kw, most_kw=most_kw, left_kwh=left_kwh, stay_h=stay_h)
    if envelope is None or occasion.plan is None:
        return plain
    slot = occasion.plan.grid.index(occasion.at) or 0
    hours = (
        max(float(occasion.plan.grid.edges_s[slot + 1]) - occasion.at.timestamp(), 60.0) / 3600.0
    )
    got_kwh = session.delivered_kwh - known.base_kwh
    least_kw = min(max((float(envelope.least_kwh[slot]) - got_kwh) / hours, 0.0), top_kw)
    most_kw = min(max((float(envelope.most_kwh[slot]) - got_kwh) / hours, least_kw), most_kw)
    most_kw = max(most_kw, least_kw)
    return replace(plain, least_kw=least_kw, most_kw=most_kw, worth=envelope.worth)
