"""Who charges now: a station gives nothing, or its floor and above.

What a car should get below its floor, by its own wish or because a limit leaves no more, becomes
one of the two, each held for a dwell; the difference is owed to the session. So cars that do not
all fit take turns, the one that is owed most first.
"""

from dataclasses import dataclass

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.lanes import Lanes
from vpp.control.state import AssetMemory
from vpp.domain.arrays import Bools, Floats

DWELL_S = 300.0
"""Least time on and least time off."""
PAY_BACK_H = 0.5
"""In which what is owed is given or taken back where more than the floor is possible."""
ON_KW = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ask:
    """What cars should get before any limit of a node, arrays of shape (assets,)."""

    kw: Floats
    top_kw: Floats
    """Most that may be told."""
    guaranteed: Bools
    able: Bools
    """Its floor may be told."""
    idle: Bools
    """Draws nothing of what it is offered: it gets its floor once all others have theirs."""
    left_kwh: Floats
    """Of what it needs until it leaves; 0 where that is unknown."""
    stay_h: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Room:
    """What cars may take of each lane, shape (lanes,)."""

    alone: Floats
    """Storages standing still."""
    helped: Floats
    """Storages helping as far as they can."""
    rising: Floats
    """By the ramp after a start, which never stops anybody."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """Where each car stands, arrays of shape (assets,)."""

    on: Bools
    dwells: Bools
    """Switched so lately that only a protection may switch it."""
    owed_kwh: Floats
    block_kwh: Floats
    """Half of what one turn gives."""


def dwell_s(pool: CompiledPool, memory: AssetMemory, on: Bools, day_left_s: float) -> Floats:
    """Least time on and least time off.

    Longer where a station may not be started often enough to change it so often for all of the day.
    """
    left = np.maximum(pool.starts - memory.starts, 0.0)
    return np.asarray(np.maximum(DWELL_S, day_left_s / np.maximum(2 * left + on, 1.0)))


def fair(ask: Ask, lanes: Lanes, room: Room) -> Floats:
    """What each would get if any power were possible, kW.

    What is above the guaranteed minimum shares what is left pro rata, storages standing still; the
    minimum itself is cut only where not even their help suffices.
    """
    kw = np.where(ask.able, ask.kw, 0.0)
    sure, above = np.where(ask.guaranteed, kw, 0.0), np.where(ask.guaranteed, 0.0, kw)
    alone, helped = (np.minimum(room.rising, of) for of in (room.alone, room.helped))
    both = sure + above * lanes.part(above, alone - lanes.sums(sure))
    return both * lanes.part(both, helped)


def chosen(pool: CompiledPool, ask: Ask, line: Line, lanes: Lanes, room: Room) -> Bools:
    """Who charges."""
    floor_kw = pool.car_floor_kw
    due = np.where(line.on, line.owed_kwh > -line.block_kwh, line.owed_kwh > line.block_kwh) & (
        (ask.kw > 0) | (line.owed_kwh >= line.block_kwh)
    )
    due |= ask.guaranteed | ((ask.kw >= floor_kw) & (ask.kw > 0)) | _finishing(pool, ask, line)
    due |= ask.idle
    stays = ask.able & line.dwells & line.on
    enters = ask.able & due & ~line.dwells
    urge = line.owed_kwh + np.where(line.on, line.block_kwh, 0.0)
    line_up = np.lexsort((pool.jitter, -urge, ~ask.guaranteed, ask.idle, ~stays))
    first = line_up[(stays | (enters & ask.guaranteed))[line_up]]
    found = lanes.admitted(first, floor_kw, room.helped)
    others = line_up[(enters & ~ask.guaranteed & ~stays)[line_up]]
    left = np.minimum(room.alone, room.helped) - lanes.sums(np.where(found, floor_kw, 0.0))
    found |= lanes.admitted(others, floor_kw, left)
    goes_on, begins = found & line.on, found & ~line.on
    left = room.rising - lanes.sums(np.where(goes_on, floor_kw, 0.0))
    return goes_on | lanes.admitted(line_up[begins[line_up]], floor_kw, left)


def _finishing(pool: CompiledPool, ask: Ask, line: Line) -> Bools:
    """Who charges and would not get the rest in time, or hardly any rest, after a pause."""
    after_kwh = (ask.stay_h - DWELL_S / 3600.0) * pool.car_floor_kw
    last = (ask.left_kwh <= line.block_kwh) | (ask.left_kwh > after_kwh)
    return line.on & (ask.left_kwh > 0) & last


def powers(
    pool: CompiledPool, wanted_kw: Floats, on: Bools, guaranteed: Bools, lanes: Lanes, room: Room
) -> Floats:
    """What those who charge are offered: their floors, and of what is above what there is room for.

    Args:
        pool: The pool.
        wanted_kw: What each should be offered, its floor at least.
        on: Who charges.
        guaranteed: Whose wish is served with the help of storages.
        lanes: Of the pool.
        room: Of each lane.
    """
    floor = np.where(on, pool.car_floor_kw, 0.0)
    above = np.where(on, np.maximum(wanted_kw - floor, 0.0), 0.0)
    sure, rest = np.where(guaranteed, above, 0.0), np.where(guaranteed, 0.0, above)
    alone, helped = (np.minimum(room.rising, of) for of in (room.alone, room.helped))
    given = floor + sure * lanes.part(sure, helped - lanes.sums(floor))
    return given + rest * lanes.part(rest, alone - lanes.sums(given))
