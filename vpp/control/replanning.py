"""Keeps a plan and forecasts per pool.

By the clock, when something changed that the plan stands on, and when what is measured has left it.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import structlog

from vpp.control.billing import RunningImport, ratchet_months
from vpp.control.coupling import Coupling, Room
from vpp.control.input_watch import InputWatch
from vpp.control.inputs import Alarm
from vpp.control.limits_ahead import NodeLimit, node_limits, nodes_of_pools
from vpp.control.means import SlotMeans
from vpp.control.occasions import USUAL, Occasions, Rhythm, Seen
from vpp.control.outlook import SLOT_S, Record, recorded
from vpp.control.planning_causes import CLOCK, Basis
from vpp.control.planning_outlook import Outlook
from vpp.control.problems import build
from vpp.control.stored_energy import held_by_readings
from vpp.control.weather_watch import WeatherWatch
from vpp.domain.arrays import Floats
from vpp.domain.capability import SharedLimit
from vpp.domain.errors import InvariantError, PlannerFailed, PlanningError, StoreUnavailable
from vpp.domain.forecast import Forecast
from vpp.domain.held import Held
from vpp.domain.ids import AssetId, DeviceId, PoolId, SiteId, TariffId
from vpp.domain.plan import Plan
from vpp.domain.plan_check import broken_rules
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.problem import Problem
from vpp.domain.proposal import Proposal
from vpp.domain.slots import Fineness, SlotGrid, slot_start
from vpp.domain.snapshot import Snapshot
from vpp.domain.tariff import Tariff
from vpp.domain.weather import WeatherRecord
from vpp.ports.clock import Clocks
from vpp.ports.planner import Planning
from vpp.ports.store import History

_log = structlog.get_logger(__name__)


LEAST_S = 60.0
"""Shortest first slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why there is no newer plan."""

    pool: PoolId
    text: str


class Replanner:
    """``observe`` every tick, read ``plans`` every tick.

    ``run`` is owned by the composition root.
    """

    def __init__(
        self,
        portfolio: Portfolio,
        *,
        planning: Planning,
        history: History,
        clocks: Clocks,
        shared_limits: tuple[SharedLimit, ...] = (),
        rhythm: Rhythm = USUAL,
    ) -> None:
        self._portfolio, self._planning, self._history = portfolio, planning, history
        self._wire, self._rhythm, self._shared_limits = clocks.wire, rhythm, shared_limits
        self._coupling, self._running = Coupling(portfolio), RunningImport(portfolio)
        self._input_watch, self._weather_watch = InputWatch(portfolio), WeatherWatch()
        self._followed = frozenset[AssetId]()
        self.plans: Mapping[PoolId, Plan] = {}
        self.forecasts: Mapping[tuple[str, Quantity], Forecast] = {}
        self.troubles: Mapping[PoolId, Trouble] = {}
        self.rounds = 0
        self._seen: Seen | None = None
        self._wrong_prices: tuple[Alarm, ...] = ()
        self._nodes, self._zone = nodes_of_pools(portfolio), ZoneInfo(portfolio.time_zone)
        self._occasions = Occasions(portfolio, rhythm)
        self._wake = asyncio.Event()

    @property
    def site_forecasts(self) -> Mapping[SiteId, tuple[Forecast, ...]]:
        return {
            site: tuple(
                forecast
                for quantity in (Quantity.POWER_KW, Quantity.AVAILABLE_KW)
                if (forecast := self.forecasts.get((site, quantity))) is not None
            )
            for site in self._portfolio.sites
        }

    def alarms(self) -> tuple[Alarm, ...]:
        """``NO_PLAN`` of every pool whose last plan could not be made anew, with the cause.

        ``PRICES_OLD`` while a market's prices have ended, ``PRICES_UNREADABLE`` as it is told.
        ``FORECAST_MISSING`` while a pool's forecasts stand on nothing or on old measurements,
        ``WEATHER_LOST`` while they have to do without the weather that the city wants.
        """
        lost = (
            Alarm(code="NO_PLAN", subject=pool, text=f"no new plan: {trouble.text}")
            for pool, trouble in self.troubles.items()
        )
        watched = (*self._input_watch.alarms(), *self._weather_watch.alarms())
        return (*lost, *watched, *self._old_prices(), *self._wrong_prices)

    def reprice(self, tariffs: Mapping[TariffId, Tariff], wrong: Sequence[Alarm] = ()) -> None:
        """Plan with these prices from now on; ``wrong``: what could not be read of them."""
        self._portfolio = replace(self._portfolio, tariffs=tariffs)
        self._wrong_prices = tuple(wrong)

    def suppose(self, followed: frozenset[AssetId]) -> None:
        """Plan as if these converters of hydrogen and heat did what the plan says."""
        self._followed = followed

    def _old_prices(self) -> Iterator[Alarm]:
        now = None if self._seen is None else self._seen.snapshot.at
        for name, tariff in self._portfolio.tariffs.items():
            prices = tariff.prices
            if now is not None and prices is not None and now >= prices.known_until:
                text = (
                    f"{prices.source} ended at {prices.known_until:%Y-%m-%d %H:%M} UTC: prices"
                    " of the same time of the last day stand in for newer ones"
                )
                yield Alarm(code="PRICES_OLD", subject=name, text=text)

    def observe(
        self,
        snapshot: Snapshot,
        held: Mapping[PoolId, Held] | None = None,
        *,
        proposals: Collection[Proposal] = (),
        means: SlotMeans | None = None,
    ) -> None:
        """Take note of the newest snapshot; cheap. Wakes the planner if it is due.

        Args:
            snapshot: Of the newest tick.
            held: What that tick believes of each pool's storages; where it does not say, the
                readings count.
            proposals: What every source wanted then.
            means: What is measured of the slot that runs.
        """
        self._seen = seen = self._taken(snapshot, held, proposals, means)
        self._running.add(snapshot)
        if self._occasions.causes(seen):
            self._wake.set()

    async def run(self) -> None:
        """Plan whenever it is due, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            began_s = self._wire.monotonic()
            if (seen := self._seen) is not None:
                await self._round(seen, self._occasions.causes(seen, anew=True) or (CLOCK,))
            took_s = self._wire.monotonic() - began_s
            await self._wire.sleep(max(self._rhythm.pause_s, took_s))

    async def round(
        self,
        snapshot: Snapshot,
        held: Mapping[PoolId, Held] | None = None,
        *,
        proposals: Collection[Proposal] = (),
        cause: str = CLOCK,
    ) -> None:
        """Forecast once and plan every pool once; what fails leaves the last plan standing.

        ``held`` and ``proposals`` as in ``observe``.
        """
        await self._round(self._taken(snapshot, held, proposals, None), (cause,))

    def _taken(
        self,
        snapshot: Snapshot,
        held: Mapping[PoolId, Held] | None,
        proposals: Collection[Proposal],
        means: SlotMeans | None,
    ) -> Seen:
        limits = node_limits(self._portfolio, self._nodes, proposals, snapshot.now_s)
        basis = self._basis(snapshot, held or {}, limits)
        return Seen(snapshot=snapshot, held=held or {}, basis=basis, means=means)

    async def _round(self, seen: Seen, causes: tuple[str, ...]) -> None:
        snapshot = seen.snapshot
        self._occasions.taken(seen)
        told = seen.realised(self._portfolio)
        grid = self._grid(snapshot.at)
        until = slot_start(snapshot.at, timedelta(seconds=SLOT_S))
        troubles: dict[PoolId, Trouble] = {}
        try:
            record = await recorded(self._portfolio, self._history, until)
            expected = await self._planning.forecast(
                record.request(self._portfolio, snapshot.at, grid, told)
            )
        except (PlanningError, StoreUnavailable) as fault:
            troubles = {p: Trouble(pool=p, text=str(fault)) for p in self._portfolio.pools}
        else:
            self._weather_watch.observe(record.weather, snapshot.at)
            self._input_watch.observe(expected)
            self.forecasts = {(one.subject, one.quantity): one for one in expected}
            made, troubles = await self._each(seen, grid, record, Room())
            if (room := self._coupling.room(made)).binds:
                made, troubles = await self._each(seen, grid, record, room)
            self._occasions.planned(made, self.forecasts, told)
            said = "; ".join(causes)
            self.plans = {
                **self.plans,
                **{pool: _because(plan, said) for pool, (_, plan) in made.items()},
            }
        self._report(troubles)
        self.rounds += 1

    def _grid(self, at: datetime) -> SlotGrid:
        """Whole hours are those of the city's clock, where prices change."""
        if self._portfolio.slots is Fineness.EQUAL:
            slots = round(self._rhythm.horizon_s / SLOT_S)
            return SlotGrid.containing(at, count=slots, step_s=SLOT_S)
        offset = at.astimezone(self._zone).utcoffset() or timedelta()
        return SlotGrid.fading(at, self._portfolio.slots.spans, offset_s=offset.total_seconds())

    async def _each(
        self,
        seen: Seen,
        grid: SlotGrid,
        record: Record,
        room: Room,
    ) -> tuple[dict[PoolId, tuple[Problem, Plan]], dict[PoolId, Trouble]]:
        """A plan of every pool, inside what is left to it where the nodes above bind."""
        made, troubles = dict[PoolId, tuple[Problem, Plan]](), dict[PoolId, Trouble]()
        for pool in self._portfolio.pools:
            try:
                made[pool] = await self._plan(pool, seen, grid, record, room)
            except (PlanningError, InvariantError) as fault:
                troubles[pool] = Trouble(pool=pool, text=str(fault))
        return made, troubles

    async def _plan(
        self,
        pool: PoolId,
        seen: Seen,
        grid: SlotGrid,
        record: Record,
        room: Room,
    ) -> tuple[Problem, Plan]:
        snapshot = seen.snapshot
        left = _from_now(grid, snapshot.at)
        ratchet = ratchet_months(self._portfolio, pool, left.start)
        outlook = Outlook(
            snapshot=snapshot,
            held=seen.held.get(pool),
            grid=left,
            forecasts=self.forecasts,
            writable=self._writable(snapshot),
            followed=self._followed,
            air_c=_air_c(record.weather, left),
            shared_limits=self._shared_limits,
            billing=replace(
                self._running.billing(pool, left.start, record.peak_paid_kw(pool, ratchet)),
                peak_reached_kw=record.peak_reached_kw(pool),
            ),
            lately=record.lately(self._portfolio, pool),
            largest_kw=record.largest_kw(self._portfolio, pool),
            last=self.plans.get(pool),
            left_kw=room.hard.get(pool),
            contract_left_kw=room.soft.get(pool),
            limits=seen.basis.limits,
            deadline_s=self._rhythm.deadline_s,
        )
        problem = build(self._portfolio, pool, outlook)
        plan = await self._planning.plan(problem)
        if broken := broken_rules(plan, problem):
            raise PlannerFailed("plan rejected: " + "; ".join(broken[:3]))
        return problem, _from_the_start(plan, grid)

    def _writable(self, snapshot: Snapshot) -> frozenset[AssetId]:
        return frozenset(
            asset for asset, device in self._portfolio.writer_of.items() if _ready(snapshot, device)
        )

    def _basis(
        self, snapshot: Snapshot, held: Mapping[PoolId, Held], limits: Set[NodeLimit]
    ) -> Basis:
        """Who takes part, which cars are there, what is wanted of nodes, what energy costs."""
        storages = [
            held.get(pool) or held_by_readings(self._portfolio, pool, snapshot)
            for pool in self._portfolio.pools
        ]
        writable = self._writable(snapshot)
        return Basis(
            writable=writable,
            known=frozenset(asset for one in storages for asset in one.by_asset) & writable,
            sessions={
                asset: (one.id, one.departure, one.need_kwh)
                for asset, one in snapshot.sessions.items()
                if one is not None
            },
            limits=limits,
            tariffs=self._portfolio.tariffs,
        )

    def _report(self, troubles: Mapping[PoolId, Trouble]) -> None:
        for pool in troubles.keys() - self.troubles.keys():
            _log.warning("no new plan", pool=pool, why=troubles[pool].text)
        for pool in self.troubles.keys() - troubles.keys():
            _log.info("planning works again", pool=pool)
        self.troubles = troubles


def _from_now(grid: SlotGrid, at: datetime) -> SlotGrid:
    """The slots with only what is left of the first, but a minute of it at least."""
    edges_s = np.array(grid.edges_s)
    edges_s[0] = max(min(at.timestamp(), edges_s[1] - LEAST_S), edges_s[0])
    return SlotGrid(edges_s=edges_s)


def _from_the_start(plan: Plan, grid: SlotGrid) -> Plan:
    """On whole slots, which the tick counts by; its first row holds for what was left of one."""
    return replace(plan, grid=grid, curve=replace(plan.curve, grid=grid))


def _air_c(weather: WeatherRecord | None, grid: SlotGrid) -> Floats | None:
    """Air temperature foreseen in the middle of every slot; None where no weather is."""
    if weather is None:
        return None
    middle_s = (grid.edges_s[:-1] + grid.edges_s[1:]) / 2.0
    before_h = np.maximum(np.floor(middle_s / 3600.0) - grid.edges_s[0] / 3600.0, 0.0)
    found = weather.known(Quantity.AIR_C, middle_s, before_h)
    return None if np.isnan(found).all() else found


def _because(plan: Plan, cause: str) -> Plan:
    return replace(plan, explanation=replace(plan.explanation, cause=cause))


def _ready(snapshot: Snapshot, device: DeviceId) -> bool:
    state = snapshot.devices.get(device)
    return state is not None and state.online and state.authority.writable and state.identified
