"""Everything that lives in the control loop, entered and left in the right order."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Generic, Self

from vpp.control.alarms import AlarmBoard
from vpp.control.authority import AuthorityBook
from vpp.control.heartbeats import Heartbeats
from vpp.control.held_back import held_back
from vpp.control.inputs import PoolModel, State
from vpp.control.live_facts import LiveFacts
from vpp.control.loop import ControlLoop, Surroundings, TickView
from vpp.control.marks import Marker
from vpp.control.means import SlotMeans
from vpp.control.outcome_book import OutcomeBook
from vpp.control.pace import Pace
from vpp.control.parents import Parents
from vpp.control.parting import Left
from vpp.control.pool_loop import Guidance, PoolLoop, Rehearse, Step, unrehearsed
from vpp.control.proposing import Proposing
from vpp.control.recording import Recorder
from vpp.control.rehearsals import Rehearsals
from vpp.control.safe_exit import SafeExit
from vpp.control.sensing import Sensing
from vpp.control.shadow_book import ShadowBook
from vpp.control.state_table import StateTable
from vpp.control.tenure import Tenure
from vpp.control.write_gate import WriteGate
from vpp.domain.assets import Pv
from vpp.domain.ids import DeviceId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Proposal
from vpp.ports.device import DevicePort
from vpp.ports.sources import Source
from vpp.ports.store import Audit, History


class OnExit(StrEnum):
    """What becomes of the devices when the daemon ends."""

    SAFE = "safe"
    """Every device is told its safe state."""
    RELEASE = "release"
    """Setpoints run to their expiry, so that a successor adopts them without a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the control room is given by the outside."""

    audit: Audit
    history: History
    guidance: Guidance
    state_dir: Path
    tenure: Tenure
    sources: Mapping[str, Source] = field(default_factory=dict)
    limits: Mapping[str, Proposal] = field(default_factory=dict)
    """By proposal id, from before a restart: those that must not lapse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brain(Generic[State]):
    """The pure tick, and the state it begins with at a city monotonic time."""

    step: Step[State]
    start: Callable[[PoolModel, float], State]
    rehearse: Rehearse[State] = unrehearsed


class ControlRoom(Generic[State]):
    """Reads, decides and writes from entering to leaving, which ends in safe states by default."""

    def __init__(
        self,
        portfolio: Portfolio,
        ports: Mapping[DeviceId, DevicePort],
        services: Services,
        brain: Brain[State],
        pace: Pace,
        *,
        observe: bool = False,
    ) -> None:
        """``observe``: the whole loop runs, and not one byte is written."""
        self.pace, self._services = pace, services
        self._plants = [asset for asset in portfolio.assets.values() if isinstance(asset, Pv)]
        self.on_exit = OnExit.SAFE
        facts = LiveFacts(ports)
        audit, timing = services.audit, pace.timing
        self.authority = AuthorityBook(
            services.state_dir,
            portfolio.devices,
            audit=audit,
            pace=pace,
            digests={device: port.facts.profile_digest for device, port in ports.items()},
            observe=observe,
        )
        self.table = StateTable(portfolio, facts, timing, self.authority.of)
        self.gate = WriteGate(
            portfolio, ports, table=self.table, audit=audit, tenure=services.tenure, pace=pace
        )
        self.outcomes = OutcomeBook(
            portfolio,
            facts,
            timing=timing,
            audit=audit,
            authority=self.authority,
            ledger=self.gate.ledger,
        )
        self.gate.listen(self.outcomes.take)
        self.sensing = Sensing(
            devices=portfolio.devices,
            ports=ports,
            table=self.table,
            identities=self.authority,
            pace=pace,
        )
        self.board = AlarmBoard(audit)
        self.shadows = ShadowBook(audit)
        self._heartbeats = Heartbeats(ports, gate=self.gate, audit=audit, pace=pace)
        self._marker = Marker(portfolio)
        self.means = SlotMeans(portfolio, hold_s=timing.freshness_s)
        self._recorder = Recorder(self.means, services.history, wire=pace.wire)
        self._safe_exit = SafeExit(
            portfolio, facts, gate=self.gate, sensing=self.sensing, table=self.table, pace=pace
        )
        models = [
            PoolModel(portfolio=portfolio, pool=pool, facts=facts.frozen(), timing=timing)
            for pool in portfolio.pools
        ]
        now_s = pace.city.monotonic()
        self.loop: ControlLoop[State] = ControlLoop(
            [
                PoolLoop(model, brain.start(model, now_s), brain.step, brain.rehearse)
                for model in models
            ],
            Parents(portfolio),
            Surroundings(
                table=self.table,
                facts=facts,
                gate=self.gate,
                outcomes=self.outcomes,
                board=self.board,
                rehearsals=Rehearsals(self.gate, self.shadows),
                shadows=self.shadows,
                guidance=services.guidance,
                proposing=Proposing(services.sources),
                limits=services.limits,
            ),
            pace,
            [self._record],
        )
        self._sensing_stack, self._deciding_stack = AsyncExitStack(), AsyncExitStack()
        self._stopped: tuple[Left, ...] | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as entering:
            for living in (self.authority, self.gate, self.sensing, self._recorder):
                await entering.enter_async_context(living)
            self._sensing_stack = entering.pop_all()
        await self._deciding_stack.enter_async_context(self._heartbeats)
        await self._deciding_stack.enter_async_context(self.loop)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.stop(self.on_exit)
        finally:
            await self._sensing_stack.aclose()

    async def stop(self, on_exit: OnExit) -> tuple[Left, ...]:
        """End deciding, and leave every device as asked; how each asset was left, empty on release.

        Sensing goes on until the context is left. A second call changes nothing.
        """
        if self._stopped is None:
            await self._deciding_stack.aclose()
            self.shadows.close()
            if on_exit is OnExit.SAFE:
                self._stopped = await self._safe_exit.run()
            else:
                self.gate.close()
                self._stopped = ()
            city = self.pace.city
            self.outcomes.observe(self.table.freeze(0, city.now(), city.monotonic()))
            self.outcomes.close()
        return self._stopped

    def _record(self, view: TickView[State]) -> None:
        held = held_back(self._plants, self.gate.ledger, view.snapshot)
        marks = self._marker.marks(view.snapshot, view.results, view.alarms)
        self._recorder.observe(view.snapshot, marks | {(p, Quantity.HELD_BACK) for p in held})
