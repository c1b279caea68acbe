"""Plans on slots of unlike length, through the daemon's own door."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from optimizer.planner import LpPlanner
from tests.vpp.control.planning.cities import NOON, snapshot, two_sites
from tests.vpp.control.planning.test_replanning import InProcess, LoopClock, Remembered
from vpp.control.replanning import Replanner
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.plan import Plan
from vpp.domain.points import Quantity
from vpp.domain.problem import Problem
from vpp.domain.session import EvSession
from vpp.domain.slots import Fineness
from vpp.ports.clock import Clocks

POOL, CAR = PoolId("street"), AssetId("shop-cp")
AT = NOON + timedelta(minutes=7)


class Lp(InProcess):
    """With the planner of production."""

    def __init__(self) -> None:
        super().__init__()
        self.lp = LpPlanner()

    async def plan(self, problem: Problem) -> Plan:
        self.problems.append(problem)
        return self.lp.plan(problem)


async def planned(fineness: Fineness, **last: Plan) -> tuple[Problem, Plan]:
    clock, planning = LoopClock(), Lp()
    planner = Replanner(
        replace(two_sites(), slots=fineness),
        planning=planning,
        history=Remembered(),
        clocks=Clocks(city=clock, wire=clock),
    )
    planner.plans = {PoolId(pool): plan for pool, plan in last.items()}
    car = EvSession(
        id="s1",
        asset=CAR,
        arrival=NOON - timedelta(hours=1),
        departure=AT + timedelta(hours=26, minutes=20),
        need_kwh=15.0,
        max_kw=11.0,
    )
    at = snapshot(
        two_sites(), {"home-bat": {Quantity.SOC: 0.5}}, at=AT, now_s=420.0, sessions={CAR: car}
    )
    await planner.round(at)
    assert planner.troubles == {}
    return planning.problems[-1], planner.plans[POOL]


@pytest.mark.parametrize("fineness", Fineness)
async def test_a_plan_is_made_whose_energies_are_those_of_its_forecasts(fineness: Fineness) -> None:
    problem, plan = await planned(fineness)
    hours = problem.grid.hours
    assert plan.grid.starts[0] == plan.grid.starts[0].replace(second=0)
    assert problem.grid.start == AT
    ahead_h = (problem.grid.end - AT).total_seconds() / 3600.0
    load_kwh = float((problem.load_kw @ hours).sum())
    after_car_h = ahead_h - 26.0 - 20 / 60
    assert load_kwh == pytest.approx(6.0 * ahead_h + 3.0 * after_car_h)
    served = problem.grid.end > AT + timedelta(hours=26)
    given_kwh = float((plan.schedule.of(CAR) * hours).sum())
    assert given_kwh == pytest.approx(15.0 if served else given_kwh)
    stored = plan.schedule.energy_kwh[plan.schedule.assets.index(AssetId("home-bat"))]
    power = plan.schedule.of(AssetId("home-bat"))
    gain = np.where(power > 0, power * 0.95, power / 0.95) * hours
    np.testing.assert_allclose(stored, 5.0 + np.cumsum(gain), atol=1e-6)


async def test_a_car_that_leaves_within_an_hour_may_take_what_its_stay_allows() -> None:
    problem, _ = await planned(Fineness.COARSER)
    left = problem.grid.index(AT + timedelta(hours=26, minutes=20))
    assert left is not None
    assert problem.grid.hours[left] == 1.0
    into_h = (AT + timedelta(hours=26, minutes=20) - problem.grid.starts[left]) / timedelta(hours=1)
    assert problem.sessions.max_kw[0, left] == pytest.approx(11.0 * into_h)
    assert problem.sessions.max_kw[0, left + 1 :].max() == 0.0


@pytest.mark.parametrize("before", Fineness)
@pytest.mark.parametrize("after", Fineness)
async def test_a_plan_keeps_to_the_last_one_however_that_was_cut(
    before: Fineness, after: Fineness
) -> None:
    _, last = await planned(before)
    _, plan = await planned(after, street=last)
    (change,) = (one for one in plan.explanation.stages if one.stage == "S4 change")
    assert change.value == pytest.approx(0.0, abs=0.05)
