"""How a daemon is run, and what it has of the world beside clocks and files."""

import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from vpp.config.city import City
from vpp.control.control_room import OnExit
from vpp.control.occasions import Rhythm
from vpp.domain.day import DayScore, MeasuredDay
from vpp.domain.ids import DeviceId
from vpp.domain.portfolio import Portfolio
from vpp.ports.clock import Clocks
from vpp.ports.device import DevicePort
from vpp.ports.planner import Planning
from vpp.runtime.audit_log import AuditLog
from vpp.runtime.judge_process import judged
from vpp.runtime.links import open_ports
from vpp.runtime.model_registry import MODELS
from vpp.runtime.worker import PlanningWorker

WORKER_LOG = "worker.log"
"""In the state directory: what planner, forecaster and judge print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a daemon is run."""

    state_dir: Path
    observe: bool = False
    """Run the whole loop and write not one byte to any device."""
    on_exit: OnExit = OnExit.SAFE
    planner: str = "lp"
    forecaster: str | None = None
    """None: the city's."""
    redis_url: str | None = None
    speed: float | None = None
    """Speed that ticks, polls and expiries are made for; None: the one the city begins with."""
    wire_period_s: float = 0.1
    """Fastest tick on the wire; at speed 1 a tick is one second."""
    rhythm: Rhythm = field(default_factory=Rhythm)

    def forecaster_of(self, portfolio: Portfolio) -> str:
        return self.forecaster or portfolio.forecaster


def _worker(options: Options, portfolio: Portfolio) -> PlanningWorker:
    return PlanningWorker(
        planner=options.planner,
        forecaster=options.forecaster_of(portfolio),
        log=options.state_dir / WORKER_LOG,
        models=options.state_dir / MODELS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a daemon has of the world beside clocks and files: devices, other processes, chance."""

    devices: Callable[
        [City, Clocks, int], AbstractAsyncContextManager[Mapping[DeviceId, DevicePort]]
    ] = open_ports
    """Opened with the lease's epoch."""
    planning: Callable[[Options, Portfolio], AbstractAsyncContextManager[Planning]] = _worker
    judge: Callable[[MeasuredDay, Path], Awaitable[DayScore]] = judged
    audit: type[AuditLog] = AuditLog
    draw: Callable[[], float] = random.random
    """As of ``Pace``."""


REAL = Outside()
