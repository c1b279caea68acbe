"""One pool as the loop runs it: its model, its state, its newest result."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Generic, Protocol

from vpp.control.inputs import (
    Alarm,
    CommandNews,
    Decision,
    Handed,
    PoolModel,
    Rehearsed,
    State,
    TickInputs,
    TickResult,
)
from vpp.domain.facts import DeviceFacts
from vpp.domain.forecast import Forecast
from vpp.domain.ids import DeviceId, PoolId, SiteId
from vpp.domain.plan import Plan
from vpp.domain.proposal import Proposal
from vpp.domain.snapshot import Snapshot

Step = Callable[[State, TickInputs], TickResult[State]]
"""The pure tick."""
Rehearse = Callable[[State, Rehearsed[State] | None, TickInputs], Rehearsed[State] | None]
"""What devices in shadow would be told: from the state that the tick began with, and the last
rehearsal."""


def unrehearsed(_: State, __: Rehearsed[State] | None, ___: TickInputs) -> None:
    """A brain that knows no shadows."""


class Guidance(Protocol):
    """Where plans and forecasts are looked up each tick; cheap."""

    @property
    def plans(self) -> Mapping[PoolId, Plan]: ...

    @property
    def site_forecasts(self) -> Mapping[SiteId, tuple[Forecast, ...]]: ...

    def alarms(self) -> Iterable[Alarm]:
        """Why a plan or a forecast is missing."""
        ...


class PoolLoop(Generic[State]):
    """Holds the state between ticks; a step that raises changes nothing."""

    def __init__(
        self,
        model: PoolModel,
        state: State,
        step: Step[State],
        rehearse: Rehearse[State] = unrehearsed,
    ) -> None:
        self.model, self._state, self._step = model, state, step
        self._before, self._rehearse = state, rehearse
        self._rehearsed: Rehearsed[State] | None = None
        self.inputs: TickInputs | None = None
        """Of the newest tick, for recording and replay."""
        self.result: TickResult[State] | None = None
        """Of the newest tick that completed."""
        self._news: list[CommandNews] = []
        self._assets = frozenset(model.portfolio.assets_of_pool(model.pool))

    def fit(self, facts: Mapping[DeviceId, DeviceFacts]) -> None:
        """Decide by these facts from now on; cheap while they are the same object."""
        if facts is not self.model.facts:
            self.model = replace(self.model, facts=facts)

    def hear(self, news: Sequence[CommandNews]) -> None:
        """Keep what concerns this pool until a tick has taken it in."""
        self._news.extend(one for one in news if one.asset in self._assets)

    def tick(
        self,
        snapshot: Snapshot,
        guidance: Guidance,
        proposals: tuple[Proposal, ...],
        handed: Handed,
    ) -> TickResult[State]:
        """Decide once, inside what the nodes above leave."""
        self.inputs = TickInputs(
            model=self.model,
            snapshot=snapshot,
            plan=guidance.plans.get(self.model.pool),
            proposals=proposals,
            news=tuple(self._news),
            site_forecasts=guidance.site_forecasts,
            handed=handed,
        )
        result = self._step(self._state, self.inputs)
        self._before, self._state, self.result = self._state, result.state, result
        self._news.clear()
        return result

    def rehearse(self) -> tuple[Decision, ...]:
        """What devices in shadow would be told by the newest tick, which it cannot change."""
        last, self._rehearsed = self._rehearsed, None
        if self.inputs is not None:
            self._rehearsed = self._rehearse(self._before, last, self.inputs)
        return () if self._rehearsed is None else self._rehearsed.commands
