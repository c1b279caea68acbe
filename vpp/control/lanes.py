"""Every limit that cars stand under, kW of a row or amperes of a phase, as one kind of thing.

A lane has room for so much; an asset takes its weight per kW of every lane it lies in.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.rows import NONE, Currents, totals
from vpp.domain.arrays import Bools, Floats, Ints

ROUNDS = 8
"""In which who was left out looks again at what the others have left."""
CLOSE = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """Lanes of which each asset lies in one at most, arrays of shape (assets,)."""

    lane: Ints
    """-1 for none."""
    per_kw: Floats

    @cached_property
    def inside(self) -> Ints:
        """Assets that lie in one."""
        return np.flatnonzero(self.lane != NONE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lanes:
    """Rows first, then phase rows."""

    count: int
    levels: tuple[Level, ...]

    def sums(self, power_kw: Floats) -> Floats:
        """What powers take of each lane, shape (lanes,)."""
        total = np.zeros(self.count)
        for level in self.levels:
            weights = (power_kw * level.per_kw)[level.inside]
            total += totals(level.lane[level.inside], weights, self.count)
        return total

    def least(self, of_lanes: Floats) -> Floats:
        """Least value over the lanes that hold each asset, shape (assets,)."""
        ends = np.append(of_lanes, np.inf)
        return np.asarray(np.min([ends[level.lane] for level in self.levels], axis=0))

    def part(self, asked_kw: Floats, room: Floats) -> Floats:
        """The part of what is asked for which every lane has room, 0..1, shape (assets,)."""
        sums = self.sums(asked_kw)
        some = sums > CLOSE
        part = np.where(
            some, np.minimum(np.maximum(room, 0.0), sums) / np.where(some, sums, 1.0), 1.0
        )
        return np.minimum(self.least(part), 1.0)

    def admitted(self, order: Ints, whole_kw: Floats, room: Floats) -> Bools:
        """Who of those in line gets all of what it asks, one behind the other, shape (assets,).

        Args:
            order: Assets, the first in line first.
            whole_kw: What each asks, shape (assets,).
            room: Of each lane.
        """
        found = np.zeros(len(whole_kw), dtype=np.bool_)
        for _ in range(ROUNDS):
            left = room - self.sums(np.where(found, whole_kw, 0.0))
            order = order[~found[order] & self._alone(order, whole_kw, left)]
            if not len(order):
                break
            found[order[self._behind(order, whole_kw, left)]] = True
        return found

    def _alone(self, order: Ints, whole_kw: Floats, left: Floats) -> Bools:
        """Whose whole would fit by itself."""
        fits = np.ones(len(order), dtype=np.bool_)
        for level in self.levels:
            lane = level.lane[order]
            need = (whole_kw * level.per_kw)[order]
            fits &= (lane == NONE) | (need <= left[lane] + CLOSE)
        return fits

    def _behind(self, order: Ints, whole_kw: Floats, left: Floats) -> Bools:
        """Whose whole fits behind those of all before it in every lane."""
        fits = np.ones(len(order), dtype=np.bool_)
        for level in self.levels:
            lane = level.lane[order]
            by_lane = np.argsort(lane, kind="stable")
            lane, need = lane[by_lane], (whole_kw * level.per_kw)[order][by_lane]
            run = np.cumsum(need)
            begins = np.flatnonzero(np.append(True, lane[1:] != lane[:-1]))
            length = np.diff(np.append(begins, len(lane)))
            ahead = run - np.repeat(run[begins] - need[begins], length)
            fits[by_lane] &= (lane == NONE) | (ahead <= left[lane] + CLOSE)
        return fits


@lru_cache(maxsize=64)
def lanes_of(pool: CompiledPool) -> Lanes:
    """Worked out once per pool."""
    rows, phases = len(pool.rows), pool.phases
    levels = [Level(lane=chain, per_kw=np.ones(pool.count)) for chain in pool.rows.chain]
    place = np.zeros(len(phases.member), dtype=np.int64)
    seen = np.zeros(pool.count, dtype=np.int64)
    for at, member in enumerate(phases.member.tolist()):
        place[at] = seen[member]
        seen[member] += 1
    for turn in range(int(seen.max(initial=0))):
        here = place == turn
        lane, per_kw = np.full(pool.count, NONE, dtype=np.int64), np.zeros(pool.count)
        lane[phases.member[here]] = rows + phases.member_row[here]
        per_kw[phases.member[here]] = phases.a_per_kw[here]
        levels.append(Level(lane=lane, per_kw=per_kw))
    return Lanes(count=rows + len(phases), levels=tuple(levels))


def room_of(pool: CompiledPool, most_kw: Floats, currents: Currents, other_kw: Floats) -> Floats:
    """What cars may take of each lane, shape (lanes,).

    Args:
        pool: The pool.
        most_kw: Of the sum of cars in each row.
        currents: On everything that is steered.
        other_kw: What else is steered will take, shape (assets,).
    """
    return np.concatenate([most_kw, currents.most_a - pool.phases.sums(other_kw)])
