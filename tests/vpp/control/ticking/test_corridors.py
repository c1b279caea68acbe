"""Energy that the plan keeps for service is kept, whatever the value of stored energy says."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tests.vpp.control.ticking.city import city
from tests.vpp.control.ticking.plant import NOON, Plant, Run
from tests.vpp.control.ticking.runs import houses, proposal
from tests.vpp.control.ticking.test_invariants import plan
from tests.vpp.control.ticking.weather import always
from vpp.control.inputs import Timing
from vpp.domain.ids import AssetId
from vpp.domain.plan import Corridor, Plan
from vpp.domain.proposal import Rank, ScopeKind

TIMING = Timing(tick_s=10.0, start_ramp_per_min=100.0)


def kept(low_kwh: float, high_kwh: float) -> Plan:
    of = plan(0.5)
    slots = len(of.grid)
    corridor = Corridor(
        asset=AssetId("bat0-0"), lo_kwh=np.full(slots, low_kwh), hi_kwh=np.full(slots, high_kwh)
    )
    return replace(of, corridors=(corridor,))


def energy(run: Run) -> float:
    return float(run.plant.energy[run.plant.pool.asset_at[AssetId("bat0-0")]])


def served(load_kw: float, plan: Plan, soc: float = 0.5) -> Run:
    of = city(houses(2), timing=TIMING)
    return Run(Plant(city=of, load=always(load_kw, load_kw), soc=soc), plan=plan)


@given(load=st.floats(-15, 15), low=st.floats(8, 14), high=st.floats(16, 22))
@settings(max_examples=examples(15))
def test_nothing_leaves_the_corridor(load: float, low: float, high: float) -> None:
    run = served(load, kept(low, high))
    for _ in range(120):
        run.ticks(1)
        assert low - 0.02 <= energy(run) <= high + 0.02


def test_a_battery_below_its_reserve_is_filled_by_the_end_of_the_slot() -> None:
    run = served(5.0, kept(17.0, 30.0)).ticks(89)
    assert energy(run) == pytest.approx(17.0, abs=0.15)


def test_the_other_battery_gives_what_the_reserve_keeps() -> None:
    run = served(4.0, kept(15.0, 30.0)).ticks(30)
    assert run.battery_kw()[-1] == pytest.approx([0.0, -8.0], abs=0.3)


def test_an_operator_may_spend_the_reserve() -> None:
    run = served(0.0, kept(15.0, 30.0))
    run.proposals = (proposal("op", ScopeKind.ASSET, "bat0-0", Rank.OVERRIDE, wish_kw=-5.0),)
    run.ticks(30)
    assert run.battery_kw()[-1, 0] == pytest.approx(-5.0, abs=0.01)


def test_an_old_plan_keeps_nothing() -> None:
    old = replace(kept(15.0, 30.0), issued_at=NOON - timedelta(hours=25))
    run = served(4.0, old).ticks(60)
    assert energy(run) < 14.9
