"""Who of the pool's storages takes how much: hours left, levelled, inside every limit of the tree.

Surplus goes first to the storage with the most hours left to fill, deficit to the one with the most
hours left to empty; those that are level share by power. Where the plan says that a stored kWh is
worth more in one place, worth comes before hours.
"""

from dataclasses import dataclass, replace

import numpy as np

from vpp.control.rows import Rows, totals
from vpp.domain.arrays import Bools, Floats, Ints

ROUNDS = 8
"""Levels of the tree in which limits may bind one inside the other.

What is left after them is cut by safety.
"""
CLOSE_KW = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fleet:
    """The storages that share, arrays of shape (assets,); everything else has no reach."""

    member: Bools
    lo_kw: Floats
    hi_kw: Floats
    fill_h: Floats
    """Hours left to fill at full power."""
    empty_h: Floats
    charge_kw: Floats
    discharge_kw: Floats
    """Magnitude."""
    worth: Floats | None = None
    """What a stored kWh is worth at each storage; None: hours left decide."""
    level_h: float = 0.25
    """Time in which hours left are levelled: the slot, or the tick where that is longer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bounds:
    """Bounds on the sum of the storages in each row, shape (rows,)."""

    least_kw: Floats
    most_kw: Floats


def share(want_kw: float, fleet: Fleet, rows: Rows, bounds: Bounds) -> Floats:
    """Power of each storage, shape (assets,).

    Summing up to what is wanted as far as ranges and rows allow.

    A row that would be exceeded gets its bound as a total of its own, shared among its members; the
    rest goes to the others. No storage works against the pool unless a row's bound forces it.
    """
    fixed: dict[int, float] = {0: want_kw}
    kw = _filled(fixed, fleet, rows)
    for _ in range(ROUNDS):
        sums = rows.sums(kw)
        beyond = (sums > bounds.most_kw + CLOSE_KW) | (sums < bounds.least_kw - CLOSE_KW)
        beyond[list(fixed)] = False
        found = [int(row) for row in np.flatnonzero(beyond)]
        outermost = [row for row in found if not beyond[list(rows.paths[row][1:])].any()]
        if not outermost:
            break
        for row in outermost:
            fixed[row] = float(min(max(sums[row], bounds.least_kw[row]), bounds.most_kw[row]))
        kw = _filled(fixed, fleet, rows)
    return kw


def own_first(want_kw: float, fleet: Fleet, rows: Rows, bounds: Bounds, own_kw: Floats) -> Floats:
    """As ``share``, but every site's storages serve their own surplus or deficit before others'.

    Args:
        want_kw: Power of the pool's storages.
        fleet: The storages.
        rows: The tree.
        bounds: On the storages in each row.
        own_kw: What would balance each row by itself, shape (rows,); NaN where that does not count.
    """
    own = np.where(np.isnan(own_kw), np.inf, np.maximum(own_kw * np.sign(want_kw), 0.0))
    home = Bounds(
        least_kw=np.clip(-own, bounds.least_kw, bounds.most_kw),
        most_kw=np.clip(own, bounds.least_kw, bounds.most_kw),
    )
    return then_rest(want_kw, share(want_kw, fleet, rows, home), fleet, rows, bounds)


def then_rest(want_kw: float, first: Floats, fleet: Fleet, rows: Rows, bounds: Bounds) -> Floats:
    """What is given first, and the rest of the want by hours left on top of it."""
    taken = rows.sums(first)
    rest = replace(
        fleet,
        lo_kw=np.minimum(fleet.lo_kw - first, 0.0),
        hi_kw=np.maximum(fleet.hi_kw - first, 0.0),
    )
    left = Bounds(least_kw=bounds.least_kw - taken, most_kw=bounds.most_kw - taken)
    return first + share(want_kw - float(taken[0]), rest, rows, left)


def _filled(fixed: dict[int, float], fleet: Fleet, rows: Rows) -> Floats:
    """Every row with a total of its own shares it, less the totals inside it.

    Among its other members.
    """
    order = {row: group for group, row in enumerate(fixed)}
    inner = dict(fixed)
    for row, total in fixed.items():
        above = next((up for up in rows.paths[row][1:] if up in fixed), None)
        if above is not None:
            inner[above] -= total
    want = np.array(
        [min(max(inner[row], min(fixed[row], 0.0)), max(fixed[row], 0.0)) for row in fixed]
    )
    group_of_row = np.array(
        [order[next(up for up in rows.paths[row] if up in fixed)] for row in range(len(rows))]
    )
    return _levelled(want, group_of_row[rows.asset_row], fleet)


def _levelled(want_kw: Floats, group: Ints, fleet: Fleet) -> Floats:
    """Each group's want among its members, from the most hours left down."""
    base = np.clip(0.0, fleet.lo_kw, fleet.hi_kw)
    left = want_kw - totals(group, base, len(want_kw))
    up = (left > 0)[group]
    room = np.where(up, fleet.hi_kw - base, base - fleet.lo_kw)
    power = np.where(up, fleet.charge_kw, fleet.discharge_kw)
    hours = _ranked(np.where(up, fleet.fill_h, fleet.empty_h), up, power, room, fleet)
    portion = water_level(np.abs(left), group, hours, power / fleet.level_h, room)
    return np.asarray(base + np.where(up, portion, -portion))


def _ranked(hours: Floats, up: Bools, power: Floats, room: Floats, fleet: Fleet) -> Floats:
    """Hours left, lifted by whole storeys where worth differs.

    So that the better place is full before the next begins.
    """
    if fleet.worth is None:
        return hours
    _, place = np.unique(np.round(fleet.worth, 9), return_inverse=True)
    place = np.where(up, place, place.max() - place)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(power > 0, room * fleet.level_h / power, 0.0)
    return np.asarray(hours + place * (hours.max() + depth.max() + 1.0))


def water_level(want: Floats, group: Ints, hours: Floats, per_hour: Floats, room: Floats) -> Floats:
    """Portions whose hours are level from the top down and that sum up to each group's want.

    At most its room.

    Args:
        want: Magnitude wanted of each group, shape (groups,).
        group: Group of each member, shape (members,).
        hours: Height of each member.
        per_hour: Portion that lowers a member by one hour.
        room: Largest portion of each member.
    """
    hours = np.where(room > 0, hours, 0.0)
    level = _level(want, group, hours, per_hour, room)
    portion = np.minimum(np.maximum((hours - level[group]) * per_hour, 0.0), room)
    rest = np.maximum(want - totals(group, portion, len(want)), 0.0)
    return _topped_up(portion, rest, group, room)


def _level(want: Floats, group: Ints, hours: Floats, per_hour: Floats, room: Floats) -> Floats:
    """Hours down to which the members of each group are lowered; 0 where all is not enough.

    What a group has taken grows on the way down in straight pieces, from one height at which some
    member begins, or is full, to the next.
    """
    each = np.arange(len(want))
    lasts = np.divide(room, per_hour, out=np.full(len(room), np.inf), where=per_hour > 0)
    of = np.concatenate([group, group, each])
    height = np.concatenate([hours, np.maximum(hours - lasts, 0.0), np.zeros(len(each))])
    order = np.lexsort((-height, of))
    of, height = of[order], height[order]
    slope = np.concatenate([per_hour, -per_hour, np.zeros(len(each))])[order].cumsum()
    first = np.searchsorted(of, each)
    fall = np.where(of[:-1] == of[1:], height[:-1] - height[1:], 0.0)
    taken = np.concatenate([[0.0], (slope[:-1] * fall).cumsum()])
    taken -= taken[first][of]
    last = first + np.bincount(of[taken <= want[of]], minlength=len(each)) - 1
    lower = np.minimum(last + 1, first + np.bincount(of, minlength=len(each)) - 1)
    steep = np.maximum(slope[last], 1e-12)
    return np.asarray(np.maximum(height[last] - (want - taken[last]) / steep, height[lower]))


def _topped_up(portion: Floats, rest: Floats, group: Ints, room: Floats) -> Floats:
    """What levelling left over goes to all by the room they have left."""
    spare = room - portion
    sums = totals(group, spare, len(rest))
    part = np.minimum(1.0, rest / np.maximum(sums, 1e-12))
    return np.asarray(portion + spare * part[group])
