"""Which plan holds, and until when."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.vpp.control.ticking.city import POOL
from tests.vpp.control.ticking.plant import NOON
from tests.vpp.control.ticking.test_invariants import plan
from vpp.control.ladder import plan_rung, rule_slots
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
