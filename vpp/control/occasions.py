"""When a plan is made anew: by the clock, or because of what has changed or was measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from vpp.control.deviation import Deviation, Expected
from vpp.control.means import SlotMeans
from vpp.control.outlook import SLOT_S
from vpp.control.planning_causes import CLOCK, FIRST, Basis
from vpp.control.realised import Realised, realised
from vpp.domain.forecast import Forecast
from vpp.domain.held import Held
from vpp.domain.ids import PoolId
from vpp.domain.plan import Plan
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.problem import Problem
from vpp.domain.slots import slot_start
from vpp.domain.snapshot import Snapshot

LOOK_S = 15.0
"""City seconds from one look for deviations to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """When to plan, and how far ahead."""

    every_s: float = SLOT_S
    """City seconds between plans without any other cause."""
    horizon_s: float = 36 * 3600.0
    after_slot_s: float = 5.0
    """City seconds into a slot, so that the means of the one before are on record."""
    limits_s: float = 60.0
    """City seconds between plans that nothing but a limit asks for, however often it changes."""
    deviation_s: float = 300.0
    """City seconds from any plan to one that a deviation asks for: at most two in a quarter hour,
    since what is measured tells nothing before that either."""
    deadline_s: float = 20.0
    """On the wire."""
    pause_s: float = 0.25
    """Least pause between two rounds, on the wire; never shorter than the round before took."""


USUAL = Rhythm()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What one tick saw and believed."""

    snapshot: Snapshot
    held: Mapping[PoolId, Held]
    basis: Basis
    means: SlotMeans | None
    """Of the slot that runs; lives on after the tick."""

    def realised(self, portfolio: Portfolio) -> Realised:
        return {} if self.means is None else realised(portfolio, self.means)


class Occasions:
    """Asked every tick."""

    def __init__(self, portfolio: Portfolio, rhythm: Rhythm) -> None:
        self._portfolio, self._rhythm = portfolio, rhythm
        self._stands_on: Basis | None = None
        self._expected: dict[PoolId, Expected] = {}
        self._due_s = self._taken_s = self._looked_s = -float("inf")

    def causes(self, seen: Seen, *, anew: bool = False) -> tuple[str, ...]:
        """Why to plan now; nothing where the last plan is good enough.

        ``anew``: look for deviations though that was done a moment ago.
        """
        if self._stands_on is None:
            return (FIRST,)
        now_s, rhythm = seen.snapshot.now_s, self._rhythm
        changes = seen.basis.since(self._stands_on)
        if now_s >= self._due_s:
            return (CLOCK, *changes)
        rested_s = now_s - self._taken_s
        if changes and (
            rested_s >= rhythm.limits_s or not seen.basis.limits_alone(self._stands_on)
        ):
            return changes
        if rested_s < rhythm.deviation_s or (now_s < self._looked_s + LOOK_S and not anew):
            return ()
        self._looked_s = now_s
        return tuple(str(one) for one in self._deviations(seen))

    def taken(self, seen: Seen) -> None:
        """A round of planning begins with this."""
        snapshot, every_s = seen.snapshot, self._rhythm.every_s
        self._stands_on, self._taken_s = seen.basis, snapshot.now_s
        start = slot_start(snapshot.at, timedelta(seconds=every_s))
        into_slot_s = (snapshot.at - start).total_seconds()
        self._due_s = snapshot.now_s - into_slot_s + every_s + self._rhythm.after_slot_s

    def planned(
        self,
        made: Mapping[PoolId, tuple[Problem, Plan]],
        forecasts: Mapping[tuple[str, Quantity], Forecast],
        told: Realised,
    ) -> None:
        """This came of it, and measurements are judged by it from now on."""
        for pool, (problem, plan) in made.items():
            self._expected[pool] = Expected.of(problem, plan, forecasts, told)

    def _deviations(self, seen: Seen) -> Iterator[Deviation]:
        at, measured = seen.snapshot.at, seen.realised(self._portfolio)
        for pool, expected in self._expected.items():
            if (off := expected.net_off(measured, at)) is not None:
                yield off
            held = seen.held.get(pool)
            if held is not None and (off := expected.stored_off(held, at)) is not None:
                yield off
