"""Planner and tick of production over recorded data."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.vpp.backtest.weather import Nothing, Wild, unlike
from tests.vpp.control.planning.cities import two_sites
from vpp.backtest.bound import least_import
from vpp.backtest.data import Recording, between
from vpp.backtest.plan_run import PlanRun, run_plan
from vpp.backtest.prices import recorded_tariff
from vpp.backtest.rules_run import Run, run_rule
from vpp.backtest.score import pool_nets, score
from vpp.backtest.setting import Setting, of_city, of_recording
from vpp.backtest.thinking import Thinking, installed
from vpp.domain.arrays import Floats, frozen
from vpp.domain.assets import Pv
from vpp.domain.devices import Carried, Device
from vpp.domain.errors import InvariantError, PlannerFailed
from vpp.domain.ids import DeviceId, NodeId, PoolId
from vpp.domain.network import GridNode, Limit
from vpp.domain.order import Goals, Order
from vpp.domain.plan import Plan
from vpp.domain.problem import Prices, Problem
from vpp.domain.rules import community, inverter
from vpp.domain.slots import SlotGrid
from vpp.domain.tariff import DemandCharge
from vpp.ports.planner import Forecaster

DAYS = 2
POOLS = [None, [[0, 2], [1]]]


def planned(recording: Recording, thinking: Thinking | None, **said: Any) -> PlanRun:
    return run_plan("x", recording, of_recording(recording), thinking=thinking, **said)


def imported_by_sites(run: Run, recording: Recording) -> float:
    own = [[site] for site in range(len(recording.sites))]
    return float(np.maximum(pool_nets(run, recording, own), 0.0).sum())


def used(run: Run, recording: Recording, pools: list[list[int]] | None = None) -> float:
    return score(run, recording, pools=pools).self_consumption


def twice_a_day(planner: str = "lp", forecaster: Forecaster | None = None) -> Thinking:
    made = installed(planner)
    return replace(made, every=48, horizon_s=12 * 3600.0, forecaster=forecaster or made.forecaster)


@pytest.mark.parametrize("pools", POOLS)
def test_without_a_plan_the_tick_is_the_community_rule(pools: list[list[int]] | None) -> None:
    recording = unlike(DAYS)
    run = run_plan("x", recording, of_recording(recording, pools=pools)).run
    rule = run_rule("x", recording, community, pools=pools)
    nets, by_rule = pool_nets(run, recording, pools), pool_nets(rule, recording, pools)
    # Few movers: what a battery holds may differ from its share by a tenth of its rating.
    assert (np.abs(nets - by_rule) > 1e-3).mean() < 0.05
    assert used(run, recording, pools) == pytest.approx(used(rule, recording, pools), abs=1e-6)
    assert used(run, recording, pools) > used(run_rule("x", recording, inverter), recording) + 0.01


def test_where_carbon_counts_at_their_meters_sites_serve_themselves_first() -> None:
    recording = unlike(DAYS)
    by_pool, by_site = (
        run_plan("x", recording, of_recording(recording, goals=Goals(order=order))).run
        for order in (Order.LOCAL, Order.GRID)
    )
    less = imported_by_sites(by_site, recording) / imported_by_sites(by_pool, recording)
    assert less < 0.98
    assert used(by_site, recording) == pytest.approx(used(by_pool, recording), abs=0.01)


def test_store_and_power_are_consistent_and_stay_in_their_limits() -> None:
    recording = unlike(2)
    run, storage = planned(recording, twice_a_day()).run, recording.storage
    stored = recording.start_kwh
    for slot in range(len(recording.grid)):
        stored = storage.after(stored, run.battery_kw[:, slot], recording.hours)
        assert run.stored_kwh[:, slot + 1].tolist() == pytest.approx(stored.tolist())
    assert (run.stored_kwh >= storage.low_kwh[:, None] - 1e-9).all()
    assert (run.stored_kwh <= storage.high_kwh[:, None] + 1e-9).all()
    assert (run.battery_kw <= storage.charge_kw[:, None] + 1e-9).all()
    assert (run.battery_kw >= -storage.discharge_kw[:, None] - 1e-9).all()
    assert np.ptp(run.stored_kwh, axis=1).min() > 1
    against = (run.battery_kw > 1e-6).any(axis=0) & (run.battery_kw < -1e-6).any(axis=0)
    assert not against.any()


@pytest.mark.parametrize("forecaster", [None, Wild(), Nothing()], ids=["persistence", "wild", "0"])
def test_local_use_is_that_of_perfect_foresight_whatever_the_forecast(
    forecaster: Forecaster | None,
) -> None:
    recording = unlike(DAYS)
    made = planned(recording, twice_a_day(forecaster=forecaster))
    best = used(least_import(recording), recording)
    assert used(made.run, recording) == pytest.approx(best, abs=5e-4)
    assert used(made.run, recording) > used(run_rule("x", recording, inverter), recording) + 0.02
    assert (made.plans, made.refused) == (2 * DAYS, ())


class Watching:
    """Remembers the demand that was expected and what is settled, and plans nothing."""

    def __init__(self) -> None:
        self.load_kw: list[Floats] = []
        self.prices: list[Prices] = []

    def plan(self, problem: Problem) -> Plan:
        self.load_kw.append(problem.load_kw)
        self.prices.append(problem.prices)
        raise PlannerFailed("only looks")


def test_nothing_that_comes_later_is_known() -> None:
    recording, now = unlike(2), 120
    later = np.array(recording.load_kw)
    later[:, now + 1 :] *= 3  # the running slot is measured
    other = replace(recording, load_kw=frozen(later))
    seen = [Watching(), Watching()]
    runs = [
        planned(one, replace(installed(), planner=watching, every=24)).run
        for one, watching in zip((recording, other), seen, strict=True)
    ]
    assert np.array_equal(runs[0].battery_kw[:, : now + 1], runs[1].battery_kw[:, : now + 1])
    assert not np.allclose(runs[0].battery_kw[:, now + 1 :], runs[1].battery_kw[:, now + 1 :])
    equal = [np.array_equal(*pair) for pair in zip(*(w.load_kw for w in seen), strict=True)]
    assert equal == [True] * 6 + [False] * 2


def test_forecasts_begin_with_the_days_before() -> None:
    whole = unlike(2)
    edge = whole.grid.start + timedelta(days=1)
    past, recording = between(whole, whole.grid.start, edge), between(whole, edge, whole.grid.end)
    watching = Watching()
    planned(recording, replace(twice_a_day(), planner=watching), past=past)
    running, ahead = np.split(watching.load_kw[0], [1], axis=1)
    assert np.array_equal(running, recording.load_kw[:, :1])
    assert np.allclose(ahead, past.load_kw[:, 1:48])
    with pytest.raises(InvariantError, match="the past ends"):
        planned(recording, twice_a_day(), past=recording)


def test_a_plan_within_a_billing_interval_knows_what_was_imported_in_it() -> None:
    """Records of five minutes, billed by the quarter hour."""
    coarse, watching = unlike(1), Watching()
    fine = SlotGrid(edges_s=coarse.grid.edges_s[0] + 300.0 * np.arange(len(coarse.grid) + 1))
    recording = replace(coarse, grid=fine, price_per_kwh=np.ones(len(fine)))
    tariff = replace(recorded_tariff(recording), demand=DemandCharge(per_kw=5.0))
    setting = of_recording(recording, tariff=tariff)
    thinking = replace(installed(), planner=watching, every=1)
    made = run_plan("x", recording, setting, thinking=thinking)
    imported = np.maximum(pool_nets(made.run, recording)[0], 0.0)
    parts = [prices.running_part for prices in watching.prices]
    assert parts == pytest.approx([0.0, 1 / 3, 2 / 3] * 32)
    for slot, prices in enumerate(watching.prices):
        before = imported[slot - slot % 3 : slot]
        expected = before.mean() if len(before) else 0.0
        assert prices.running_import_kw == pytest.approx(expected)
    assert imported.max() > 1


class Remembering:
    """Plans by rule and keeps what it was asked."""

    def __init__(self) -> None:
        self._planner = installed("rule").planner
        self.problems: list[Problem] = []

    def plan(self, problem: Problem) -> Plan:
        self.problems.append(problem)
        return self._planner.plan(problem)


def test_a_contract_above_the_pools_enters_the_problems() -> None:
    """Two pools under one town; asked alone first, and again with their parts of its contract."""
    recording, planner = unlike(1), Remembering()
    setting = of_recording(recording, pools=[[0], [1, 2]])
    town = GridNode(id=NodeId("town"), limits=(Limit(import_max=2.0, hard=False),))
    beneath = {
        node.id: replace(node, parent=town.id) if node.parent is None else node
        for node in setting.portfolio.nodes.values()
    }
    under = replace(setting.portfolio, nodes={town.id: town, **beneath})
    setting = replace(setting, portfolio=under)
    thinking = replace(twice_a_day(), planner=planner)
    made = run_plan("x", recording, setting, thinking=thinking)
    limited = [np.isfinite(one.nodes.contract_import_kw[0]).any() for one in planner.problems]
    first = limited.index(True)
    alone, again = planner.problems[first - 2 : first], planner.problems[first : first + 2]
    assert [problem.pool for problem in (*alone, *again)] == ["pool 1", "pool 2"] * 2
    assert len({problem.issued_at for problem in (*alone, *again)}) == 1
    parts = np.stack([problem.nodes.contract_import_kw[0] for problem in again])
    bound = np.isfinite(parts).all(axis=0)
    assert bound.any()
    # A pool that should export, to leave more to the other, may import nothing.
    assert parts.sum(axis=0)[bound] == pytest.approx(np.full(bound.sum(), 2.0), abs=0.1)
    assert parts.sum(axis=0)[bound].min() >= 2.0 - 1e-6
    assert (made.plans, made.refused) == (4, ())


class Elsewhere:
    """Plans for another pool than was asked."""

    def plan(self, problem: Problem) -> Plan:
        return replace(installed("rule").planner.plan(problem), pool=PoolId("elsewhere"))


@pytest.mark.parametrize("planner", [Watching(), Elsewhere()], ids=["none", "wrong pool"])
def test_without_an_accepted_plan_the_measured_surplus_is_followed(
    planner: Watching | Elsewhere,
) -> None:
    recording = unlike(1)
    made = planned(recording, replace(twice_a_day(), planner=planner))
    assert made.plans == 0
    assert len(made.refused) == 2
    assert np.array_equal(made.run.battery_kw, planned(recording, None).run.battery_kw)


def held_back(setting: Setting, export_kw: float) -> Setting:
    """The pool may export so much, and every plant can be held back."""
    portfolio, pool = setting.portfolio, NodeId("pool 1")
    plants = {
        asset.id: replace(asset, curtailable=True)
        for asset in portfolio.assets.values()
        if isinstance(asset, Pv)
    }
    devices = {
        DeviceId(f"{plant} device"): Device(
            id=DeviceId(f"{plant} device"),
            link=next(iter(portfolio.links)),
            adapter="record",
            profile="record",
            carries=(Carried(subject=plant, writes=True),),
        )
        for plant in plants
    }
    limit = replace(portfolio.nodes[pool], limits=(Limit(export_max=export_kw),))
    return replace(
        setting,
        portfolio=replace(
            portfolio,
            assets={**portfolio.assets, **plants},
            devices={**portfolio.devices, **devices},
            nodes={**portfolio.nodes, pool: limit},
        ),
    )


def test_sun_beyond_the_export_limit_is_held_back_and_counted() -> None:
    made = unlike(1)
    small = replace(made.storage, high_kwh=made.storage.low_kwh + 0.02)
    one_roof = frozen(made.pv_kw.sum(axis=0) * np.array([[1.0], [0.0], [0.0]]))
    recording = replace(made, storage=small, start_kwh=small.low_kwh, pv_kw=one_roof)
    setting = of_recording(recording)
    free = pool_nets(run_plan("x", recording, setting).run, recording)[0]
    run = run_plan("x", recording, held_back(setting, 4.0)).run
    net = pool_nets(run, recording)[0]
    assert free.min() < -6
    assert net.min() >= -4.1
    assert run.curtailed_kw is not None
    too_much = np.maximum(-4 - free, 0).sum()
    assert 0.95 * too_much < run.curtailed_kw.sum() < 1.3 * too_much
    assert (run.curtailed_kw <= recording.pv_kw + 1e-9).all()
    assert score(run, recording).gross_self_consumption < 1


def test_a_city_whose_sites_were_not_all_recorded_is_refused() -> None:
    home = replace(unlike(1), sites=("home", "b", "c"))
    with pytest.raises(InvariantError, match="has no site b, c"):
        of_city(home, two_sites())
    part = replace(
        home,
        sites=("home",),
        load_kw=home.load_kw[:1],
        pv_kw=home.pv_kw[:1],
        batteries=("home-bat",),
    )
    with pytest.raises(InvariantError, match="nothing is on record of shop"):
        of_city(part, two_sites())
