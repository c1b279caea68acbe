"""What one tick decides on, and what it decides: the types of ``step``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from vpp.control.allotment import Request
from vpp.control.compiled import CompiledPool, compile_pool
from vpp.control.places import Places
from vpp.domain.arrays import Floats
from vpp.domain.command import WriteClass
from vpp.domain.facts import DeviceFacts
from vpp.domain.forecast import Forecast
from vpp.domain.held import Held
from vpp.domain.ids import AssetId, DeviceId, PoolId, SiteId
from vpp.domain.ladder import Rung
from vpp.domain.outcome import Cause, Outcome
from vpp.domain.plan import Plan
from vpp.domain.portfolio import Portfolio
from vpp.domain.proposal import Proposal, Scope
from vpp.domain.setpoint import Setpoint
from vpp.domain.snapshot import Snapshot

State = TypeVar("State")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """City seconds; they follow from the speed by ``control.md`` section 2 of the design."""

    tick_s: float = 1.0
    freshness_s: float = 10.0
    refresh_s: float = 10.0
    life_s: float = 60.0
    """From a setpoint's issue to its expiry."""
    write_interval_s: float = 5.0
    """Least time between two writes to a device, unless it protects."""
    start_ramp_per_min: float = 0.1
    """Part of the feeder's rating by which consumption may rise per minute after a start."""
    late_part: float = 0.9
    """A car that needs more than this part of its greatest power until it leaves gets all of it:
    what is left is for a device that gives less than it is told."""

    @classmethod
    def at_speed(cls, speed: float, wire_period_s: float = 0.1) -> "Timing":
        """Timing of a city that runs ``speed`` times as fast as the wall.

        One tick is ``wire_period_s`` of real time, and never less than a city second.
        """
        tick_s = max(1.0, speed * wire_period_s)
        return cls(
            tick_s=tick_s,
            freshness_s=max(10.0, 5 * tick_s),
            refresh_s=max(10.0, 2 * tick_s),
            life_s=min(900.0, max(60.0, 15 * tick_s)),
        )


@dataclass(frozen=True, kw_only=True)
class PoolModel:
    """What of one pool does not change from tick to tick."""

    portfolio: Portfolio
    pool: PoolId
    facts: Mapping[DeviceId, DeviceFacts]
    timing: Timing = field(default_factory=Timing)

    @cached_property
    def compiled(self) -> CompiledPool:
        """The pool as arrays, worked out once."""
        return compile_pool(self.portfolio, self.pool, self.facts)

    @cached_property
    def places(self) -> Places:
        """What proposals may bound in this pool."""
        return Places.of_pool(self.compiled)


class CommandNews(NamedTuple):
    """What became known of an asset's command since the last tick.

    A tuple, because one tick may hear one of every asset.
    """

    asset: AssetId
    setpoint: Setpoint
    sent_s: float
    outcome: Outcome
    cause: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What the nodes above a pool leave it."""

    lo_kw: float = -math.inf
    """Least net, positive is import."""
    hi_kw: float = math.inf
    source: str = ""
    """Which limit or proposal is shared, in words."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickInputs:
    """Everything one tick of one pool may look at."""

    model: PoolModel
    snapshot: Snapshot
    plan: Plan | None = None
    """The newest plan accepted for this pool, whatever its age; the tick decides on its rung."""
    proposals: tuple[Proposal, ...] = ()
    """From every source, for any scope; those outside the pool are ignored."""
    news: tuple[CommandNews, ...] = ()
    site_forecasts: Mapping[SiteId, tuple[Forecast, ...]] = field(default_factory=dict)
    """Load and PV of each site, for blind spots."""
    handed: Handed = Handed()
    """Band on the pool's net that the nodes above hand down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One setpoint that is to be written this tick."""

    asset: AssetId
    device: DeviceId
    setpoint: Setpoint
    write_class: WriteClass


class Reason(NamedTuple):
    """Why a scope got what it got, for the operator and the record.

    A tuple, because one tick may give one for every asset.
    """

    scope: Scope
    rung: Rung
    binding: str
    """The term that decided: a limit, a proposal, the value of stored energy, a blind spot."""
    text: str
    net_kw: float = float("nan")
    """Measured residual that was served."""
    power_kw: float = float("nan")
    worth: float = float("nan")
    """What a stored kWh was worth."""
    marginal: float = float("nan")
    """What a kWh of the grid cost beside it."""
    rule_kw: float = float("nan")
    """What the measured-surplus rule would have done with the same storages in the same tick."""
    stored_kwh: float = float("nan")
    """In the pool's storages, above their floors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something a person should know; raised once, cleared once. Identity is code and subject."""

    code: str
    """As STALE_METER, NOT_OBEYING, CONFLICT, FEEDER_BLIND, SHORTFALL."""
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickResult(Generic[State]):
    """What one tick of one pool decided, and why."""

    state: State
    commands: tuple[Decision, ...]
    wanted_kw: Floats
    """What every asset of the snapshot's layout is now told or expected to do; NaN for assets
    outside the pool."""
    decided: frozenset[DeviceId]
    """Devices decided in this tick: only these may get a refresh or a heartbeat."""
    reasons: tuple[Reason, ...]
    rungs: Mapping[str, Rung]
    """By asset, site and pool id."""
    alarms: tuple[Alarm, ...]
    """All that hold now."""
    served_kw: float = float("nan")
    """Uncontrolled residual of the pool as this tick saw it."""
    request: Request | None = None
    """To the nodes above; None where the pool does not say."""
    held: Held | None = None
    """What its storages hold as this tick saw it; None where it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rehearsed(Generic[State]):
    """What devices in shadow would be told in one tick, and what the next rehearsal must know."""

    state: State
    assets: frozenset[AssetId]
    """In shadow in this tick."""
    commands: tuple[Decision, ...]
