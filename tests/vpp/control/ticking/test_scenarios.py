"""What the tick does when something is missing, wrong, new or limited."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.vpp.control.ticking.city import City, House, Store, city
from tests.vpp.control.ticking.plant import NOON, Plant, Run
from tests.vpp.control.ticking.weather import always
from vpp.control.inputs import CommandNews, Timing
from vpp.domain.assets import Phases
from vpp.domain.capability import Form
from vpp.domain.command import WriteClass
from vpp.domain.devices import Authority, SafeState
from vpp.domain.forecast import Forecast
from vpp.domain.ids import AssetId, SiteId
from vpp.domain.ladder import Rung
from vpp.domain.outcome import Cause, Outcome
from vpp.domain.points import Quantity
from vpp.domain.proposal import Ending, Proposal, Rank, Scope, ScopeKind
from vpp.domain.session import EvSession
from vpp.domain.slots import SlotGrid


def houses(count: int, **store: float) -> list[House]:
    return [House(stores=[Store(**store)]) for _ in range(count)]  # type: ignore[arg-type]


def surplus(of: City, per_site_kw: float, **plant: float) -> Run:
    return Run(Plant(city=of, load=always(*[-per_site_kw] * len(of.model.compiled.sites)), **plant))  # type: ignore[arg-type]


def codes(run: Run) -> set[str]:
    return {alarm.code for alarm in run.last.alarms}


# --- blind spots ---


def forecasts(of: City, low: float, high: float) -> dict[SiteId, tuple[Forecast, ...]]:
    grid = SlotGrid.containing(NOON, count=8, step_s=900.0)
    return {
        site: (
            Forecast(
                subject=site, quantity=Quantity.POWER_KW, grid=grid, issued_at=NOON, source="test",
                values_kw=np.repeat([[low], [(low + high) / 2], [high]], 8, axis=1),
            ),
        )
        for site in of.model.compiled.sites
    }  # fmt: skip


@pytest.mark.parametrize("stale", [1, 5, 20])
def test_stale_meters_leave_the_others_working_and_nobody_the_wrong_way(stale: int) -> None:
    of = city(houses(20), boundary=False)
    run = surplus(of, 10.0)
    run.forecasts = forecasts(of, -12.0, -2.0)
    run.ticks(60)
    before = run.battery_kw()[-1]
    assert before.sum() == pytest.approx(200.0, abs=10)
    run.plant.stale_meters = {f"meter{h}" for h in range(stale)}
    run.ticks(15)
    widened = run.battery_kw()[-1]
    assert widened[:stale].sum() <= before[:stale].sum() + 0.1, "an increase under a stale meter"
    assert widened.sum() <= 10.0 * (20 - stale) + 10.0 * stale + 5
    assert "STALE_METER" in codes(run)
    run.ticks(60)
    blind = run.battery_kw()[-1]
    assert blind[:stale] == pytest.approx(np.zeros(stale), abs=1e-6)
    assert blind[stale:].sum() == pytest.approx(10.0 * (20 - stale), abs=8)
    assert (run.battery_kw()[60:] >= -1e-6).all(), "a battery discharged into a surplus"
    assert "FEEDER_BLIND" in codes(run)
    assert run.last.rungs["site0"] is Rung.SAFE_STATE
    if stale < 20:
        assert run.last.rungs["site19"] is Rung.SURPLUS_RULE
    run.plant.stale_meters = set()
    run.ticks(90)
    assert run.battery_kw()[-1].sum() == pytest.approx(200.0, abs=12)
    assert not codes(run) & {"FEEDER_BLIND", "STALE_METER"}


def test_the_interval_reaches_the_forecast_before_the_site_is_given_up() -> None:
    of = city(houses(4), boundary=False)
    run = surplus(of, 10.0)
    run.forecasts = forecasts(of, -12.0, -2.0)
    run.ticks(60)
    run.plant.stale_meters = {"meter0"}
    run.ticks(19)
    assert run.last.served_kw == pytest.approx(-30.0 - 2.8, abs=1.0)


def test_a_meter_that_has_not_spoken_yet_is_no_alarm_before_its_time() -> None:
    run = surplus(city(houses(2), boundary=False), 5.0)
    run.plant.stale_meters = {"meter0"}
    run.plant.frozen_meters["meter0"] = (float("nan"), -np.inf)
    run.ticks(15)
    assert not codes(run)
    assert {d.asset for _, d in run.plant.log} == {"bat1-0"}
    run.ticks(10)
    assert codes(run) == {"FEEDER_BLIND"}


def test_a_stale_boundary_meter_is_replaced_by_its_sites() -> None:
    run = surplus(city(houses(5)), 8.0).ticks(60)
    run.plant.stale_meters = {"boundary"}
    run.ticks(60)
    assert run.battery_kw()[-1].sum() == pytest.approx(40.0, abs=3)


# --- arbiter and authority ---


def proposal(name: str, kind: ScopeKind, scope: str, rank: Rank, **rest: object) -> Proposal:
    return Proposal(
        id=name, scope=Scope(kind=kind, id=scope), owner=name, rank=rank, reason=f"for {name}",
        **{"valid_until_s": 1e9, **rest},  # type: ignore[arg-type]
    )  # fmt: skip


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
    run.proposals = (replace(limit, lo_kw=-100.0, valid_until_s=1e9),)
    run.ticks(60)
    assert "GRID_FAILSAFE" not in codes(run)
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


# --- safety ---


def test_enabling_is_bumpless() -> None:
    run = surplus(city(houses(1)), 12.0)
    run.plant.authority = {"bat0-0": Authority.OBSERVE}
    run.ticks(5)
    run.plant.power[1], run.plant.setpoint[1], run.plant.expires[1] = -6.0, -6.0, np.inf
    run.ticks(2)
    run.plant.authority = {}
    run.ticks(1)
    (first,) = run.last.commands
    assert first.setpoint.target_kw == pytest.approx(-6.0)
    run.ticks(120)
    told = [
        d.setpoint.target_kw for _, d in run.plant.log if d.write_class is not WriteClass.REFRESH
    ]
    assert np.diff(told).max() <= 30.0 / 60 * 7
    assert run.battery_kw()[-1][0] == pytest.approx(12.0, abs=0.3)


def test_increases_after_a_start_ramp_with_the_feeder() -> None:
    of = city(houses(10), rating_kw=200.0, timing=Timing(start_ramp_per_min=0.1))
    run = surplus(of, 12.0).ticks(301)
    power = run.battery_kw().sum(axis=1)
    minutes = (np.arange(len(power)) + 1) / 60
    assert (power <= 20.0 * minutes + 1e-6).all()
    assert power[-1] >= 90.0


def test_a_site_limit_holds_whatever_the_pool_wants() -> None:
    of = city([House(stores=[Store()], rating_kw=8.0), *houses(3)])
    run = Run(Plant(city=of, load=always(5.0, -20.0, -10.0, -8.0)))
    run.ticks(120)
    nets = np.array([h[1][0] for h in run.plant.history])
    assert (nets <= 8.0 + 1e-6).all()
    assert run.battery_kw()[-1].sum() == pytest.approx(33.0, abs=2)


def test_a_site_over_its_limit_is_relieved_at_once() -> None:
    of = city([House(stores=[Store()], rating_kw=8.0), House(stores=[Store()])])
    levels = {"load": 2.0}
    run = Run(Plant(city=of, load=lambda _: np.array([levels["load"], -20.0])))
    run.ticks(120)
    levels["load"] = 14.0
    run.ticks(4)
    assert run.plant.nets()[0] <= 8.0 + 1e-6
    assert any(d.write_class is WriteClass.PROTECTION for _, d in run.plant.log)


def test_the_energy_window_holds_for_the_whole_life_of_every_setpoint() -> None:
    run = surplus(city(houses(2, kwh=4.0)), 12.0, soc=0.7)
    while run.tick < 900:
        run.ticks(1)
        for command in run.last.commands:
            at = run.plant.pool.asset_at[command.asset]
            hours = (command.setpoint.expires_s - run.plant.now_s) / 3600
            kw = command.setpoint.target_kw
            gain = kw * 0.95 * hours if kw > 0 else kw / 0.95 * hours
            assert -1e-6 <= run.plant.energy[at] + gain <= 4.0 + 1e-6
    assert run.plant.energy[run.plant.pool.battery] == pytest.approx([4.0, 4.0], abs=0.05)


def test_an_unread_charger_counts_at_its_worst_on_its_feeder() -> None:
    of = city([House(stores=[Store()], cars=[(4.1, 11.0)], rating_kw=14.0), House(load_kw=50.0)])
    run = Run(Plant(city=of, load=always(0.0, -30.0)))
    run.plant.offline = {"car0-0"}
    run.ticks(100)
    assert run.battery_kw()[-1][0] <= 3.0 + 1e-6
    run.plant.offline = set()
    run.ticks(100)
    assert run.battery_kw()[-1][0] >= 12.0


def test_amperes_per_phase_bound_an_unknown_single_phase_car() -> None:
    of = city([House(cars=[(1.4, 7.0)], amperes=10.0)], car_phases=Phases.ONE_UNKNOWN)
    run = Run(Plant(city=of, load=always(0.0)))
    session(run, "car0-0", need_kwh=30.0, hours=1.0)
    run.ticks(60)
    assert run.plant.power[1] <= 10.0 * 0.23 + 1e-6


# --- outcomes ---


def news(run: Run, asset: str, outcome: Outcome, cause: Cause | None = None) -> None:
    at, decision = next((at, d) for at, d in reversed(run.plant.log) if d.asset == asset)
    run.news = (
        CommandNews(
            asset=AssetId(asset),
            setpoint=decision.setpoint,
            sent_s=at,
            outcome=outcome,
            cause=cause,
        ),
    )


def test_a_device_that_does_not_obey_goes_to_its_safe_state_and_the_others_take_over() -> None:
    run = surplus(city(houses(3)), 6.0).ticks(100)
    news(run, "bat0-0", Outcome.NOT_OBEYING)
    run.ticks(1)
    mine = [c for c in run.last.commands if c.asset == "bat0-0"]
    assert [c.write_class for c in mine] == [WriteClass.PROTECTION]
    assert mine[0].setpoint.form is Form.STOP
    assert "dev-bat0-0" not in run.last.decided
    run.ticks(30)
    assert not [d for at, d in run.plant.log if d.asset == "bat0-0" and at > run.plant.now_s - 29]
    assert run.battery_kw()[-1][1:].sum() == pytest.approx(18.0, abs=1.0)
    assert "NOT_OBEYING" in codes(run)


def test_an_unknown_outcome_is_not_written_until_it_is_read_back() -> None:
    run = surplus(city(houses(2)), 6.0).ticks(100)
    news(run, "bat0-0", Outcome.UNKNOWN)
    run.plant.unanswered = {"bat0-0"}
    levels = always(-2.0, -2.0)
    run.plant.load = levels
    run.ticks(20)
    assert not [d for at, d in run.plant.log if d.asset == "bat0-0" and at > run.plant.now_s - 20]
    assert "UNKNOWN_OUTCOME" in codes(run)
    run.plant.unanswered = set()
    run.ticks(30)
    assert "UNKNOWN_OUTCOME" not in codes(run)
    assert run.battery_kw()[-1].sum() == pytest.approx(4.0, abs=0.3)


def test_a_limited_device_is_believed_and_the_rest_redistributed() -> None:
    run = surplus(city(houses(2)), 6.0).ticks(100)
    run.plant.most_kw = {"bat0-0": 2.0}
    run.ticks(2)
    news(run, "bat0-0", Outcome.LIMITED, Cause.TAPER)
    run.ticks(30)
    told = run.last.wanted_kw[run.plant.city.layout.asset_at[AssetId("bat0-0")]]
    assert told <= 2.0 + 1e-6
    assert run.battery_kw()[-1].sum() == pytest.approx(12.0, abs=0.4)
    assert "NOT_OBEYING" not in codes(run)


# --- writes ---


def test_a_stored_register_is_written_by_slots_and_never_refreshed() -> None:
    of = city([House(stores=[Store(refreshed=False)]), *houses(2)])
    levels = {"kw": -12.0}
    run = Run(Plant(city=of, load=lambda _: np.full(3, levels["kw"] / 3)))
    for k in range(20):
        levels["kw"] = -12.0 - k % 5
        run.ticks(60)
    mine = [(at, d) for at, d in run.plant.log if d.asset == "bat0-0"]
    assert len(mine) <= 4
    assert all(d.write_class is not WriteClass.REFRESH for _, d in mine)
    assert all(d.setpoint.expires_s - at == 900.0 for at, d in mine)
    assert run.plant.nets().sum() == pytest.approx(0.0, abs=0.5)


def test_a_device_past_its_budget_holds_and_the_others_take_its_change() -> None:
    of = city([House(stores=[Store(writes_per_day=5)]), *houses(2)])
    levels = {"kw": -12.0}
    run = Run(Plant(city=of, load=lambda _: np.full(3, levels["kw"] / 3)))
    for k in range(10):
        levels["kw"] = -12.0 - 3 * (k % 5)
        run.ticks(30)
    new = [
        d for _, d in run.plant.log if d.asset == "bat0-0" and d.write_class is WriteClass.COMMAND
    ]
    assert len(new) <= 5
    assert run.plant.nets().sum() == pytest.approx(0.0, abs=0.5)


def test_no_storage_works_below_its_efficient_minimum() -> None:
    run = surplus(city(houses(4, efficient_min_kw=3.0)), 1.25).ticks(150)
    power = np.abs(run.battery_kw()[80:])
    assert ((power < 1e-6) | (power >= 3.0 - 1e-6)).all()
    assert run.battery_kw()[-1].sum() == pytest.approx(5.0, abs=2.0)


def test_a_car_that_draws_nothing_yet_is_offered_its_minimum_at_once() -> None:
    run = Run(Plant(city=city([House(cars=[(4.1, 11.0)])]), load=always(2.0))).ticks(5)
    run.plant.most_kw = {"car0-0": 0.0}
    session(run, "car0-0", None, None)
    run.ticks(1)
    assert [c.setpoint.hi_kw for c in run.last.commands] == [4.1]


# --- ladder ---


def test_without_a_plan_the_rule_is_never_worse_than_doing_nothing() -> None:
    rng = np.random.default_rng(3)
    levels = np.repeat(rng.uniform(-15, 15, 30), 60)
    load = lambda now: np.full(4, levels[min(int(now - 1000), 1799)])  # noqa: E731
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


# --- cars ---


def session(run: Run, asset: str, need_kwh: float | None, hours: float | None) -> None:
    at = run.plant.at
    run.plant.sessions[AssetId(asset)] = EvSession(
        id="s1", asset=AssetId(asset), arrival=at, need_kwh=need_kwh, max_kw=11.0,
        departure=None if hours is None else at + timedelta(hours=hours),
    )  # fmt: skip


def test_a_car_of_unknown_departure_gets_its_guaranteed_minimum_at_once() -> None:
    of = city([House(cars=[(4.1, 11.0)])])
    run = Run(Plant(city=of, load=always(2.0))).ticks(20)
    session(run, "car0-0", None, None)
    run.ticks(1)
    (command,) = run.last.commands
    assert command.setpoint.form is Form.CEILING
    assert command.setpoint.hi_kw == pytest.approx(4.1)
    run.ticks(200)
    assert run.plant.power[1] == pytest.approx(4.1)


def test_below_the_floor_a_car_charges_in_blocks_and_loses_no_energy() -> None:
    of = city(
        [House(cars=[(4.1, 11.0)])],
        timing=Timing(tick_s=10.0, start_ramp_per_min=100.0, write_interval_s=10.0),
    )
    run = Run(Plant(city=of, load=always(5.0)))
    session(run, "car0-0", need_kwh=8.0, hours=4.0)
    run.ticks(1440 - 30)
    power = np.array([h[2][1] for h in run.plant.history])[3:]  # before, nobody had told it
    on = power > 0
    assert set(np.round(power[on], 3)) <= {4.1, 11.0}
    switches = np.flatnonzero(np.diff(on.astype(int)))
    assert np.diff(switches).min() >= 29
    assert run.plant.given_kwh[1] == pytest.approx(8.0, abs=0.6)


def test_a_car_takes_surplus_when_there_is_some() -> None:
    of = city([House(cars=[(4.1, 11.0)])])
    run = Run(Plant(city=of, load=always(-9.0)))
    session(run, "car0-0", need_kwh=40.0, hours=10.0)
    run.ticks(400)
    assert run.plant.power[1] == pytest.approx(9.0, abs=0.8)


# --- curtailment ---


def test_pv_is_held_back_only_by_what_nothing_else_can_take() -> None:
    of = city([House(stores=[Store(kwh=30, kw=4.0)], pv_kw=30.0, curtailable=True, export_kw=10.0)])
    run = Run(Plant(city=of, load=always(3.0), sun_part=0.8, soc=0.2))
    run.ticks(90)
    assert run.plant.nets()[0] >= -10.0 - 0.1
    assert run.plant.nets()[0] <= -9.0
    run.plant.sun_part = 0.3
    run.ticks(120)
    assert run.plant.power[1] == pytest.approx(-9.0, abs=0.1), "held back without need"
