import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from optimizer.fallback import RulePlanner
from tests.vpp.control.planning.cities import NOON, snapshot, two_sites, two_streets
from vpp.control.occasions import Rhythm
from vpp.control.replanning import Replanner
from vpp.domain.arrays import Floats
from vpp.domain.devices import Authority
from vpp.domain.errors import PlannerFailed, StoreUnavailable
from vpp.domain.forecast import Forecast, ForecastRequest
from vpp.domain.history import Mean
from vpp.domain.ids import AssetId, PoolId, SiteId
from vpp.domain.plan import Plan
from vpp.domain.points import Quantity
from vpp.domain.problem import Problem
from vpp.domain.session import EvSession
from vpp.domain.snapshot import Snapshot
from vpp.domain.weather import WeatherSupply
from vpp.ports.clock import Clocks

POOL = PoolId("street")
PORTFOLIO = two_sites()


class LoopClock:
    """Both clocks on the test's virtual loop."""

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Remembered:
    """A history in which every value is the same."""

    def __init__(self) -> None:
        self.fault: StoreUnavailable | None = None

    async def append(self, means: Sequence[Mean]) -> None:
        raise NotImplementedError

    async def read(
        self, subject: str, quantity: Quantity, start: datetime, end: datetime, step_s: float
    ) -> Floats:
        if self.fault:
            raise self.fault
        count = round((end - start).total_seconds() / step_s)
        value = {POOL: 15.0, "home-pv": -2.0, "home-pv-2": 0.1}.get(subject, 3.0)
        never = quantity in {Quantity.AVAILABLE_KW, Quantity.HELD_BACK}
        return np.full(count, np.nan if never else value)


class InProcess:
    """The rule planner and a flat forecast, without a process between; faults on demand."""

    def __init__(self) -> None:
        self.fault: PlannerFailed | None = None
        self.spoil = False
        self.problems: list[Problem] = []
        self.requests: list[ForecastRequest] = []

    async def plan(self, problem: Problem) -> Plan:
        self.problems.append(problem)
        if self.fault:
            raise self.fault
        plan = RulePlanner().plan(problem)
        return replace(plan, pool=PoolId("elsewhere")) if self.spoil else plan

    async def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        self.requests.append(request)
        return tuple(
            Forecast(
                subject=series.subject,
                quantity=series.quantity,
                grid=request.grid,
                issued_at=request.issued_at,
                values_kw=np.full((3, len(request.grid)), np.nanmean(series.values_kw)),
                source="mean",
            )
            for series in request.series
        )


def seen(at_s: float, soc: float | None = 0.5, **changes: Any) -> Snapshot:
    measured = {} if soc is None else {"home-bat": {Quantity.SOC: soc}}
    return snapshot(
        PORTFOLIO,
        measured,
        at=NOON + timedelta(seconds=at_s),
        now_s=at_s,
        **changes,
    )


def replanner(planning: InProcess, history: Remembered) -> Replanner:
    clock = LoopClock()
    return Replanner(
        PORTFOLIO,
        planning=planning,
        history=history,
        clocks=Clocks(city=clock, wire=clock),
        rhythm=Rhythm(horizon_s=6 * 3600.0),
    )


async def test_a_round_stands_on_history_and_what_is_paid() -> None:
    planning = InProcess()
    planner = replanner(planning, Remembered())
    await planner.round(seen(0.0))
    assert planner.plans[POOL].pool == POOL
    (problem,) = planning.problems
    assert problem.prices.peak_paid_kw == 15.0
    np.testing.assert_allclose(problem.load_kw.sum(0), 3.0 + 3.0 + 3.0)
    np.testing.assert_allclose(problem.pv.available_kw.sum(0), 2.0 - 0.1)
    assert {f.subject for f in planner.site_forecasts[SiteId("home")]} == {"home"}


async def test_a_city_with_a_weather_source_has_forecasters_told_of_the_weather() -> None:
    planning, clock = InProcess(), LoopClock()
    planner = Replanner(
        replace(PORTFOLIO, weather=WeatherSupply(source="open-meteo")),
        planning=planning,
        history=Remembered(),
        clocks=Clocks(city=clock, wire=clock),
        rhythm=Rhythm(horizon_s=6 * 3600.0),
    )
    await planner.round(seen(0.0))
    (request,) = planning.requests
    assert request.weather is not None
    assert (request.weather.values[Quantity.AIR_C] == 3.0).all()
    (alarm,) = planner.alarms()
    assert (alarm.code, alarm.subject) == ("WEATHER_LOST", "weather")
    await replanner(planning, Remembered()).round(seen(0.0))
    assert planning.requests[1].weather is None


@pytest.mark.virtual_time
async def test_it_plans_again_a_little_into_each_slot_and_when_something_changes() -> None:
    planning = InProcess()
    planner = replanner(planning, Remembered())
    running = asyncio.create_task(planner.run())
    rounds: list[tuple[float, int]] = []
    car = EvSession(id="s1", asset=AssetId("shop-cp"), arrival=datetime(2026, 7, 15, tzinfo=UTC))
    for second in range(0, 2000, 5):
        now = seen(float(second), sessions={car.asset: car if second >= 500 else None})
        planner.observe(now)
        await asyncio.sleep(5)
        if not rounds or rounds[-1][1] != planner.rounds:
            rounds.append((second, planner.rounds))
    running.cancel()
    assert [second for second, _ in rounds] == [0, 500, 905, 1805]


@pytest.mark.virtual_time
async def test_an_asset_that_may_no_longer_be_commanded_is_planned_without() -> None:
    planning = InProcess()
    planner = replanner(planning, Remembered())
    running = asyncio.create_task(planner.run())
    planner.observe(seen(0.0))
    await asyncio.sleep(1)
    planner.observe(seen(1.0, authority={"home-ess": Authority.OBSERVE}))
    await asyncio.sleep(1)
    running.cancel()
    assert [problem.batteries.ids for problem in planning.problems] == [("home-bat",), ()]


@pytest.mark.virtual_time
async def test_a_battery_is_planned_with_as_soon_as_its_stored_energy_is_heard() -> None:
    """After a start the first plan may be made before; it would stand until the next quarter."""
    planning = InProcess()
    planner = replanner(planning, Remembered())
    running = asyncio.create_task(planner.run())
    planner.observe(seen(0.0, soc=None))
    await asyncio.sleep(1)
    planner.observe(seen(1.0))
    await asyncio.sleep(1)
    running.cancel()
    assert [problem.batteries.ids for problem in planning.problems] == [(), ("home-bat",)]


async def test_a_failure_leaves_the_last_plan_and_says_why_until_it_works_again() -> None:
    planning, history = InProcess(), Remembered()
    planner = replanner(planning, history)
    await planner.round(seen(0.0))
    good = planner.plans[POOL]
    planning.fault = PlannerFailed("the solver hung")
    await planner.round(seen(900.0))
    assert planner.plans[POOL] is good
    assert planner.troubles[POOL].text == "the solver hung"
    planning.fault, history.fault = None, StoreUnavailable("disk gone")
    await planner.round(seen(1800.0))
    assert planner.troubles[POOL].text == "disk gone"
    assert [(a.code, a.subject, a.text) for a in planner.alarms()] == [
        ("NO_PLAN", "street", "no new plan: disk gone")
    ]
    history.fault = None
    await planner.round(seen(2700.0))
    assert planner.troubles == {}
    assert planner.alarms() == ()
    assert planner.plans[POOL] is not good


async def test_a_plan_that_breaks_a_rule_is_rejected_whole() -> None:
    planning = InProcess()
    planning.spoil = True
    planner = replanner(planning, Remembered())
    await planner.round(seen(0.0))
    assert planner.plans == {}
    assert planner.troubles[POOL].text.startswith("plan rejected: ")


async def test_pools_that_break_a_rating_above_them_are_planned_again_inside_their_parts() -> None:
    town, planning, clock = two_streets(rating_kw=8.0), InProcess(), LoopClock()
    planner = Replanner(
        town,
        planning=planning,
        history=Remembered(),
        clocks=Clocks(city=clock, wire=clock),
        rhythm=Rhythm(horizon_s=6 * 3600.0),
    )
    await planner.round(snapshot(town, {"home-bat": {Quantity.SOC: 0.5}}, at=NOON, now_s=0.0))
    assert [problem.pool for problem in planning.problems] == ["lane", "street"] * 2
    lane, street = planning.problems[2:]
    together_kw = lane.nodes.import_kw[0] + street.nodes.import_kw[0]
    assert np.isfinite(together_kw).any()
    np.testing.assert_array_less(together_kw[np.isfinite(together_kw)], 8.0 + 1e-6)
    assert set(planner.plans) == {"lane", "street"}


async def test_a_contract_above_the_pools_is_shared_as_a_preference() -> None:
    """8 kW for two streets that need 9: every plan exists, and says by how much it is beyond."""
    town, planning, clock = two_streets(rating_kw=50.0, contract_kw=8.0), InProcess(), LoopClock()
    planner = Replanner(
        town,
        planning=planning,
        history=Remembered(),
        clocks=Clocks(city=clock, wire=clock),
        rhythm=Rhythm(horizon_s=6 * 3600.0),
    )
    await planner.round(snapshot(town, {"home-bat": {Quantity.SOC: 0.5}}, at=NOON, now_s=0.0))
    assert [problem.pool for problem in planning.problems] == ["lane", "street"] * 2
    alone, again = planning.problems[:2], planning.problems[2:]
    assert all(np.isinf(problem.nodes.contract_import_kw[0]).all() for problem in alone[:1])
    together_kw = sum(problem.nodes.contract_import_kw[0] for problem in again)
    assert isinstance(together_kw, np.ndarray)
    bound = together_kw < 20.0
    assert bound.any()
    np.testing.assert_allclose(together_kw[bound], 8.0, atol=1e-6)
    for problem, before in zip(again, alone, strict=True):
        np.testing.assert_array_equal(problem.nodes.import_kw, before.nodes.import_kw)
        assert any("contracts of the nodes above" in note for note in problem.extra)
    assert set(planner.plans) == {"lane", "street"}
    assert planner.troubles == {}


async def test_a_contract_that_the_plans_keep_by_themselves_changes_nothing() -> None:
    town, planning, clock = two_streets(rating_kw=50.0, contract_kw=30.0), InProcess(), LoopClock()
    planner = Replanner(
        town,
        planning=planning,
        history=Remembered(),
        clocks=Clocks(city=clock, wire=clock),
        rhythm=Rhythm(horizon_s=6 * 3600.0),
    )
    await planner.round(snapshot(town, {"home-bat": {Quantity.SOC: 0.5}}, at=NOON, now_s=0.0))
    assert [problem.pool for problem in planning.problems] == ["lane", "street"]
