"""A storage whose device does not turn round in one write is idle before it does."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tests.vpp.control.ticking.city import City, House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import proposal
from vpp.control.inputs import Decision
from vpp.domain.arrays import Floats
from vpp.domain.proposal import Rank, ScopeKind

TWO_WRITES = Store(atomic_reversal=False, dead_s=2.0, ramp_kw_s=3.0)
ONE_WRITE = Store(dead_s=2.0, ramp_kw_s=3.0)
IDLE_KW = 0.03 * 15.0


def driven(of: City, levels: Sequence[float], each_s: int) -> Run:
    """A run under a load of the first house that steps from level to level."""

    def load(now_s: float) -> Floats:
        level = levels[min(int(now_s - 1000) // each_s, len(levels) - 1)]
        return np.array([level, *[0.0] * (len(of.model.compiled.sites) - 1)])

    return Run(Plant(city=of, load=load)).ticks(each_s * len(levels))


def told(run: Run, asset: str = "bat0-0") -> list[tuple[float, Decision]]:
    return [(at_s, one) for at_s, one in run.plant.log if one.asset == asset]


def told_kw(run: Run, asset: str = "bat0-0") -> Floats:
    return np.array([one.setpoint.target_kw for _, one in told(run, asset)])


def turned(kw: Floats) -> list[int]:
    """Where a setpoint has the sign opposite to the one before it."""
    return [at for at, (was, now) in enumerate(pairwise(kw)) if was * now < 0]


def measured_kw(run: Run, at_s: float) -> float:
    """Of the first battery, when the tick looked."""
    at = run.plant.pool.asset_at[run.plant.city.batteries[0]]
    return next(float(kw[at]) for when_s, _, kw in run.plant.history if when_s == at_s)


def test_it_is_told_nothing_first_and_the_other_way_once_it_is_seen_to_be_idle() -> None:
    run = driven(city([House(stores=[TWO_WRITES])]), [-12.0, 12.0], each_s=80)
    kw = told_kw(run)
    assert not turned(kw)
    after = [(at_s, one.setpoint.target_kw) for at_s, one in told(run) if at_s >= 1080]
    first = next(at_s for at_s, wish_kw in after if wish_kw < 0)
    assert [wish_kw for at_s, wish_kw in after if at_s < first] == [0.0]
    assert abs(measured_kw(run, first)) <= IDLE_KW
    meanwhile = [result.reasons[0] for result in run.results[81 : int(first) - 1001]]
    assert {reason.binding for reason in meanwhile} == {"turning round"}
    assert run.last.reasons[0].binding == "deficit served"
    assert run.battery_kw()[-1] == pytest.approx([-12.0], abs=0.5)


def test_a_device_that_turns_round_in_one_write_is_told_so_at_once() -> None:
    run = driven(city([House(stores=[ONE_WRITE])]), [-12.0, 12.0], each_s=80)
    assert turned(told_kw(run))


def test_the_others_serve_what_it_cannot_meanwhile() -> None:
    of = city([House(stores=[TWO_WRITES]), House(stores=[ONE_WRITE])])
    run = driven(of, [-24.0] * 8 + [12.0], each_s=10)
    idle = next(at_s for at_s, one in told(run) if at_s >= 1080 and one.setpoint.target_kw == 0)
    same_tick = [one.setpoint.target_kw for at_s, one in told(run, "bat1-0") if at_s == idle]
    assert same_tick == [pytest.approx(-12.0, abs=0.5)]


def test_whoever_overrides_it_waits_too_and_the_record_says_why() -> None:
    run = driven(city([House(stores=[TWO_WRITES])]), [-12.0], each_s=80)
    run.proposals = (proposal("op", ScopeKind.ASSET, "bat0-0", Rank.OVERRIDE, wish_kw=-8.0),)
    run.ticks(30)
    kw = told_kw(run)
    assert not turned(kw)
    assert kw[-1] == pytest.approx(-8.0)
    reasons = {one.setpoint.reason for _, one in told(run) if one.setpoint.target_kw == 0}
    assert any("does not turn round in one write" in reason for reason in reasons)


def test_it_does_not_turn_while_nobody_sees_it_stop() -> None:
    of = city([House(stores=[TWO_WRITES])])
    run = driven(of, [-12.0], each_s=80)
    run.plant.deaf.add("bat0-0")
    run.proposals = (proposal("op", ScopeKind.ASSET, "bat0-0", Rank.OVERRIDE, wish_kw=-8.0),)
    run.ticks(40)
    assert told_kw(run).min() == 0.0
    run.plant.deaf.clear()
    run.ticks(60)
    assert run.battery_kw()[-1] == pytest.approx([-8.0], abs=0.1)


@given(
    levels=st.lists(st.floats(-25, 25) | st.just(0.0), min_size=6, max_size=10),
    each_s=st.integers(2, 15),
    step_kw=st.sampled_from([0.0, 0.1, 1.0]),
)
@settings(max_examples=examples(20))
def test_no_setpoint_has_the_other_sign_than_the_one_before(
    levels: list[float], each_s: int, step_kw: float
) -> None:
    slow = Store(atomic_reversal=False, dead_s=2.0, ramp_kw_s=3.0, resolution_kw=step_kw)
    of = city([House(stores=[slow]), House(stores=[ONE_WRITE])], rating_kw=30.0)
    kw = told_kw(driven(of, levels, each_s))
    assert not turned(np.where(np.abs(kw) <= step_kw / 2, 0.0, kw))
