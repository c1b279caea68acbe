"""Planner and tick, both as in production, run over recorded data.

Each slot is one tick, which sees the slot's mean as what is measured, decides, and is followed to
the slot's end.
"""

from dataclasses import dataclass

import numpy as np

from vpp.backtest.data import Recording
from vpp.backtest.plant import Plant
from vpp.backtest.rules_run import Run
from vpp.backtest.setting import Setting
from vpp.backtest.thinking import Thinker, Thinking, arrivals_kw
from vpp.control.inputs import PoolModel, TickInputs, Timing
from vpp.control.safety import ENABLING_S
from vpp.control.state import ControlState, start
from vpp.control.tick import step
from vpp.domain.arrays import Floats, frozen
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
    ev_kw: Floats | None = None,
) -> PlanRun:
    """Run planner and tick over every slot.

    Args:
        name: Of the run.
        recording: What happened.
        setting: The recording as a portfolio.
        thinking: Who plans; without it the tick follows the measured surplus.
        past: Of the same sites, right before the recording: what forecasts begin with.
        ev_kw: Charging power, shape (sites, slots); left out, cars charge on arrival.
    """
    ev_kw = arrivals_kw(recording) if ev_kw is None else ev_kw
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
        ticking.tick(plant, snapshot, thinker)
        lost_kw[:, slot] = plant.advance(slot)
        battery_kw[:, slot], stored_kwh[:, slot + 1] = plant.power_kw, plant.stored_kwh
        net_kw = site_kw[:, slot] + lost_kw[:, slot]
        np.add.at(net_kw, recording.storage.site, plant.power_kw)
        nets_kw[:, slot] = pools @ net_kw
    run = Run(
        name=name,
        battery_kw=frozen(battery_kw),
        stored_kwh=frozen(stored_kwh),
        ev_kw=frozen(ev_kw),
        curtailed_kw=frozen(lost_kw),
    )
    if thinker is None:
        return PlanRun(run=run)
    return PlanRun(run=run, plans=thinker.made, refused=tuple(thinker.refused))


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
