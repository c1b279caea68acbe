"""A recorded run gives the same commands again.

Also from a state that has been bytes between any two ticks.
"""

from datetime import timedelta

import numpy as np
import pytest

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.weather import cloudy
from vpp.control.inputs import CommandNews
from vpp.control.state import start
from vpp.control.state_codec import decode, encode
from vpp.control.tick import step
from vpp.domain.errors import InvariantError
from vpp.domain.ids import AssetId
from vpp.domain.outcome import Outcome
from vpp.domain.proposal import Ending, Proposal, Rank, Scope, ScopeKind
from vpp.domain.session import EvSession


def recorded() -> Run:
    houses = [
        House(stores=[Store(dead_s=i % 3 + 1, kwh=10.0 + i)], cars=[(4.1, 11.0)] if i < 2 else [])
        for i in range(6)
    ]
    residual = cloudy(400, 90.0)
    run = Run(
        Plant(
            city=city(houses),
            load=lambda now: np.full(6, residual[int(now - 1000)] / 6),
            meter_age_s=2.0,
        )
    )
    run.proposals = (
        Proposal(
            id="cap", scope=Scope(kind=ScopeKind.POOL, id="pool"), owner="grid", reason="feeder",
            rank=Rank.GRID_OPERATOR, hi_kw=30.0, valid_until_s=1150.0, ending=Ending.FAILSAFE,
            failsafe_hi_kw=20.0,
        ),
    )  # fmt: skip
    run.ticks(100)
    run.plant.sessions[AssetId("car0-0")] = EvSession(
        id="s", asset=AssetId("car0-0"), arrival=run.plant.at, need_kwh=9.0,
        departure=run.plant.at + timedelta(hours=2),
    )  # fmt: skip
    at, last = next((t, d) for t, d in reversed(run.plant.log) if d.asset == "bat0-0")
    run.news = (
        CommandNews(asset=last.asset, setpoint=last.setpoint, sent_s=at, outcome=Outcome.UNKNOWN),
    )
    run.plant.stale_meters = {"meter3"}
    run.ticks(60)
    run.plant.stale_meters = set()
    return run.ticks(60)


def test_a_run_replays_identically_through_bytes_at_every_tick() -> None:
    run = recorded()
    state = start(run.plant.pool, 1000.0)
    for given, before in zip(run.inputs, run.results, strict=True):
        again = step(state, given)
        assert again.commands == before.commands
        assert again.reasons == before.reasons
        assert again.alarms == before.alarms
        assert np.array_equal(again.wanted_kw, before.wanted_kw, equal_nan=True)
        state = decode(encode(again.state))
    assert encode(state) == encode(run.state)
    assert any(result.commands for result in run.results)


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(InvariantError, match="cannot be read"):
        decode(b"\x01")


def test_a_state_outlives_a_change_of_the_city() -> None:
    run = recorded()
    smaller = city([House(stores=[Store(dead_s=1.0, kwh=10.0)]), House(stores=[Store()])])
    other = Run(Plant(city=smaller, load=lambda _: np.array([-3.0, -3.0]), now_s=run.plant.now_s))
    other.state = run.state
    other.ticks(1)
    kept = other.state.memory.told_kw[other.plant.pool.asset_at[AssetId("bat0-0")]]
    assert np.isfinite(kept)
    other.ticks(120)
    assert other.battery_kw()[-1].sum() == pytest.approx(6.0, abs=0.5)
