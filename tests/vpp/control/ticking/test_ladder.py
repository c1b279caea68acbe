"""Which plan holds, and until when."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.vpp.control.ticking.city import POOL, House, Store, city
from tests.vpp.control.ticking.plant import NOON, Plant, Run
from tests.vpp.control.ticking.runs import houses, surplus
from tests.vpp.control.ticking.test_invariants import plan
from vpp.control.ladder import plan_rung, rule_slots
from vpp.domain.arrays import Floats
from vpp.domain.capability import Form
from vpp.domain.devices import SafeState
from vpp.domain.ladder import Rung

HOLDS = plan(0.5)


@pytest.mark.parametrize(
    ("age_h", "rung"),
    [
        (0.0, Rung.FRESH_PLAN), (1.0, Rung.FRESH_PLAN), (1.1, Rung.LAST_PLAN),
        (23.5, Rung.LAST_PLAN), (24.5, Rung.SURPLUS_RULE),
    ],
)  # fmt: skip
def test_a_plan_grows_old(age_h: float, rung: Rung) -> None:
    at = NOON + timedelta(hours=0.2)
    old = replace(HOLDS, issued_at=at - timedelta(hours=age_h))
    assert plan_rung(old, POOL, at, 16.0) is rung


def test_a_plan_falls_when_its_inputs_no_longer_hold() -> None:
    assert plan_rung(HOLDS, POOL, NOON, 16.0) is Rung.FRESH_PLAN
    assert plan_rung(HOLDS, POOL, NOON, 7.9) is Rung.SURPLUS_RULE
    assert plan_rung(HOLDS, POOL, NOON + timedelta(hours=25), 16.0) is Rung.SURPLUS_RULE
    assert plan_rung(HOLDS, "another", NOON, 16.0) is Rung.SURPLUS_RULE
    assert plan_rung(None, POOL, NOON, 16.0) is Rung.SURPLUS_RULE


def test_the_rule_covers_the_slot_that_runs() -> None:
    grid, curve, _ = rule_slots(NOON + timedelta(minutes=7), 20.0)
    assert grid.start == NOON
    assert curve.worth(0, 10.0) == pytest.approx(0.5)


def test_without_a_plan_the_rule_is_never_worse_than_doing_nothing() -> None:
    rng = np.random.default_rng(3)
    levels = np.repeat(rng.uniform(-15, 15, 30), 60)

    def load(now: float) -> Floats:
        return np.full(4, levels[min(int(now - 1000), 1799)])

    run = Run(Plant(city=city(houses(4, dead_s=0.0)), load=load)).ticks(1790)
    nets = np.array([h[1].sum() for h in run.plant.history[1:]])
    alone = run.residual_kw()
    moved = np.abs(nets) - np.abs(alone)
    settled = np.array([(k + 1) % 60 > 8 for k in range(len(moved))])
    assert (moved[settled] <= 0.5).all()
    assert np.maximum(nets, 0).sum() < 0.6 * np.maximum(alone, 0).sum()


def test_a_battery_without_a_charge_reading_leaves_dispatch() -> None:
    of = city([House(stores=[Store(safe=SafeState.AUTONOMOUS)]), House(stores=[Store()])])
    run = surplus(of, 5.0).ticks(60)
    run.plant.stale_assets = {"bat0-0"}
    run.ticks(40)
    assert run.last.rungs["bat0-0"] is Rung.SAFE_STATE
    assert run.last.rungs["bat1-0"] is Rung.SURPLUS_RULE
    released = [d for _, d in run.plant.log if d.asset == "bat0-0"][-1]
    assert released.setpoint.form is Form.RELEASE
