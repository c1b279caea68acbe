"""What one tick stands on before it decides.

Sight, memory, residual, verdict, who is controlled.
"""

from dataclasses import dataclass, replace

import numpy as np

from vpp.control import (
    arbiter,
    blind_spots,
    departures,
    phase_currents,
    present_cars,
    residual,
    standing,
    start_ramp,
    stored_energy,
    trust,
)
from vpp.control.arbiter import Verdict
from vpp.control.compiled import CompiledPool
from vpp.control.expected_power import Recall, remembered
from vpp.control.inputs import TickInputs, Timing
from vpp.control.residual import Ground
from vpp.control.rows import Currents
from vpp.control.sight import Sight, look
from vpp.control.standing import Standing
from vpp.control.state import ControlState, Trace, fitted
from vpp.control.stored_energy import Stored
from vpp.domain.arrays import Bools, Floats

DAY_S = 86400.0
SLACK_PART = 0.5
"""Of a tick: give or take so much, a command arrives when its device's profile says."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """Everything observed, nothing decided."""

    pool: CompiledPool
    timing: Timing
    inputs: TickInputs
    state: ControlState
    """Of the tick before, fitted to this pool."""
    dt_s: float
    sight: Sight
    stored: Stored
    verdict: Verdict
    standing: Standing
    trace: tuple[Trace, ...]
    recall: Recall
    """The trace side by side."""
    dark: Bools
    """Rows beneath which nothing is decided."""
    ground: Ground
    measured_s: Floats
    """When the residual of each row was measured."""
    currents: Currents
    now_kw: Floats
    """Power of each asset now as far as it can be told, shape (assets,).

    0 where nothing is known.
    """


def observe(state: ControlState, inputs: TickInputs) -> Scene:
    timing, snapshot = inputs.model.timing, inputs.snapshot
    pool = present_cars.with_cars(inputs.model.compiled, snapshot.sessions)
    state = fitted(state, pool, snapshot.now_s)
    sight = look(pool, snapshot)
    dt_s = max(sight.now_s - state.last_s, 0.0)
    day = int(snapshot.at.timestamp() // DAY_S)
    memory = trust.heard(pool, sight, state.memory, inputs.news)
    if day != state.day:
        memory = replace(memory, writes=np.zeros(pool.count), starts=np.zeros(pool.count))
    memory, stored = stored_energy.counted(pool, sight, memory, dt_s, 3 * timing.freshness_s)
    verdict = arbiter.settle(
        inputs.model.places, inputs.proposals, state.limits, state.lapsed, sight.now_s
    )
    row_memory, dark = residual.watched(pool, sight, state.row_memory, timing.freshness_s)
    here = standing.cars_present(pool, snapshot.sessions)
    able = standing.eligible(pool, sight, memory, stored, verdict.asset_wish_kw)
    stood = standing.stand(pool, sight, memory, able & ~pool.rows.below(dark), here, timing)
    row_memory = start_ramp.followed(
        pool, row_memory, stood, sight.now_s, dt_s, timing.start_ramp_per_min
    )
    past = departures.heard(state.trace, pool, inputs.news)
    past = departures.delayed(past, pool, sight)
    trace = remembered(past, pool, sight, stood.memory.told_kw, _horizon_s(pool, timing))
    recall = Recall.of(trace, pool)
    steered = stood.controlled & ~pool.pv
    slack_s = SLACK_PART * timing.tick_s
    measured, measured_s = residual.aligned(pool, sight, recall, steered, slack_s)
    lost = pool.metered & ~pool.metered_below & ~sight.net.good & ~row_memory.blind
    band = blind_spots.forecast_band(pool, inputs.site_forecasts, snapshot.at, lost)
    rest = blind_spots.rest(pool, sight, steered, stood.doubtful, timing.freshness_s, band)
    now_kw = recall.power(np.full(pool.count, sight.now_s))
    return Scene(
        pool=pool,
        timing=timing,
        inputs=inputs,
        state=replace(state, day=day),
        dt_s=dt_s,
        sight=sight,
        stored=stored,
        verdict=verdict,
        standing=stood,
        trace=trace,
        recall=recall,
        dark=dark,
        ground=residual.ground(pool, sight, row_memory, measured, rest),
        measured_s=measured_s,
        currents=phase_currents.left(pool, sight, recall, steered),
        now_kw=np.where(np.isfinite(now_kw), now_kw, 0.0),
    )


def _horizon_s(pool: CompiledPool, timing: Timing) -> float:
    """How far back a good meter may look.

    Its age, the dead times before it, and a tick on either side.
    """
    dead_s = float(pool.dead_s[pool.writable].max(initial=0.0))
    return 2 * timing.freshness_s + dead_s + 2 * timing.tick_s
