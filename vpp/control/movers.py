"""Which devices are written now.

As few as possible, none too often, and the pool's total still right.

Most devices hold their block while a few regulate. A device that may not be written yet counts at
its old value, and its change goes to
another one in the same tick. Hours left decides the shares over minutes, the movers act within
them.
"""

from dataclasses import dataclass

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.counter_moves import Flight
from vpp.control.sharing import CLOSE_KW, Bounds
from vpp.domain.arrays import Bools, Floats

REBALANCE_S = 300.0
"""How long a device may hold a block that differs from its share."""
REBALANCE_PART = 0.1
"""Difference worth a write, as a part of the device's rating."""
AT_HOME_PART = 0.02
"""The same where a share is what its site needs: a block that is not flows through two meters."""
DEADBAND_PART = 0.005
"""Of the storages' rated power: a smaller difference waits until it has added up."""
AT_ONCE = 8
"""Deadbands of difference that do not wait."""
PATIENCE_S = 5.0
"""How long a difference of one deadband may last before devices are moved for it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fleet:
    """The storages that are decided this tick, arrays of shape (assets,)."""

    member: Bools
    held_kw: Floats
    """What each was told; measured power where nothing was."""
    share_kw: Floats
    """From ``sharing``."""
    lo_kw: Floats
    """Range for a new setpoint."""
    hi_kw: Floats
    keep_lo_kw: Floats
    """Range in which what is held may stay."""
    keep_hi_kw: Floats
    bounds: Bounds
    """On the sum of the storages in each row."""
    free: Bools
    """May be written now by its interval and budget."""
    waited_s: Floats
    """Since it was last told something new."""
    let_go: Bools
    """Holds what somebody had a say on, who has none any more."""
    at_home: bool = False
    """Whether sites serve themselves before each other, exchange within the pool having a price."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moved:
    """What came of it, arrays of shape (assets,)."""

    power_kw: Floats
    urgent: Bools
    """Moved although its write interval has not passed: a limit demands it."""
    waits: Bools
    """Held to what it was told until its move no longer comes too early."""
    owed_kws: float


def move(
    want_kw: float,
    fleet: Fleet,
    pool: CompiledPool,
    flight: Flight,
    owed_kws: float,
    dt_s: float,
) -> Moved:
    """New power of every storage, as few changes as the want allows.

    Args:
        want_kw: Power of the storages.
        fleet: The storages.
        pool: The pool.
        flight: What has been told, and when it acts.
        owed_kws: What smaller differences have added up to so far.
        dt_s: Since the tick before.
    """
    forced, urgent = _forced(fleet, pool)
    power = _rebalanced(forced, fleet, pool)
    wrong = want_kw - float(power[fleet.member].sum())
    owed_kws += wrong * dt_s
    band = DEADBAND_PART * float(np.maximum(pool.hi_kw, -pool.lo_kw)[fleet.member].sum())
    regulates = abs(wrong) > AT_ONCE * band or abs(owed_kws) > band * PATIENCE_S
    regulates = regulates or bool((power != forced).any())
    if regulates:
        power = _turned(want_kw, power, fleet)
        power = _regulated(want_kw, power, fleet, pool)
    power = _stepped(power, fleet, pool)
    waits = _waiting(want_kw, power, urgent, fleet, pool, flight)
    return Moved(
        power_kw=np.where(waits, fleet.held_kw, power),
        urgent=urgent,
        waits=waits,
        owed_kws=0.0 if regulates and not waits.any() else owed_kws,
    )


def _waiting(
    want_kw: float,
    power: Floats,
    urgent: Bools,
    fleet: Fleet,
    pool: CompiledPool,
    flight: Flight,
) -> Bools:
    """Who is not told yet; nobody beneath a row whose bounds leave no room for one move alone."""
    waits = flight.too_early(power - fleet.held_kw, want_kw, fleet.member, urgent)
    sums = pool.rows.sums(np.where(fleet.member, np.where(waits, fleet.held_kw, power), 0.0))
    over, under = _beyond(sums, fleet.bounds)
    return waits & ~pool.rows.below(over | under)


def _beyond(sums: Floats, bounds: Bounds) -> tuple[Bools, Bools]:
    return sums > bounds.most_kw + CLOSE_KW, sums < bounds.least_kw - CLOSE_KW


def _forced(fleet: Fleet, pool: CompiledPool) -> tuple[Floats, Bools]:
    """What a limit demands at once.

    Devices outside their range, and shares under a row that is exceeded.
    """
    outside = (fleet.held_kw < fleet.keep_lo_kw - CLOSE_KW) | (
        fleet.held_kw > fleet.keep_hi_kw + CLOSE_KW
    )
    inside = np.where(outside, np.clip(fleet.held_kw, fleet.lo_kw, fleet.hi_kw), fleet.held_kw)
    power = np.where(fleet.member, inside, 0.0)
    over, under = _beyond(pool.rows.sums(power), fleet.bounds)
    lower = pool.rows.below(over) & (fleet.share_kw < power)
    higher = pool.rows.below(under) & (fleet.share_kw > power)
    power = np.where(fleet.member & (lower | higher), fleet.share_kw, power)
    held = np.where(fleet.member, fleet.held_kw, 0.0)
    return power, np.abs(power - held) > CLOSE_KW


def _turned(want_kw: float, power: Floats, fleet: Fleet) -> Floats:
    """Devices that work against the pool stop, unless their share says that they must."""
    against = (power * want_kw < 0) & (fleet.share_kw * power <= 0)
    idle = (want_kw == 0) & (fleet.share_kw == 0)
    return np.where(fleet.free & (against | idle), np.clip(0.0, fleet.lo_kw, fleet.hi_kw), power)


def _rebalanced(power: Floats, fleet: Fleet, pool: CompiledPool) -> Floats:
    """Blocks that have differed from their share for long, and those that never were one."""
    rating = np.maximum(pool.hi_kw, -pool.lo_kw)
    part = AT_HOME_PART if fleet.at_home else REBALANCE_PART
    off = np.abs(fleet.share_kw - power) > part * rating
    well = (fleet.share_kw == 0) | (np.abs(fleet.share_kw) >= pool.efficient_min_kw)
    due = fleet.member & fleet.free & (fleet.waited_s >= REBALANCE_S) & off & well
    back = fleet.member & fleet.free & fleet.let_go
    holds = np.where(well, fleet.share_kw, np.clip(0.0, fleet.lo_kw, fleet.hi_kw))
    return np.where(due | back, holds, power)


def _regulated(want_kw: float, power: Floats, fleet: Fleet, pool: CompiledPool) -> Floats:
    """The rest of the want goes to the devices furthest from their share, one after the other.

    Among devices equally far the one that has waited longest comes first, so that regulating
    rotates.
    """
    wrong = want_kw - float(power[fleet.member].sum())
    lo, hi = _same_way(want_kw, power, fleet)
    up = wrong > 0
    room = hi - power if up else power - lo
    able = np.flatnonzero(fleet.member & fleet.free & (room > CLOSE_KW))
    away = (fleet.share_kw - power)[able] * (1 if up else -1)
    power, sums = power.copy(), pool.rows.sums(power)
    for asset in able[np.lexsort((-fleet.waited_s[able], -np.round(away, 3)))]:
        if abs(wrong) < max(pool.resolution_kw[asset] / 2, CLOSE_KW) or (wrong > 0) is not up:
            break
        path = pool.rows.paths[pool.rows.asset_row[asset]]
        limits = fleet.bounds.most_kw if up else fleet.bounds.least_kw
        sign = 1.0 if up else -1.0
        spare = min(max(sign * float(limits[row] - sums[row]), 0.0) for row in path)
        step = min(abs(wrong), float(room[asset]), spare) * sign
        new = holdable(
            float(power[asset]) + step, int(asset), pool, float(lo[asset]), float(hi[asset])
        )
        change = new - float(power[asset])
        power[asset] = new
        sums[list(path)] += change
        wrong -= change
    return power


def _same_way(want_kw: float, power: Floats, fleet: Fleet) -> tuple[Floats, Floats]:
    """Ranges that keep every device on the pool's side of zero, or where a limit has put it."""
    if want_kw > 0:
        return np.maximum(fleet.lo_kw, np.minimum(power, 0.0)), fleet.hi_kw
    if want_kw < 0:
        return fleet.lo_kw, np.minimum(fleet.hi_kw, np.maximum(power, 0.0))
    return (
        np.maximum(fleet.lo_kw, np.minimum(power, 0.0)),
        np.minimum(fleet.hi_kw, np.maximum(power, 0.0)),
    )


def holdable(power_kw: float, asset: int, pool: CompiledPool, lo_kw: float, hi_kw: float) -> float:
    """The nearest power that the device can hold well.

    In its allowed set, not below its efficient minimum.
    """
    least = float(pool.efficient_min_kw[asset])
    if 0 < abs(power_kw) < least:
        worth_it = abs(power_kw) >= least / 2 and lo_kw <= np.copysign(least, power_kw) <= hi_kw
        power_kw = float(np.copysign(least, power_kw)) if worth_it else min(max(0.0, lo_kw), hi_kw)
    if pool.gapped[asset]:
        part = pool.allowed[asset].within(lo_kw, hi_kw)
        power_kw = part.nearest(power_kw) if part is not None else pool.allowed[asset].nearest(0.0)
    step = float(pool.resolution_kw[asset])
    whole = round(power_kw / step) * step if step > 0 else power_kw
    return whole if lo_kw <= whole <= hi_kw else power_kw


def _stepped(power: Floats, fleet: Fleet, pool: CompiledPool) -> Floats:
    """Whole steps of the device's resolution, towards zero.

    What has not moved stays as it was told.
    """
    step = pool.resolution_kw
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = np.where(step > 0, np.trunc(np.round(power / step, 6)) * step, power)
    whole = np.where(
        (whole >= fleet.lo_kw - CLOSE_KW) & (whole <= fleet.hi_kw + CLOSE_KW), whole, power
    )
    return np.where(np.abs(power - fleet.held_kw) <= CLOSE_KW, fleet.held_kw, whole)
