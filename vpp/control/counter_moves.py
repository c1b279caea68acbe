"""What one storage gives up another takes at the same moment, however unlike their dead times.

Told in the same tick, the quick one moves before the slow one, and for as long as their dead times
differ the grid sees the share that moves between them. So the slow one is told first, and the quick
one when its own command no longer comes too early: when it brings the pool nearer to what is wanted
at the moment at which it acts.
"""

from dataclasses import dataclass

import numpy as np

from vpp.control.expected_power import Recall
from vpp.control.sharing import CLOSE_KW
from vpp.domain.arrays import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flight:
    """What has been told, and when it acts."""

    recall: Recall
    now_s: float
    tick_s: float

    def too_early(self, change_kw: Floats, want_kw: float, members: Bools, urgent: Bools) -> Bools:
        """Changes that have to wait, shape (assets,).

        Args:
            change_kw: From what each was told to what it would be told now.
            want_kw: Power of the members.
            members: The storages.
            urgent: Told at once, whatever it does to the pool.
        """
        early = np.zeros(len(change_kw), dtype=np.bool_)
        moving = members & (change_kw != 0)
        ticks = np.round(self.recall.pool.dead_s / self.tick_s)
        delays = np.unique(ticks[moving])
        changed_kw = 0.0
        for delay in delays:
            here = moving & (ticks == delay)
            acting_kw = self._acting_kw(float(delay))[members]
            lacks_kw = want_kw - float(acting_kw.sum()) - changed_kw
            last = delay == delays[-1] and self._all_landed(acting_kw, members)
            told = here if last else _nearer(here, change_kw, lacks_kw) | (here & urgent)
            changed_kw += float(change_kw[told].sum())
            early |= here & ~told
        return early

    def _acting_kw(self, ticks: float) -> Floats:
        """What will be in force after so many ticks of what has been told."""
        when_s = self.now_s + ticks * self.tick_s
        return self.recall.in_force(np.full(self.recall.pool.count, when_s))

    def _all_landed(self, acting_kw: Floats, members: Bools) -> bool:
        return bool((np.abs(acting_kw - self.recall.told_kw[-1, members]) <= CLOSE_KW).all())


def _nearer(here: Bools, change_kw: Floats, lacks_kw: float) -> Bools:
    """All of these changes, or those that do not lead further away from what is lacking."""
    if abs(lacks_kw - float(change_kw[here].sum())) <= abs(lacks_kw) + CLOSE_KW:
        return here
    told = np.zeros(len(here), dtype=np.bool_)
    for at in np.flatnonzero(here & (change_kw * lacks_kw > 0)):
        if abs(lacks_kw - change_kw[at]) <= abs(lacks_kw) + CLOSE_KW:
            told[at] = True
            lacks_kw -= float(change_kw[at])
    return told
