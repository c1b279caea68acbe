"""A whole control room around fakes, with a step that does what a test says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.vpp.control.living.fakes import FakeAudit, FakeHistory, NoGuidance, pace
from vpp.control.control_room import Brain, ControlRoom, Services
from vpp.control.inputs import Alarm, Decision, PoolModel, TickInputs, TickResult, Timing
from vpp.control.pool_loop import Rehearse, unrehearsed
from vpp.control.tenure import Tenure
from vpp.domain.ids import DeviceId
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Proposal
from vpp.ports.clock import Clock
from vpp.ports.device import DevicePort
from vpp.ports.sources import Source

Decide = Callable[[TickInputs], Sequence[Decision]]


@dataclass
class FakeStep:
    """Decides what the test says, and remembers what it was asked."""

    decide: Decide = lambda _: ()
    asked: list[TickInputs] = field(default_factory=list)
    alarms: tuple[Alarm, ...] = ()
    fails: bool = False

    def __call__(self, state: int, inputs: TickInputs) -> TickResult[int]:
        self.asked.append(inputs)
        if self.fails:
            raise ZeroDivisionError("a defect")
        commands = tuple(self.decide(inputs))
        return TickResult(
            state=state + 1,
            commands=commands,
            wanted_kw=np.full(len(inputs.snapshot.layout.assets), np.nan),
            decided=frozenset(inputs.model.portfolio.writer_of.values()),
            reasons=(),
            rungs={},
            alarms=self.alarms,
        )


@dataclass
class Rig:
    room: ControlRoom[int]
    step: FakeStep
    audit: FakeAudit
    history: FakeHistory


def rig(
    portfolio: Portfolio,
    ports: Mapping[str, DevicePort],
    state_dir: Path,
    *,
    decide: Decide = lambda _: (),
    audit: FakeAudit | None = None,
    sources: Mapping[str, Source] | None = None,
    observe: bool = False,
    timing: Timing | None = None,
    clock: Clock | None = None,
    rehearse: Rehearse[int] = unrehearsed,
    limits: Mapping[str, Proposal] | None = None,
) -> Rig:
    step, audit, history = FakeStep(decide), audit or FakeAudit(), FakeHistory()

    def start(model: PoolModel, now_s: float) -> int:
        return 0

    room = ControlRoom(
        portfolio,
        {DeviceId(device): port for device, port in ports.items()},
        Services(
            audit=audit,
            history=history,
            guidance=NoGuidance(),
            state_dir=state_dir,
            tenure=Tenure(epoch=7),
            sources=sources or {},
            limits=limits or {},
        ),
        Brain(step=step, start=start, rehearse=rehearse),
        pace(timing, clock),
        observe=observe,
    )
    return Rig(room, step, audit, history)
