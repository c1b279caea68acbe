"""Planner and tick, both as in production, run over recorded data.

Each slot is one tick, which sees the slot's mean as what is measured, decides, and is followed to
the slot's end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from vpp.backtest.data import Recording
from vpp.backtest.plant import Plant
from vpp.backtest.rules_run import Run
from vpp.backtest.setting import Setting
from vpp.backtest.thinking import Thinker, Thinking, on_arrival_run
from vpp.control.inputs import PoolModel, TickInputs, Timing
from vpp.control.safety import ENABLING_S
from vpp.control.state import ControlState, start
from vpp.control.tick import step
from vpp.domain.arrays import Floats, frozen
from vpp.domain.ids import PoolId
from vpp.domain.plan import Plan
from vpp.domain.setpoint import LONGEST_LIFE_S
from vpp.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRun:
    """What came of a run."""

    run: Run
    plans: int = 0
    """Made and accepted, of all pools."""
    refused: tuple[str, ...] = ()
    """When and why a plan was not made or not accepted."""
    expected_kw: Floats | None = None
    """Net of each pool by the newest plan, NaN without one, shape (pools, slots)."""
    chosen: Mapping[PoolId, Plan] = field(default_factory=dict)
    """The plans in force in the slot that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """Who looks on."""

    progress: Callable[[int], None] = lambda _slot: None
    """Told the number of slots that are done, after each."""
    keep_plans_of: int = 0
    """Slot whose plans are kept for a look at them."""


def timing_of(step_s: float) -> Timing:
    """One tick a slot, setpoints that hold to its end, and a start that is long past."""
    return Timing(
        tick_s=step_s,
        freshness_s=5 * step_s,
        refresh_s=step_s,
        life_s=min(step_s, LONGEST_LIFE_S),
        start_ramp_per_min=0.0,
    )


def run_plan(
    name: str,
    recording: Recording,
    setting: Setting,
    *,
    thinking: Thinking | None = None,
    past: Recording | None = None,
    watching: Watching | None = None,
) -> PlanRun:
    """Run planner and tick over every slot; cars charge on arrival.

    Args:
        name: Of the run.
        recording: What happened.
        setting: The recording as a portfolio.
        thinking: Who plans; without it the tick follows the measured surplus.
        past: Of the same sites, right before the recording: what forecasts begin with.
        watching: Who looks on.
    """
    cars = on_arrival_run(recording)
    watching, ev_kw = watching or Watching(), cars.ev_kw
    chosen: Mapping[PoolId, Plan] = {}
    plant = Plant(recording, setting, ev_kw)
    thinker = None if thinking is None else Thinker(recording, setting, ev_kw, thinking, past)
    ticking = _Ticking(setting, recording.hours * 3600.0)
    ticking.take_over(plant)
    slots = len(recording.grid)
    battery_kw = np.zeros((len(recording.storage), slots))
    stored_kwh = np.zeros((len(recording.storage), slots + 1))
    lost_kw = np.zeros((len(recording.sites), slots))
    nets_kw = np.zeros((len(setting.portfolio.pools), slots))
    stored_kwh[:, 0] = plant.stored_kwh
    pools = _membership(recording, setting)
    site_kw = recording.load_kw - recording.pv_kw + ev_kw
    for slot in range(slots):
        snapshot = plant.snapshot(slot, ticking.now_s)
        if thinker is not None and thinker.due(slot):
            thinker.think(slot, snapshot, nets_kw[:, :slot])
        if thinker is not None and slot == watching.keep_plans_of:
            chosen = thinker.plans
        ticking.tick(plant, snapshot, thinker)
        lost_kw[:, slot] = plant.advance(slot)
        battery_kw[:, slot], stored_kwh[:, slot + 1] = plant.power_kw, plant.stored_kwh
        net_kw = site_kw[:, slot] + lost_kw[:, slot]
        np.add.at(net_kw, recording.storage.site, plant.power_kw)
        nets_kw[:, slot] = pools @ net_kw
        watching.progress(slot + 1)
    run = Run(
        name=name,
        battery_kw=frozen(battery_kw),
        stored_kwh=frozen(stored_kwh),
        ev_kw=frozen(ev_kw),
        charged=cars.charged,
        unserved_kwh=cars.unserved_kwh,
        curtailed_kw=frozen(lost_kw),
    )
    if thinker is None:
        return PlanRun(run=run)
    return PlanRun(
        run=run,
        plans=thinker.made,
        refused=tuple(thinker.refused),
        expected_kw=frozen(thinker.expected_kw),
        chosen=chosen,
    )


class _Ticking:
    """The ticks of all pools, on a clock that goes from slot to slot."""

    def __init__(self, setting: Setting, step_s: float) -> None:
        self._step_s, self.now_s = step_s, 0.0
        self._models = [
            PoolModel(
                portfolio=setting.portfolio,
                pool=pool,
                facts=setting.facts,
                timing=timing_of(step_s),
            )
            for pool in setting.portfolio.pools
        ]
        self._states: list[ControlState] = [start(m.compiled, self.now_s) for m in self._models]

    def take_over(self, plant: Plant) -> None:
        """Ticks before the first slot, in which devices come under control as they stand."""
        for _ in range(max(int(np.ceil(ENABLING_S / self._step_s)), 1)):
            self.tick(plant, plant.snapshot(0, self.now_s), None)

    def tick(self, plant: Plant, snapshot: Snapshot, thinker: Thinker | None) -> None:
        plans = {} if thinker is None else thinker.plans
        for at, model in enumerate(self._models):
            inputs = TickInputs(model=model, snapshot=snapshot, plan=plans.get(model.pool))
            result = step(self._states[at], inputs)
            self._states[at] = result.state
            plant.obey(result.commands)
        self.now_s += self._step_s


def _membership(recording: Recording, setting: Setting) -> Floats:
    """1 where a site lies in a pool, shape (pools, sites)."""
    pools = setting.portfolio.pools.values()
    return np.array([[float(s in pool.sites) for s in recording.sites] for pool in pools])
