"""Forecasts and plans on recorded data: production code, which sees nothing but the past."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

import numpy as np

from vpp.backtest.checkpoint import Thoughts
from vpp.backtest.data import Recording
from vpp.backtest.given import Given
from vpp.backtest.setting import Setting
from vpp.control.billing import Billing, interval_s, ratchet_months
from vpp.control.coupling import Coupling
from vpp.control.outlook import YEAR, Record, twelve_months
from vpp.control.planning_outlook import Outlook
from vpp.control.problems import build
from vpp.domain.arrays import Floats
from vpp.domain.errors import InvariantError, PlannerFailed, PlanningError
from vpp.domain.ids import PoolId
from vpp.domain.plan import Plan
from vpp.domain.plan_check import broken_rules
from vpp.domain.problem import Problem
from vpp.domain.slots import Fineness, SlotGrid
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
    slots: Fineness = Fineness.EQUAL
    """Of the plans; other than equal ones only where the record's are quarter hours, which none may
    be shorter than."""


def installed(planner: str = "lp", forecaster: str = "model") -> Thinking:
    """Planner and forecaster by their entry-point names.

    Raises:
        ConfigurationError: no such name.
    """
    plans = cast("type[Planner]", plugins.load(plugins.PLANNERS, planner))
    forecasts = cast("type[Forecaster]", plugins.load(plugins.FORECASTERS, forecaster))
    return Thinking(planner=plans(), forecaster=forecasts())


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
        given: Given,
        thinking: Thinking,
    ) -> None:
        self._setting, self._thinking, self._grid = setting, thinking, recording.grid
        self._given = given
        self._coupling = Coupling(setting.portfolio)
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
        if thinking.slots is not Fineness.EQUAL:
            grid = SlotGrid.fading(snapshot.at, thinking.slots.spans)
            count = int((np.diff(grid.edges_s) == step_s).sum())
        first = np.searchsorted(self._grid.edges_s, snapshot.at.timestamp() - YEAR.total_seconds())
        record = Record(
            series=self._given.series(slot, running=True),
            net_kw=dict(zip(portfolio.pools, nets_kw[:, first:], strict=True)),
            months=twelve_months(snapshot.at, portfolio.time_zone, step_s),
            weather=self._given.weather(
                slot, round(float(grid.edges_s[-1] - grid.edges_s[0]) / step_s)
            ),
        )
        made = thinking.forecaster.forecast(record.request(portfolio, snapshot.at, grid))
        outlooks = {
            pool: Outlook(
                snapshot=snapshot,
                grid=grid,
                forecasts={(one.subject, one.quantity): one for one in made},
                writable=self._setting.steered,
                shared_limits=portfolio.shared_limits,
                billing=self._billing(pool, snapshot.at, nets_kw[number], record),
                lately=record.lately(portfolio, pool),
                largest_kw=record.largest_kw(portfolio, pool),
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

    def _billing(self, pool: PoolId, at: datetime, net_kw: Floats, record: Record) -> Billing:
        """``net_kw``: of the pool in the slots so far."""
        portfolio = self._setting.portfolio
        length_s = interval_s(portfolio, pool, at)
        ratchet = ratchet_months(portfolio, pool, at)
        into_s = at.timestamp() % length_s
        running = net_kw[self._grid.edges_s[: len(net_kw)] >= at.timestamp() - into_s - 1e-6]
        settled = Billing(
            peak_paid_kw=record.peak_paid_kw(pool, ratchet),
            peak_reached_kw=record.peak_reached_kw(pool),
            interval_s=length_s,
        )
        if not len(running):
            return settled
        mean_kw = float(np.maximum(running, 0.0).mean())
        return replace(settled, running_import_kw=mean_kw, running_part=into_s / length_s)
