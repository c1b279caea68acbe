"""Who may want what: ranks, limits that do not lapse, authority."""

from dataclasses import replace

import numpy as np
import pytest

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import codes, houses, proposal, surplus
from tests.vpp.control.ticking.weather import always
from vpp.domain.devices import Authority
from vpp.domain.proposal import Ending, Rank, ScopeKind


def test_an_override_holds_a_battery_and_the_pool_counts_it() -> None:
    run = surplus(city(houses(3)), 5.0)
    run.proposals = (proposal("operator", ScopeKind.ASSET, "bat0-0", Rank.OVERRIDE, wish_kw=-4.0),)
    run.ticks(120)
    kw = run.battery_kw()[-1]
    assert kw[0] == pytest.approx(-4.0, abs=0.01)
    assert kw[1:].sum() == pytest.approx(19.0, abs=1.0)
    assert any(r.binding == "operator's operator" for r in run.last.reasons)


def test_contradicting_bounds_clamp_to_the_nearest_end_and_name_both() -> None:
    run = surplus(city(houses(2)), 5.0)
    run.proposals = (
        proposal("grid", ScopeKind.ASSET, "bat0-0", Rank.GRID_OPERATOR, hi_kw=2.0),
        proposal("operator", ScopeKind.ASSET, "bat0-0", Rank.OVERRIDE, lo_kw=6.0, hi_kw=8.0),
    )
    run.ticks(120)
    assert run.battery_kw()[-1][0] == pytest.approx(2.0, abs=0.01)
    (conflict,) = [a for a in run.last.alarms if a.code == "CONFLICT"]
    assert "operator" in conflict.text
    assert "grid" in conflict.text


def test_a_grid_limit_beats_an_override() -> None:
    run = Run(Plant(city=city(houses(2)), load=always(5.0, 5.0)))
    run.proposals = (
        proposal("operator", ScopeKind.ASSET, "bat0-0", Rank.OVERRIDE, lo_kw=9.0, hi_kw=9.0),
        proposal("grid", ScopeKind.POOL, "pool", Rank.GRID_OPERATOR, hi_kw=3.0),
    )
    run.ticks(150)
    assert run.plant.nets().sum() <= 3.0 + 0.5


def test_a_grid_limit_ends_an_override_that_is_already_followed() -> None:
    run = Run(Plant(city=city(houses(2)), load=always(5.0, 5.0)))
    run.proposals = (
        proposal("operator", ScopeKind.ASSET, "bat0-0", Rank.OVERRIDE, wish_kw=14.0),
        proposal("operator-2", ScopeKind.ASSET, "bat1-0", Rank.OVERRIDE, lo_kw=10.0, hi_kw=10.0),
    )
    run.ticks(120)
    assert run.battery_kw()[-1] == pytest.approx([14.0, 10.0])
    grid = proposal("grid", ScopeKind.POOL, "pool", Rank.GRID_OPERATOR, hi_kw=3.0)
    run.proposals = (*run.proposals, grid)
    run.ticks(4)
    assert run.plant.nets().sum() <= 3.0 + 1e-6
    assert any(a.code == "CONFLICT" and "grid" in a.text for a in run.last.alarms)


def test_an_override_that_stands_at_a_start_contradicts_no_meter_that_had_no_time_to_speak() -> (
    None
):
    of = city([House(stores=[Store()], rating_kw=15.0, load_kw=40.0)], boundary=False)
    run = Run(Plant(city=of, load=always(3.0)))
    wanted = proposal("op", ScopeKind.ASSET, "bat0-0", Rank.OVERRIDE, lo_kw=2.0, hi_kw=2.0)
    run.proposals = (wanted,)
    run.plant.stale_meters = {"meter0"}
    run.plant.frozen_meters["meter0"] = (float("nan"), -np.inf)
    for _ in range(round(of.model.timing.freshness_s)):
        assert not codes(run.ticks(1))
    assert run.battery_kw().max() == 0, "the load counts at its worst meanwhile"
    assert "CONFLICT" in codes(run.ticks(2))
    run.plant.stale_meters = set()
    assert not codes(run.ticks(40))
    assert run.battery_kw()[-1] == pytest.approx([2.0])


def test_a_limit_that_ends_falls_to_its_failsafe_until_a_fresh_one_comes() -> None:
    run = Run(Plant(city=city(houses(2)), load=always(5.0, 5.0)))
    limit = proposal(
        "grid", ScopeKind.POOL, "pool", Rank.GRID_OPERATOR, lo_kw=6.0, valid_until_s=1060.0,
        ending=Ending.FAILSAFE, failsafe_lo_kw=4.0, failsafe_hi_kw=7.0,
    )  # fmt: skip
    run.proposals = (limit,)
    run.ticks(55)
    run.proposals = ()
    run.ticks(60)
    assert "GRID_FAILSAFE" in codes(run)
    assert run.plant.nets().sum() >= 4.0 - 0.3
    fresh = replace(limit, lo_kw=-100.0, valid_until_s=1e9)
    for seen in (30, 50):
        run.proposals = (fresh,)
        run.ticks(seen)
        assert "GRID_FAILSAFE" in codes(run)
        assert run.plant.nets().sum() >= 4.0 - 0.3
        run.proposals = ()
        run.ticks(1)
    run.proposals = (fresh,)
    run.ticks(120)
    assert "GRID_FAILSAFE" not in codes(run)
    assert run.plant.nets().sum() == pytest.approx(0.0, abs=0.5)


def test_the_last_word_of_a_source_that_fails_is_no_heartbeat() -> None:
    of = city(houses(2))
    run = surplus(of, 12.0).ticks(60)
    limit = proposal(
        "dso", ScopeKind.ASSET, "bat0-0", Rank.GRID_OPERATOR, hi_kw=9.0,
        valid_until_s=run.plant.now_s + 10, ending=Ending.FAILSAFE,
        failsafe_lo_kw=0.0, failsafe_hi_kw=1.0,
    )  # fmt: skip
    run.proposals = (limit,)
    run.ticks(15)
    assert "GRID_FAILSAFE" in codes(run)
    run.proposals = (replace(limit, valid_until_s=1e9, alive=False),)
    run.ticks(70)
    assert "GRID_FAILSAFE" in codes(run)
    run.proposals = (replace(limit, valid_until_s=1e9),)
    run.ticks(62)
    assert "GRID_FAILSAFE" not in codes(run)


def test_a_fallen_limit_is_not_lifted_at_once_by_a_wish_of_its_id() -> None:
    run = Run(Plant(city=city(houses(2)), load=always(5.0, 5.0)))
    limit = proposal(
        "grid", ScopeKind.POOL, "pool", Rank.GRID_OPERATOR, lo_kw=6.0, valid_until_s=1030.0,
        ending=Ending.FAILSAFE, failsafe_lo_kw=4.0,
    )  # fmt: skip
    run.proposals = (limit,)
    run.ticks(90)
    run.proposals = (replace(limit, lo_kw=-100.0, valid_until_s=1e9, ending=Ending.WITHDRAW),)
    run.ticks(50)
    assert run.plant.nets().sum() >= 4.0 - 0.3
    run.ticks(90)
    assert run.plant.nets().sum() == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize("authority", [a for a in Authority if not a.writable])
def test_only_auto_and_manual_are_written(authority: Authority) -> None:
    run = surplus(city(houses(2)), 5.0)
    run.plant.authority = {"bat0-0": authority}
    run.ticks(100)
    assert {d.asset for _, d in run.plant.log} == {"bat1-0"}
    assert run.battery_kw()[-1][1] == pytest.approx(10.0, abs=0.5)


def test_manual_is_written_only_by_an_override() -> None:
    run = surplus(city(houses(2)), 5.0)
    run.plant.authority = {"bat0-0": Authority.MANUAL}
    run.ticks(80)
    assert not any(d.asset == "bat0-0" for _, d in run.plant.log)
    run.proposals = (proposal("operator", ScopeKind.ASSET, "bat0-0", Rank.OVERRIDE, wish_kw=3.0),)
    run.ticks(80)
    assert run.battery_kw()[-1][0] == pytest.approx(3.0, abs=0.01)
