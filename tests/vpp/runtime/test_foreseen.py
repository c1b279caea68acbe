"""What was foreseen is what plans said hours before."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.vpp.control.planning.cities import NOON, snapshot, two_sites
from vpp.control.inputs import TickResult
from vpp.domain.arrays import Floats
from vpp.domain.curve import SlotCosts, surplus_rule_curve
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.order import Order
from vpp.domain.plan import Plan, Schedule
from vpp.domain.slots import SlotGrid
from vpp.runtime.foreseen import foreseen_net
from vpp.runtime.reason_log import NAME, ReasonLog
from vpp.runtime.view import View

PORTFOLIO = two_sites()
POOL, BATTERY = PoolId("street"), AssetId("home-bat")
DAY = SlotGrid.regular(NOON, count=40, step_s=900.0)


def plan_at(hours: int, net_kw: float) -> Plan:
    """Made so many hours after noon for ten, for an even net."""
    return plan_for(NOON + timedelta(hours=hours), np.full(40, net_kw))


def plan_for(issued_at: datetime, net_kw: Floats) -> Plan:
    """Its battery gives 2 kW all the time."""
    grid = SlotGrid.regular(issued_at, count=len(net_kw), step_s=900.0)
    one = np.ones(len(net_kw))
    return Plan(
        pool=POOL,
        grid=grid,
        issued_at=issued_at,
        order=Order.LOCAL,
        curve=surplus_rule_curve(grid, capacity_kwh=10.0),
        costs=SlotCosts(
            unit="kWh of import", import_weight=one, export_weight=0 * one, flatten=0 * one,
            peak_threshold_kw=one + np.inf, peak_weight=0 * one, ramp_weight=0 * one,
        ),
        schedule=Schedule(
            assets=(BATTERY,), power_kw=-2.0 * one[None], energy_kwh=one[None],
            grid_kw=net_kw - 2.0,
        ),
    )  # fmt: skip


def planned(plan: Plan) -> View:
    """When it was made."""
    made: TickResult[Any] = TickResult(
        state=None, commands=(), wanted_kw=np.zeros(0), decided=frozenset(), reasons=(), rungs={},
        alarms=(),
    )  # fmt: skip
    seen = snapshot(PORTFOLIO, {}, at=plan.issued_at)
    return View(portfolio=PORTFOLIO, snapshot=seen, results={POOL: made}, plans={POOL: plan})


async def test_the_newest_plan_at_least_six_hours_older_counts(tmp_path: Path) -> None:
    plans = {hours: plan_at(hours, net_kw=10.0 + hours) for hours in (0, 1, 2)}
    async with ReasonLog(tmp_path / NAME, PORTFOLIO) as log:
        for plan in plans.values():
            log.observe(planned(plan))
    found = foreseen_net(tmp_path / NAME, POOL, [BATTERY], DAY)
    assert found[0] == pytest.approx(10.0), "as the oldest one, where none is so old"
    assert found[4 * 6] == pytest.approx(10.0)
    assert found[4 * 7 : 4 * 8].tolist() == pytest.approx([11.0] * 4)
    assert found[4 * 8 :].tolist() == pytest.approx([12.0] * 8)


async def test_where_no_plan_is_on_record_nothing_was_foreseen(tmp_path: Path) -> None:
    assert np.isnan(foreseen_net(tmp_path / NAME, POOL, [BATTERY], DAY)).all()
    async with ReasonLog(tmp_path / NAME, PORTFOLIO) as log:
        log.observe(planned(plan_at(5, net_kw=1.0)))
    found = foreseen_net(tmp_path / NAME, POOL, [BATTERY], DAY)
    assert np.isnan(found[: 4 * 5]).all(), "a plan tells nothing of what was over"
    assert found[4 * 5 :].tolist() == pytest.approx([1.0] * 20)
