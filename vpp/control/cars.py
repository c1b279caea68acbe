"""Cars: the guaranteed minimum until a departure is known, envelopes where one is.

And a part of the surplus.

A station can give nothing, or its floor and above. A wish below the floor becomes one of the two,
each held for a dwell, and the energy
difference is carried in the session. A guaranteed car is never below its floor but for a
protection.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.safety import Range
from vpp.control.sharing import Bounds
from vpp.control.state import AssetMemory, SessionMemory
from vpp.domain.arrays import Bools, Floats
from vpp.domain.assets import EvCharger
from vpp.domain.ids import AssetId
from vpp.domain.plan import Envelope, Plan
from vpp.domain.session import EvSession

DWELL_S = 300.0
"""Least time on and least time off."""
SHARE_HOLD_S = 30.0
"""How long a part of the surplus is kept before it is changed for a better one."""
SHARE_STEP_PART = 0.1
LATE_PART = 0.9
"""A car that needs more than this part of its greatest power until it leaves gets all of it."""
WORTH_WITHOUT_PLAN = 1.0
"""Of a kWh given to a car now: it replaces one of import later, without a storage's losses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one car should get now, kW."""

    asset: int
    least_kw: float
    most_kw: float
    guaranteed: bool
    worth: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cars:
    """Power offered to each car, shape (assets,), and the memory that goes with it."""

    power_kw: Floats
    asked_kw: Floats
    """Before any limit of a node cut it."""
    guaranteed_kw: Floats
    shares_kw: Floats
    carried_kwh: Floats
    sessions: Mapping[str, SessionMemory] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """When, and with which plan."""

    at: datetime
    now_s: float
    dt_s: float
    plan: Plan | None
    """None below the plan's rungs."""


def wishes(
    pool: CompiledPool,
    decided: Bools,
    ranges: Range,
    sessions: Mapping[AssetId, EvSession | None],
    memory: Mapping[str, SessionMemory],
    occasion: Occasion,
) -> tuple[list[Wish], dict[str, SessionMemory]]:
    """What every car at a decided station should get."""
    plan = occasion.plan
    envelopes = {} if plan is None else {e.asset: e for e in plan.envelopes}
    found: list[Wish] = []
    kept: dict[str, SessionMemory] = {}
    for at in np.flatnonzero(decided & pool.car):
        asset = pool.assets[at]
        session, charger = sessions.get(asset), pool.asset[at]
        if session is None or not isinstance(charger, EvCharger):
            continue
        envelope = envelopes.get(asset)
        served = None
        if envelope is not None and envelope.appointment == session.id:
            kept[asset] = _base(session, memory.get(asset), occasion)
            served = envelope, kept[asset]
        top_kw = min(session.max_kw or charger.max_kw, float(ranges.hi_kw[at]))
        found.append(_wish(int(at), charger, session, top_kw, served, occasion))
    return found, kept


def _base(session: EvSession, known: SessionMemory | None, occasion: Occasion) -> SessionMemory:
    """What the session had received when its plan was first seen."""
    issued_s = occasion.plan.issued_at.timestamp() if occasion.plan is not None else 0.0
    if known is not None and (known.session, known.issued_s) == (session.id, issued_s):
        return known
    return SessionMemory(session=session.id, issued_s=issued_s, base_kwh=session.delivered_kwh)


def _wish(
    at: int,
    charger: EvCharger,
    session: EvSession,
    top_kw: float,
    served: tuple[Envelope, SessionMemory] | None,
    occasion: Occasion,
) -> Wish:
    if session.departure is None:
        kw = min(charger.guaranteed_kw, top_kw)
        return Wish(asset=at, least_kw=kw, most_kw=kw, guaranteed=True, worth=WORTH_WITHOUT_PLAN)
    need_kwh = session.need_kwh if session.need_kwh is not None else charger.default_need_kwh
    left_kwh = max(need_kwh - session.delivered_kwh, 0.0)
    stay_h = max((session.departure - occasion.at).total_seconds(), occasion.dt_s, 1.0) / 3600.0
    even_kw = left_kwh / stay_h
    if even_kw > LATE_PART * top_kw:
        return Wish(
            asset=at, least_kw=top_kw, most_kw=top_kw, guaranteed=True, worth=WORTH_WITHOUT_PLAN
        )
    most_kw = top_kw if left_kwh > 0 else 0.0
    if served is None or occasion.plan is None:
        return Wish(
            asset=at, least_kw=even_kw, most_kw=most_kw, guaranteed=False, worth=WORTH_WITHOUT_PLAN
        )
    envelope, known = served
    slot = occasion.plan.grid.index(occasion.at) or 0
    hours = (
        max(float(occasion.plan.grid.edges_s[slot + 1]) - occasion.at.timestamp(), 60.0) / 3600.0
    )
    got_kwh = session.delivered_kwh - known.base_kwh
    least_kw = min(max((float(envelope.least_kwh[slot]) - got_kwh) / hours, 0.0), top_kw)
    most_kw = min(max((float(envelope.most_kwh[slot]) - got_kwh) / hours, least_kw), most_kw)
    return Wish(
        asset=at,
        least_kw=least_kw,
        most_kw=max(most_kw, least_kw),
        guaranteed=False,
        worth=envelope.worth,
    )


def decide(
    pool: CompiledPool,
    wanted: list[Wish],
    memory: AssetMemory,
    surplus_kw: float,
    storage: tuple[float, float],
    occasion: Occasion,
) -> Cars:
    """What every car is offered.

    Args:
        pool: The pool.
        wanted: From ``wishes``.
        memory: Of the tick before.
        surplus_kw: Power that is certainly left over without cars and storages; 0 or more.
        storage: What a kWh put into storage now is worth, and how much power storage can take.
        occasion: When, and with which plan.
    """
    power, guaranteed = np.zeros(pool.count), np.zeros(pool.count)
    shares = np.zeros(pool.count)
    carried = np.where(pool.car, memory.carried_kwh, 0.0)
    left_kw = surplus_kw - sum(w.least_kw for w in wanted)
    extra = _extra(pool, wanted, memory, left_kw, storage, occasion.now_s)
    for wish in wanted:
        at = wish.asset
        shares[at] = extra[at]
        kw = wish.least_kw + extra[at]
        floor_kw = float(pool.car_floor_kw[at])
        if wish.guaranteed:
            power[at] = guaranteed[at] = max(kw, floor_kw)
            carried[at] = 0.0
            continue
        told = memory.told_kw[at]
        was_on = bool(told > 0)
        carried[at] += (kw - (told if was_on else 0.0)) * occasion.dt_s / 3600.0
        on = _on(kw, floor_kw, float(carried[at]), was_on, occasion.now_s - memory.switched_s[at])
        if kw >= floor_kw:
            carried[at] = 0.0
        power[at] = max(kw, floor_kw) if on else 0.0
    return Cars(
        power_kw=power,
        asked_kw=power,
        guaranteed_kw=guaranteed,
        shares_kw=shares,
        carried_kwh=carried,
    )


def _on(kw: float, floor_kw: float, carried_kwh: float, was_on: bool, since_s: float) -> bool:
    """Whether to charge at all, by what is owed to the session; not before a dwell has passed."""
    if since_s < DWELL_S:
        return was_on
    if kw >= floor_kw > 0:
        return True
    block_kwh = floor_kw * DWELL_S / 3600.0 / 2
    if kw <= 0 and carried_kwh < block_kwh:
        return False
    return carried_kwh > (-block_kwh if was_on else block_kwh)


def _extra(
    pool: CompiledPool,
    wanted: list[Wish],
    memory: AssetMemory,
    left_kw: float,
    storage: tuple[float, float],
    now_s: float,
) -> Floats:
    """Part of the surplus for each car.

    Before storage where that is worth more, else what storage leaves.
    """
    extra = np.zeros(pool.count)
    worth, takes_kw = storage
    for first in (True, False):
        group = [w for w in wanted if (w.worth >= worth) is first and w.most_kw > w.least_kw]
        room = sum(w.most_kw - w.least_kw for w in group)
        given_kw = min(max(left_kw if first else left_kw - takes_kw, 0.0), room)
        for wish in group:
            part_kw = (wish.most_kw - wish.least_kw) * given_kw / room
            extra[wish.asset] = _held(part_kw, wish, memory, now_s)
        left_kw -= given_kw
    return extra


def _held(part_kw: float, wish: Wish, memory: AssetMemory, now_s: float) -> float:
    """The share given before while it is nearly right.

    So that cars are not told something new every tick.
    """
    before_kw = float(memory.share_kw[wish.asset])
    span_kw = wish.most_kw - wish.least_kw
    near = abs(part_kw - before_kw) <= SHARE_STEP_PART * span_kw
    young = now_s - float(memory.told_s[wish.asset]) < SHARE_HOLD_S
    return min(before_kw, span_kw) if near or (young and part_kw > before_kw) else part_kw


def fitted(pool: CompiledPool, cars: Cars, without: Bounds, with_help: Bounds) -> Floats:
    """Offers cut so that every row holds, shape (assets,).

    What is above the guaranteed minimum shares what is left pro rata, storages standing still; the
    minimum itself is cut only where not even their help suffices.
    """
    above = cars.power_kw - np.minimum(cars.power_kw, cars.guaranteed_kw)
    sure = cars.power_kw - above
    power = sure + above * _fits(pool, above, without.most_kw - pool.rows.sums(sure))
    power = power * _fits(pool, power, with_help.most_kw)
    return whole(pool, power)


def whole(pool: CompiledPool, power: Floats) -> Floats:
    """Offers, and nothing where one is below its station's floor."""
    return np.where(power < pool.car_floor_kw - 1e-9, 0.0, power)


def _fits(pool: CompiledPool, asked: Floats, room: Floats) -> Floats:
    sums = pool.rows.sums(asked)
    some = sums > 1e-9
    part = np.where(some, np.clip(room, 0.0, sums) / np.where(some, sums, 1.0), 1.0)
    return pool.rows.least(part)
