"""Forecasts and plans on recorded data: production code, which sees nothing but the past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np

from vpp.backtest.checkpoint import Thoughts
from vpp.backtest.data import Recording
from vpp.backtest.rules_run import Run, run_rule
from vpp.backtest.setting import Setting
from vpp.control.billing import Billing, interval_s
from vpp.control.coupling import Coupling
from vpp.control.outlook import MEMORY, Record
from vpp.control.problems import Outlook, build
from vpp.domain.arrays import Floats
from vpp.domain.assets import Pv
from vpp.domain.errors import InvariantError, PlannerFailed, PlanningError
from vpp.domain.forecast import Series
from vpp.domain.ids import PoolId, SiteId
from vpp.domain.plan import Plan
from vpp.domain.plan_check import broken_rules
from vpp.domain.points import Quantity
from vpp.domain.problem import Problem
from vpp.domain.rules import no_control
from vpp.domain.slots import SlotGrid
from vpp.domain.snapshot import Snapshot
from vpp.ports import plugins
from vpp.ports.planner import Forecaster, Planner


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """Who plans and forecasts, and how often."""

    planner: Planner
    forecaster: Forecaster
    every: int = 4
    """Slots from plan to plan."""
    horizon_s: float = 36 * 3600.0
    deadline_s: float = 20.0


def installed(planner: str = "lp", forecaster: str = "model") -> Thinking:
    """Planner and forecaster by their entry-point names.

    Raises:
        ConfigurationError: no such name.
    """
    plans = cast("type[Planner]", plugins.load(plugins.PLANNERS, planner))
    forecasts = cast("type[Forecaster]", plugins.load(plugins.FORECASTERS, forecaster))
    return Thinking(planner=plans(), forecaster=forecasts())


def on_arrival_run(recording: Recording) -> Run:
    """Cars that charge on arrival, and batteries that stand still."""
    return run_rule("on arrival", recording, no_control)


def arrivals_kw(recording: Recording) -> Floats:
    """Power of cars that charge on arrival, shape (sites, slots)."""
    return on_arrival_run(recording).ev_kw


@dataclass(frozen=True, slots=True)
class _Made:
    """Of one round."""

    plans: dict[PoolId, tuple[Problem, Plan]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


class Thinker:
    """Plans of all pools, each the newest that was accepted."""

    def __init__(
        self,
        recording: Recording,
        setting: Setting,
        ev_kw: Floats,
        thinking: Thinking,
        past: Recording | None = None,
    ) -> None:
        """``past``: the same sites in slots of the same length right before the recording."""
        _check_past(recording, past)
        self._setting, self._thinking, self._grid = setting, thinking, recording.grid
        parts = [(recording, ev_kw)] if past is None else [(past, arrivals_kw(past))]
        parts += [] if past is None else [(recording, ev_kw)]
        self._before = 0 if past is None else len(past.grid)
        self._start = (past or recording).grid.start
        self._demand_kw = np.concatenate([one.load_kw + ev for one, ev in parts], axis=1)
        self._sun_kw = np.concatenate([one.pv_kw for one, _ in parts], axis=1)
        self._sites, self._coupling = recording.sites, Coupling(setting.portfolio)
        self._month = _months(recording, setting.portfolio.time_zone)
        self.plans: Mapping[PoolId, Plan] = {}
        self.expected_kw = np.full((len(setting.portfolio.pools), len(recording.grid)), np.nan)
        """Net of each pool by the newest plan made before the slot, NaN without one."""
        self.made = 0
        self.refused: list[str] = []
        """Why a plan was not made or not accepted."""

    @property
    def thoughts(self) -> Thoughts:
        return Thoughts(
            plans=self.plans, expected_kw=self.expected_kw, made=self.made, refused=self.refused
        )

    def take_up(self, kept: Thoughts) -> None:
        """Go on from what another process thought."""
        self.plans, self.made, self.refused = kept.plans, kept.made, list(kept.refused)
        self.expected_kw = kept.expected_kw.copy()

    def due(self, slot: int) -> bool:
        return slot % self._thinking.every == 0

    def think(self, slot: int, snapshot: Snapshot, nets_kw: Floats) -> None:
        """Forecast once and plan every pool; what fails leaves the last plan standing.

        ``nets_kw``: net of each pool in the slots before this one, shape (pools, slots).
        """
        portfolio, thinking = self._setting.portfolio, self._thinking
        step_s = float(self._grid.edges_s[1] - self._grid.edges_s[0])
        count = round(thinking.horizon_s / step_s)
        grid = SlotGrid.regular(snapshot.at, count=count, step_s=step_s)
        this_month = self._month[:slot] == self._month[slot]
        record = Record(
            series=tuple(self._series(slot, step_s)),
            month_net_kw={
                pool: net[this_month] for pool, net in zip(portfolio.pools, nets_kw, strict=True)
            },
        )
        made = thinking.forecaster.forecast(record.request(portfolio, snapshot.at, grid))
        outlooks = {
            pool: Outlook(
                snapshot=snapshot,
                grid=grid,
                forecasts={(one.subject, one.quantity): one for one in made},
                writable=self._setting.steered,
                shared_limits=portfolio.shared_limits,
                billing=self._billing(
                    pool, snapshot.at, nets_kw[number], record.peak_paid_kw(pool)
                ),
                recent_peak_kw=record.largest_net_kw(portfolio.pools[pool].sites),
                last=self.plans.get(pool),
                deadline_s=thinking.deadline_s,
            )
            for number, pool in enumerate(portfolio.pools)
        }
        self._take(slot, count, self._within_parents(outlooks))

    def _within_parents(self, outlooks: Mapping[PoolId, Outlook]) -> _Made:
        """Plans as if each pool were alone, and again where the nodes above leave less."""
        made = self._all(outlooks)
        room = self._coupling.room(made.plans)
        if not room.binds:
            return made
        return self._all(
            {
                pool: replace(
                    outlook,
                    left_kw=room.hard.get(pool),
                    contract_left_kw=room.soft.get(pool),
                )
                for pool, outlook in outlooks.items()
            }
        )

    def _all(self, outlooks: Mapping[PoolId, Outlook]) -> _Made:
        made = _Made()
        for pool, outlook in outlooks.items():
            try:
                problem = build(self._setting.portfolio, pool, outlook)
                plan = self._thinking.planner.plan(problem)
                if broken := broken_rules(plan, problem):
                    raise PlannerFailed("; ".join(broken[:3]))
            except (PlanningError, InvariantError) as fault:
                made.refused.append(f"{outlook.snapshot.at:%Y-%m-%d %H:%M} {pool}: {fault}")
            else:
                made.plans[pool] = (problem, plan)
        return made

    def _take(self, slot: int, count: int, made: _Made) -> None:
        self.refused += made.refused
        self.made += len(made.plans)
        self.plans = {**self.plans, **{pool: plan for pool, (_, plan) in made.plans.items()}}
        for number, pool in enumerate(self._setting.portfolio.pools):
            if pool in made.plans:
                ahead = self.expected_kw[number, slot : slot + count]
                ahead[:] = self.plans[pool].schedule.grid_kw[: len(ahead)]

    def _billing(self, pool: PoolId, at: datetime, net_kw: Floats, paid_kw: float) -> Billing:
        """``net_kw``: of the pool in the slots so far."""
        length_s = interval_s(self._setting.portfolio, pool, at)
        into_s = at.timestamp() % length_s
        running = net_kw[self._grid.edges_s[: len(net_kw)] >= at.timestamp() - into_s - 1e-6]
        settled = Billing(peak_paid_kw=paid_kw, interval_s=length_s)
        if not len(running):
            return settled
        mean_kw = float(np.maximum(running, 0.0).mean())
        return replace(settled, running_import_kw=mean_kw, running_part=into_s / length_s)

    def _series(self, slot: int, step_s: float) -> list[Series]:
        now = self._before + slot
        first = max(now - round(MEMORY.total_seconds() / step_s), 0)
        start = datetime.fromtimestamp(self._start.timestamp() + first * step_s, self._start.tzinfo)
        found: list[Series] = []
        for at, site in enumerate(self._sites):
            found.append(
                Series(
                    subject=site,
                    quantity=Quantity.POWER_KW,
                    start=start,
                    step_s=step_s,
                    values_kw=self._demand_kw[at, first:now],
                )
            )
            sun_kw = self._sun_kw[at, first:now]
            found += self._sun(SiteId(site), start, step_s, sun_kw)
        return found

    def _sun(
        self, site: SiteId, start: datetime, step_s: float, values_kw: Floats
    ) -> Sequence[Series]:
        portfolio = self._setting.portfolio
        assets = (portfolio.assets[asset] for asset in portfolio.assets_of_site[site])
        plants = [asset for asset in assets if isinstance(asset, Pv)]
        if not plants:
            return ()
        peak_kw = sum(plant.peak_kw for plant in plants)
        place = portfolio.sites[site]
        return (
            Series(
                subject=site,
                quantity=Quantity.AVAILABLE_KW,
                start=start,
                step_s=step_s,
                values_kw=values_kw,
                peak_kw=peak_kw if self._setting.nameplates else None,
                latitude=portfolio.latitude if place.latitude is None else place.latitude,
                longitude=portfolio.longitude if place.longitude is None else place.longitude,
                tilt_deg=plants[0].tilt_deg,
                azimuth_deg=plants[0].azimuth_deg,
            ),
        )


def _check_past(recording: Recording, past: Recording | None) -> None:
    if past is None:
        return
    if past.sites != recording.sites or past.hours != recording.hours:
        raise InvariantError("the past must be of the same sites in slots of the same length")
    if past.grid.end != recording.grid.start:
        raise InvariantError(
            f"the past ends {past.grid.end:%Y-%m-%d %H:%M},"
            f" the recording begins {recording.grid.start:%Y-%m-%d %H:%M}"
        )


def _months(recording: Recording, zone: str) -> Floats:
    """Number of each slot's local month, shape (slots,)."""
    local = [start.astimezone(ZoneInfo(zone)) for start in recording.grid.starts]
    return np.array([12 * at.year + at.month for at in local], dtype=float)
