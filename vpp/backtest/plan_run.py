"""Planner and tick, both as in production, run over recorded data.

Each slot is one tick, which sees the slot's mean as what is measured, decides, and is followed to
the slot's end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from vpp.backtest.checkpoint import EVERY_S, Checkpoint, Keeper, decoded, encoded
from vpp.backtest.data import Recording
from vpp.backtest.given import Given, on_arrival_run
from vpp.backtest.parking import Parking, bookings, unsteered
from vpp.backtest.plant import Plant
from vpp.backtest.rules_run import Charged, Run, together
from vpp.backtest.setting import Setting
from vpp.backtest.thinking import Thinker, Thinking
from vpp.control.inputs import PoolModel, TickInputs, Timing
from vpp.control.safety import ENABLING_S
from vpp.control.state import ControlState, Ledger, SlotMemory, start
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
    keeper: Keeper | None = None
    """Keeps how far the run has come, every simulated week; a run that it knows goes on there."""


def timing_of(step_s: float) -> Timing:
    """One tick a slot, setpoints that hold to its end, and a start that is long past.

    No device gives less than it is told.
    """
    return Timing(
        tick_s=step_s,
        freshness_s=5 * step_s,
        refresh_s=step_s,
        life_s=min(step_s, LONGEST_LIFE_S),
        start_ramp_per_min=0.0,
        late_part=1.0,
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
    """Run planner and tick over every slot.

    Cars at the setting's chargers are steered, with need and departure known on arrival; the others
    charge on arrival.

    Args:
        name: Of the run.
        recording: What happened.
        setting: The recording as a portfolio.
        thinking: Who plans; without it the tick follows the measured surplus.
        past: Of the same sites, right before the recording: what forecasts begin with.
        watching: Who looks on.
    """
    watching = watching or Watching()
    course = _Course(recording, setting, thinking, past)
    every, slots = max(round(EVERY_S / (recording.hours * 3600.0)), 1), len(recording.grid)
    keeper = watching.keeper
    known = None if keeper is None else keeper.load()
    if known is not None:
        course.take_up(known)
    for slot in range(course.slots, slots):
        course.live(slot, keep_plans=slot == watching.keep_plans_of)
        if keeper is not None and course.slots % every == 0 and course.slots < slots:
            keeper.save(course.checkpoint())
        watching.progress(course.slots)
    run = Run(
        name=name,
        battery_kw=frozen(course.battery_kw),
        stored_kwh=frozen(course.stored_kwh),
        ev_kw=frozen(course.ev_kw),
        charged=course.charged,
        unserved_kwh=course.unserved_kwh,
        curtailed_kw=frozen(course.lost_kw),
    )
    thinker = course.thinker
    if thinker is None:
        return PlanRun(run=run)
    return PlanRun(
        run=run,
        plans=thinker.made,
        refused=tuple(thinker.refused),
        expected_kw=frozen(thinker.expected_kw),
        chosen=course.chosen,
    )


class _Course:
    """A run slot after slot, and what it has left so far."""

    def __init__(
        self,
        recording: Recording,
        setting: Setting,
        thinking: Thinking | None,
        past: Recording | None,
    ) -> None:
        booked = bookings(recording, setting)
        others = on_arrival_run(recording, unsteered(recording, booked))
        self._others, self._parking = others, Parking(recording, setting, booked)
        self._plant = Plant(recording, setting, others.ev_kw, self._parking)
        drawn_kw = self._parking.drawn_kw
        given = Given(recording, setting, others.ev_kw, past=past, drawn_kw=drawn_kw)
        self.thinker = None if thinking is None else Thinker(recording, setting, given, thinking)
        self._ticking = _Ticking(setting, recording.hours * 3600.0)
        self._ticking.take_over(self._plant)
        self.slots = 0
        """Lived through."""
        slots, batteries = len(recording.grid), len(recording.storage)
        self.battery_kw = np.zeros((batteries, slots))
        self.stored_kwh = np.zeros((batteries, slots + 1))
        self.lost_kw = np.zeros((len(recording.sites), slots))
        self._nets_kw = np.zeros((len(setting.portfolio.pools), slots))
        self.stored_kwh[:, 0] = self._plant.stored_kwh
        self.chosen: Mapping[PoolId, Plan] = {}
        self._pools = _membership(recording, setting)
        self._battery_site = recording.storage.site
        self._site_kw = recording.load_kw - recording.pv_kw + others.ev_kw

    @property
    def ev_kw(self) -> Floats:
        """Of all cars, shape (sites, slots)."""
        found = np.array(self._others.ev_kw)
        np.add.at(found, self._parking.site, self._parking.drawn_kw)
        return found

    @property
    def charged(self) -> Charged:
        return together([self._parking.charged, self._others.charged])

    @property
    def unserved_kwh(self) -> float:
        return self._parking.unserved_kwh + self._others.unserved_kwh

    def live(self, slot: int, *, keep_plans: bool) -> None:
        plant, thinker, parking = self._plant, self.thinker, self._parking
        parking.plug(slot)
        snapshot = plant.snapshot(slot, self._ticking.now_s)
        if thinker is not None and (thinker.due(slot) or parking.changed(slot).any()):
            thinker.think(slot, snapshot, self._nets_kw[:, :slot])
        if thinker is not None and keep_plans:
            self.chosen = thinker.plans
        self._ticking.tick(plant, snapshot, thinker)
        self.lost_kw[:, slot] = plant.advance(slot)
        self.battery_kw[:, slot], self.stored_kwh[:, slot + 1] = plant.power_kw, plant.stored_kwh
        net_kw = self._site_kw[:, slot] + self.lost_kw[:, slot]
        np.add.at(net_kw, self._battery_site, plant.power_kw)
        np.add.at(net_kw, parking.site, parking.drawn_kw[:, slot])
        self._nets_kw[:, slot] = self._pools @ net_kw
        self.slots = slot + 1

    def checkpoint(self) -> Checkpoint:
        done = slice(self.slots)
        return Checkpoint(
            slots=self.slots,
            now_s=self._ticking.now_s,
            states=encoded(self._ticking.states),
            told_kw=self._plant.told_kw,
            held_to_kw=self._plant.held_to_kw,
            offered_kw=self._parking.told_kw,
            drawn_kw=self._parking.drawn_kw[:, done],
            battery_kw=self.battery_kw[:, done],
            stored_kwh=self.stored_kwh[:, : self.slots + 1],
            lost_kw=self.lost_kw[:, done],
            nets_kw=self._nets_kw[:, done],
            thoughts=None if self.thinker is None else self.thinker.thoughts,
            chosen=self.chosen,
        )

    def take_up(self, kept: Checkpoint) -> None:
        """Go on from where another process was."""
        done = slice(kept.slots)
        self.slots, self.chosen = kept.slots, kept.chosen
        self.battery_kw[:, done] = kept.battery_kw
        self.stored_kwh[:, : kept.slots + 1] = kept.stored_kwh
        self.lost_kw[:, done], self._nets_kw[:, done] = kept.lost_kw, kept.nets_kw
        self._ticking.now_s, self._ticking.states = kept.now_s, decoded(kept.states)
        self._plant.told_kw, self._plant.held_to_kw = kept.told_kw.copy(), kept.held_to_kw.copy()
        self._parking.take_up(kept.drawn_kw, kept.offered_kw)
        self._plant.stored_kwh = kept.stored_kwh[:, -1].copy()
        self._plant.power_kw = kept.battery_kw[:, -1].copy()
        if self.thinker is not None and kept.thoughts is not None:
            self.thinker.take_up(kept.thoughts)


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
        self.states: list[ControlState] = [start(m.compiled, self.now_s) for m in self._models]

    def take_over(self, plant: Plant) -> None:
        """Ticks before the first slot, in which devices come under control as they stand."""
        for _ in range(max(int(np.ceil(ENABLING_S / self._step_s)), 1)):
            self.tick(plant, plant.snapshot(0, self.now_s), None)
        self.states = [replace(state, ledger=Ledger(), slot=SlotMemory()) for state in self.states]

    def tick(self, plant: Plant, snapshot: Snapshot, thinker: Thinker | None) -> None:
        plans = {} if thinker is None else thinker.plans
        for at, model in enumerate(self._models):
            inputs = TickInputs(model=model, snapshot=snapshot, plan=plans.get(model.pool))
            result = step(self.states[at], inputs)
            self.states[at] = result.state
            plant.obey(result.commands)
        self.now_s += self._step_s


def _membership(recording: Recording, setting: Setting) -> Floats:
    """1 where a site lies in a pool, shape (pools, sites)."""
    pools = setting.portfolio.pools.values()
    return np.array([[float(s in pool.sites) for s in recording.sites] for pool in pools])
