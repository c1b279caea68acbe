"""Everything that the tick remembers, as one frozen, versioned value."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.domain.arrays import Bools, Floats
from vpp.domain.proposal import Proposal

VERSION = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AssetMemory:
    """What is remembered of each asset, arrays of shape (assets,).

    Times are city monotonic seconds.
    """

    told_kw: Floats
    """What it was last told; NaN where it has been told nothing that still holds."""
    before_kw: Floats
    """Power that may still flow until the command in flight is followed.

    NaN where none is in flight.
    """
    unknown: Bools
    """The answer to its last command did not come: nothing new until it is read back."""
    told_s: Floats
    """When it was last told something new; -inf for never."""
    sent_s: Floats
    """When it was last written to, refreshes included."""
    expires_s: Floats
    enabled_s: Floats
    """When it came under control; NaN while it is not."""
    enabled_kw: Floats
    """Power it had then; NaN for a car that plugged in at a station in operation."""
    ready: Bools
    """It could be controlled in the tick before, but for a car."""
    writes: Floats
    """Writes in the running day."""
    barred_until_s: Floats
    """No optimisation before then: it refused, did not obey, or took nothing over twice."""
    strikes: Floats
    """Refusals, disobediences and commands not taken over, in a row."""
    cap_lo_kw: Floats
    """What it turned out to be able to do, until ``cap_until_s``."""
    cap_hi_kw: Floats
    cap_until_s: Floats
    energy_lo_kwh: Floats
    """Own count of stored energy, as an interval; NaN before the first reading."""
    energy_hi_kwh: Floats
    energy_seen_s: Floats
    """When a source of its stored energy was last good."""
    reading_kwh: Floats
    """Stored energy by its own reading, when that was last good; NaN for never."""
    directed: Bools
    """Somebody had a say on what it holds, and it has not been given its share since."""
    safe: Bools
    """It was sent to its safe state and has not been told anything since."""
    switched_s: Floats
    """When it was last told to start or to stop; -inf for never."""
    starts: Floats
    """In the running day."""
    carried_kwh: Floats
    """Cars: energy owed to the session.

    Because only zero or the floor and above are possible.
    """
    fair_kw: Floats
    """Cars: what the car should have got since the tick before, were any power possible."""
    share_kw: Floats
    """Cars: part of the surplus that the car was last given."""
    takes_kw: Floats
    """Cars: what the car lastingly takes of what it is offered; infinite where it takes all."""
    short_s: Floats
    """Cars: since when it has drawn less than it is offered; infinite while it does not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowMemory:
    """What is remembered of each row of the grid, arrays of shape (rows,)."""

    residual_kw: Floats
    """Uncontrolled residual when it was last measured; NaN for never."""
    good_s: Floats
    """When the measurement was last good; at the start, the start."""
    good_since_s: Floats
    """Since when it has been good without a gap; infinite while it is not."""
    blind: Bools
    """Past three freshness limits.

    What is beneath stays in its safe state until it has been good for one.
    """
    ramp_s: Floats
    """When the newest ramp after a start began; at the start, the start."""
    ramp_kw: Floats
    """Most that what is controlled may sum up to in the tick before; infinite while no ramp runs,
    -inf before its first tick."""
    over_since_s: Floats
    """Since when its import is above its limit whatever was told; infinite while it is not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """One past tick: what was measured and told then, arrays of shape (assets,)."""

    time_s: float
    measured_s: Floats
    measured_kw: Floats
    told_kw: Floats
    """By this tick."""
    told_s: Floats
    """When each asset was told that; -inf for never."""
    left_s: Floats
    """When that left for its device; NaN while nobody has said, and this tick's time is taken."""
    expected_kw: Floats
    """Power at this tick that follows from the commands before, through dead time and ramp."""
    net_s: Floats
    """When each row's newest measurement was made, shape (rows,); -inf for never."""
    net_kw: Floats
    """What it was, kW; NaN for never."""
    residual_kw: float = float("nan")
    """Of the pool as this tick saw it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotMemory:
    """The running slot of the plan."""

    start_s: float = float("nan")
    """Seconds since 1970."""
    net_kwh: float = 0.0
    """Net of the pool since the slot began."""
    elapsed_s: float = 0.0
    last_mean_kw: float = float("nan")
    """Mean net of the slot before."""
    served_kw: float = float("nan")
    """Residual that the tick before served, beside which its power flowed; NaN before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerDay:
    """Local use given up against the measured-surplus rule in one day, kWh of import."""

    day: int
    """Days since 1970."""
    given_up_kwh: float = 0.0
    import_kwh: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Local use given up, over the last year."""

    days: tuple[LedgerDay, ...] = ()
    ahead_kwh: float = 0.0
    """Stored energy that the measured-surplus rule would hold beyond what is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMemory:
    """Which session a car's memory is of, and what it had received when its plan was first seen."""

    session: str
    issued_s: float
    """Seconds since 1970: the plan whose envelope counts; 0 where none does."""
    base_kwh: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ControlState:
    """The memory of one pool's tick; recorded and given back, the tick goes on identically."""

    version: int = VERSION
    pool: str
    assets: tuple[str, ...]
    rows: tuple[str, ...]
    started_s: float
    last_s: float
    """City time of the tick before; the start before the first."""
    day: int = 0
    memory: AssetMemory
    row_memory: RowMemory
    trace: tuple[Trace, ...] = ()
    trim_kw: float = 0.0
    """What is added to the wanted storage power because commands are followed imperfectly."""
    course_kw: float = 0.0
    """By how much the residual has lately moved between being measured and being served."""
    owed_kws: float = 0.0
    """Difference between wanted and told pool power.

    Summed over time since devices were last moved.
    """
    slot: SlotMemory = SlotMemory()
    ledger: Ledger = Ledger()
    limits: Mapping[str, Proposal] = field(default_factory=dict)
    """Limits that must not lapse, by proposal id."""
    lapsed: Mapping[str, float] = field(default_factory=dict)
    """Limits at their failsafe, with the time since which a fresh one is given without a gap;
    infinite while none is."""
    sessions: Mapping[str, SessionMemory] = field(default_factory=dict)
    """By asset."""


Memory = TypeVar("Memory", AssetMemory, RowMemory)


def start(pool: CompiledPool, now_s: float) -> ControlState:
    """The state before the first tick: nothing is assumed."""
    return ControlState(
        pool=pool.pool,
        assets=pool.assets,
        rows=pool.rows.names,
        started_s=now_s,
        last_s=now_s,
        memory=_blank_assets(pool.count),
        row_memory=_blank_rows(len(pool.rows), now_s),
    )


def fitted(state: ControlState, pool: CompiledPool, now_s: float) -> ControlState:
    """The state for this pool.

    Where assets or nodes have changed, what is known of the others is kept.
    """
    if state.assets == pool.assets and state.rows == pool.rows.names:
        return state
    old_asset = {asset: i for i, asset in enumerate(state.assets)}
    old_row = {row: i for i, row in enumerate(state.rows)}
    return replace(
        state,
        pool=pool.pool,
        assets=pool.assets,
        rows=pool.rows.names,
        trace=(),
        memory=_moved(
            state.memory, _blank_assets(pool.count), [old_asset.get(a) for a in pool.assets]
        ),
        row_memory=_moved(
            state.row_memory,
            _blank_rows(len(pool.rows), now_s),
            [old_row.get(r) for r in pool.rows.names],
        ),
    )


def overlaid(memory: AssetMemory, by: AssetMemory, where: Bools) -> AssetMemory:
    """``memory``, but for some assets what ``by`` remembers."""
    columns = {
        entry.name: np.where(where, getattr(by, entry.name), getattr(memory, entry.name))
        for entry in fields(memory)
    }
    return replace(memory, **columns)


def _moved(old: Memory, blank: Memory, source: list[int | None]) -> Memory:
    kept = [i for i, at in enumerate(source) if at is not None]
    taken = [at for at in source if at is not None]
    for entry in fields(blank):
        getattr(blank, entry.name)[kept] = getattr(old, entry.name)[taken]
    return blank


def _blank_assets(count: int) -> AssetMemory:
    def floats(value: float) -> Floats:
        return np.full(count, value)

    nan, never = np.nan, -np.inf
    return AssetMemory(
        told_kw=floats(nan),
        before_kw=floats(nan),
        unknown=np.zeros(count, dtype=np.bool_),
        told_s=floats(never),
        sent_s=floats(never),
        expires_s=floats(never),
        enabled_s=floats(nan),
        enabled_kw=floats(nan),
        ready=np.zeros(count, dtype=np.bool_),
        writes=floats(0.0),
        barred_until_s=floats(never),
        strikes=floats(0.0),
        cap_lo_kw=floats(-np.inf),
        cap_hi_kw=floats(np.inf),
        cap_until_s=floats(never),
        energy_lo_kwh=floats(nan),
        energy_hi_kwh=floats(nan),
        energy_seen_s=floats(never),
        reading_kwh=floats(nan),
        directed=np.zeros(count, dtype=np.bool_),
        safe=np.zeros(count, dtype=np.bool_),
        switched_s=floats(never),
        starts=floats(0.0),
        carried_kwh=floats(0.0),
        fair_kw=floats(0.0),
        share_kw=floats(0.0),
        takes_kw=floats(np.inf),
        short_s=floats(np.inf),
    )


def _blank_rows(count: int, now_s: float) -> RowMemory:
    return RowMemory(
        residual_kw=np.full(count, np.nan),
        good_s=np.full(count, now_s),
        good_since_s=np.full(count, np.inf),
        blind=np.zeros(count, dtype=np.bool_),
        ramp_s=np.full(count, now_s),
        ramp_kw=np.full(count, -np.inf),
        over_since_s=np.full(count, np.inf),
    )
