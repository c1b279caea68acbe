"""Surplus goes to the storage that loses least, as far as no surplus still to come is lost by it.

With rooms ``R``, powers ``P`` (sums over a set of storages) and ``G(p)`` the part of a coming
surplus that lies below a power ``p``, the storages can still take in at most::

    F = least over all sets A of  R(A) + G(P(all) - P(A))

(maximum flow, minimum cut); among sets of equal power the cut holds those with the fewest hours
left to fill. Hours left, levelled, keeps F as high as it can be. ``G`` is concave, so what may be
given out while F stays that high is a polymatroid, and giving each storage in turn, the best first,
all that leaves F as it is, is the best of all such shares.

What comes is not known; what it will stay below is. Let ``G_T`` be the part below ``p`` of the
highest ``T`` hours of that ceiling. A share that lowers F for none of the ``G_T`` lowers it for no
surplus under the ceiling: the tangent to its ``G`` at the power beside any set A, of slope T, is a
``G_T`` and a constant at that power, and nowhere below ``G``.

Stored energy may lie behind too little power as well. Unless all that a share by merit leaves in
store can be given out within a day to the least deficit foreseen, or as much as by hours left,
hours left decide alone. Deficits are always shared by hours left.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from vpp.control.rows import Rows, totals
from vpp.control.sharing import CLOSE_KW, Bounds, Fleet, share, then_rest, water_level
from vpp.domain.arrays import Bools, Floats, Ints

CLOSE_KWH = 1e-6
DAY_S = 86400.0
MERIT_STEP = 0.005
HOURS_STEP = 0.05
MOST_GROUPS = 48
"""Storages within these steps count as one: what is found for them is levelled among them. With
more groups than that, hours are told apart less finely."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """A power over time, none negative."""

    power_kw: Floats
    """Mean of each slot, shape (slots,)."""
    hours: Floats

    @cached_property
    def _highest_first(self) -> tuple[Floats, Floats]:
        falling = np.argsort(-self.power_kw)
        return self.power_kw[falling, None], self.hours[falling, None]

    def kwh_below(self, power_kw: Floats) -> Floats:
        """The energy that storages of these powers can follow of all of it, shape (powers,)."""
        return np.asarray(self.highest_below(power_kw)[-1])

    def highest_below(self, power_kw: Floats) -> Floats:
        """The same of the highest slots only: none, one, ... all; shape (slots + 1, powers)."""
        heights, hours = self._highest_first
        below = np.zeros((len(heights) + 1, len(power_kw)))
        np.cumsum(np.minimum(heights, power_kw) * hours, axis=0, out=below[1:])
        return below


@dataclass(frozen=True, kw_only=True, eq=False)
class Coming:
    """What the pool's storages may meet after the running slot, within a day."""

    most_surplus: Steps
    """Up to where it would bring their store highest."""
    least_deficit: Steps
    """After that."""

    @classmethod
    def of(cls, least_net_kw: Floats, edges_s: Floats) -> "Coming":
        """From the lowest net that the slots after the running one may bring."""
        day = int(np.searchsorted(edges_s[1:], edges_s[0] + DAY_S + CLOSE_KWH))
        hours, net = np.diff(edges_s)[:day] / 3600.0, least_net_kw[:day]
        top = int(np.concatenate([[0.0], np.cumsum(-net * hours)]).argmax())
        return cls(
            most_surplus=Steps(power_kw=np.maximum(-net[:top], 0.0), hours=hours[:top]),
            least_deficit=Steps(power_kw=np.maximum(net[top:], 0.0), hours=hours[top:]),
        )


def best_first(
    want_kw: float, fleet: Fleet, rows: Rows, bounds: Bounds, merit: Floats, coming: Coming | None
) -> Floats:
    """As ``share``; of a surplus the best storages take what is no loss later.

    Args:
        want_kw: Power of the pool's storages.
        fleet: The storages.
        rows: The tree.
        bounds: On the storages in each row.
        merit: What each gives back of a kWh it takes, shape (assets,).
        coming: None where nothing is foreseen: hours left decide, as where the plan has worths.
    """
    by_hours = share(want_kw, fleet, rows, bounds)
    able = fleet.member & (fleet.hi_kw > CLOSE_KW)
    unlike = able.any() and np.ptp(merit[able]) > MERIT_STEP
    if want_kw <= 0 or coming is None or fleet.worth is not None or not unlike:
        return by_hours
    harmless = _harmless(want_kw, fleet, able, merit, coming.most_surplus)
    capped = replace(fleet, hi_kw=np.maximum(harmless, np.minimum(fleet.hi_kw, 0.0)))
    first = share(min(want_kw, float(harmless.sum())), capped, rows, bounds)
    by_merit = then_rest(want_kw, first, fleet, rows, bounds)
    deficit = coming.least_deficit
    held_kwh = _unused(by_merit, fleet, deficit) - _unused(by_hours, fleet, deficit)
    return by_hours if held_kwh > CLOSE_KWH else by_merit


def _unused(power_kw: Floats, fleet: Fleet, deficit: Steps) -> float:
    """Of what is stored once these powers have been taken, what the deficit cannot use, kWh."""
    discharge = fleet.discharge_kw[fleet.member]
    stored = fleet.empty_h[fleet.member] * discharge
    stored = stored + power_kw[fleet.member] * fleet.level_h
    rooms, beside = _cuts(stored, discharge, float(discharge.sum()))
    return float(stored.sum() - (rooms + deficit.kwh_below(beside)).min())


def _harmless(want_kw: float, fleet: Fleet, able: Bools, merit: Floats, surplus: Steps) -> Floats:
    """Most that each may be given, the best first, shape (assets,)."""
    at = np.flatnonzero(able)
    power, hours = fleet.charge_kw[at], fleet.fill_h[at]
    most = np.minimum(fleet.hi_kw[at] * fleet.level_h, power * hours)
    left = min(want_kw * fleet.level_h, float(most.sum()))
    alone = water_level(np.array([left]), np.zeros(len(at), np.int64), hours, power, most)
    needed = _least(power * hours - alone, power, float(power.sum()), surplus)
    group = _alike(merit[at], hours)
    groups = _Groups.of(group, power, hours, most)
    given = _given(left, groups, needed, surplus)
    harmless = np.zeros(len(able))
    harmless[at] = water_level(given, group, hours, power, most) / fleet.level_h
    return harmless


def _alike(merit: Floats, hours: Floats) -> Ints:
    """Group of each storage, numbered from the best."""
    step, kind = HOURS_STEP, -np.round(merit / MERIT_STEP)
    while True:
        keys = kind * 1e6 + np.round(hours / step)
        group = np.unique(keys, return_inverse=True)[1]
        if group.max() < MOST_GROUPS or step > hours.max():
            return group
        step *= 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class _Groups:
    """Storages alike as one each, the best first, arrays of shape (groups,)."""

    room_kwh: Floats
    power_kw: Floats
    most_kwh: Floats
    """That the running slot may bring."""

    @classmethod
    def of(cls, group: Ints, power_kw: Floats, hours: Floats, most_kwh: Floats) -> "_Groups":
        groups = int(group.max()) + 1
        return cls(
            room_kwh=totals(group, power_kw * hours, groups),
            power_kw=totals(group, power_kw, groups),
            most_kwh=totals(group, most_kwh, groups),
        )


def _given(left: float, groups: _Groups, needed: Floats, surplus: Steps) -> Floats:
    """Energy of each group, the best first: all that leaves at least what is needed."""
    room, power = groups.room_kwh, groups.power_kw
    given = np.zeros(len(room))
    for one in range(len(room)):
        others = np.arange(len(room)) != one
        rest = _least((room - given)[others], power[others], float(power[others].sum()), surplus)
        harmless = room[one] + float((rest - needed).min())
        given[one] = min(max(harmless, 0.0), groups.most_kwh[one], left)
        left -= given[one]
        if left <= CLOSE_KWH:
            break
    return given


def _cuts(room: Floats, power: Floats, in_all: float) -> tuple[Floats, Floats]:
    """Room of each set with the fewest hours left, and the power beside it."""
    rising = np.argsort(room / np.maximum(power, CLOSE_KW))
    rooms = np.concatenate([[0.0], np.cumsum(room[rising])])
    powers = np.concatenate([[0.0], np.cumsum(power[rising])])
    return rooms, np.maximum(in_all - powers, 0.0)


def _least(room: Floats, power: Floats, in_all: float, surplus: Steps) -> Floats:
    """The least cut for each number of highest slots, shape (slots + 1,)."""
    rooms, beside = _cuts(room, power, in_all)
    return np.asarray((rooms + surplus.highest_below(beside)).min(axis=1))
