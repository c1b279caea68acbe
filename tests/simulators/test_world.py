from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.city import City
from simulators.physics.battery import BatteryUnit
from simulators.physics.charger import ChargerUnit
from simulators.physics.pv import PvUnit
from simulators.world import World
from tests.simulators.sample import sample_city
from tests.thoroughness import examples

NOON_S = 7 * 3600.0


def battery_of(world: World, name: str = "apt-bat") -> BatteryUnit:
    unit = world.asset[name]
    assert isinstance(unit, BatteryUnit)
    return unit


def balance_wh(world: World, node: str) -> float:
    """Import less export less everything that was consumed or stored beneath a node."""
    energy = world.energy(node)
    consumed = energy.load_wh + energy.ev_wh + energy.charged_wh - energy.discharged_wh
    return energy.import_wh - energy.export_wh - (consumed - energy.pv_produced_wh)


@settings(max_examples=examples(20))
@given(st.lists(st.tuples(st.sampled_from([0.1, 1.0, 6.0, 60.0, 700.0]), st.floats(-60e3, 60e3))))
def test_energy_is_conserved_at_every_node(steps: list[tuple[float, float]]) -> None:
    world = World(sample_city(), datetime(2026, 7, 15, 9, tzinfo=UTC))
    for step_s, power_w in steps:
        battery_of(world).command(power_w, 120)
        world.advance_to(world.now_s + step_s)
        for node in ("apt", "office", "north", "city"):
            assert balance_wh(world, node) == pytest.approx(0, abs=0.01)
    parts = world.power_w("apt") + world.power_w("office")
    assert world.power_w("north") == pytest.approx(parts)


def test_positive_is_import_and_consumption() -> None:
    world = World(sample_city())
    battery_of(world).command(40e3, None)
    world.advance_to(30)
    assert battery_of(world).power_w == 40e3
    assert world.power_w("apt") > 40e3
    assert world.asset["apt-load"].power_w > 0
    world.advance_to(NOON_S)
    assert world.asset["apt-pv"].power_w < 0


def test_an_autonomous_battery_brings_its_own_site_to_zero() -> None:
    world = World(sample_city())
    world.advance_to(3600)
    before = world.energy("apt")
    world.advance_to(2 * 3600)
    after = world.energy("apt")
    assert battery_of(world).mode == "autonomous"
    assert after.load_wh - before.load_wh > 10_000
    assert after.import_wh - before.import_wh < 300
    assert after.export_wh - before.export_wh < 300


def test_two_autonomous_batteries_share_and_do_not_fight() -> None:
    city = sample_city()
    twin = replace(city.batteries[0], id="twin", charge_w=25e3, discharge_w=20e3)
    world = World(replace(city, batteries=(*city.batteries, twin)))
    world.advance_to(1800)
    first, second = battery_of(world), battery_of(world, "twin")
    assert first.power_w == pytest.approx(2 * second.power_w, rel=0.02)
    assert abs(world.power_w("apt")) < 2000


def test_an_autonomous_battery_serves_what_a_commanded_one_leaves() -> None:
    city = sample_city()
    twin = replace(city.batteries[0], id="twin")
    world = World(replace(city, batteries=(*city.batteries, twin)))
    battery_of(world).command(10e3, None)
    world.advance_to(120)
    rest_w = world.asset["apt-load"].power_w + world.asset["apt-pv"].power_w + 10e3
    assert battery_of(world, "twin").power_w == pytest.approx(-rest_w, abs=2000)


def test_a_meter_shows_the_past_and_its_counters_are_the_energies() -> None:
    world = World(sample_city())
    battery_of(world).command(20e3, None)
    world.advance_to(100)
    shown = world.meter["apt-meter"]
    assert shown.measured_s == 97
    true_w = world.power_w("apt")
    assert shown.power_w == pytest.approx(true_w, rel=0.05)
    world.advance_to(103)
    assert world.meter["apt-meter"].measured_s == 100
    assert world.meter["apt-meter"].power_w == pytest.approx(true_w, rel=1e-9)
    world.advance_to(3600)
    assert world.meter["north-meter"].import_wh == world.energy("north").import_wh
    assert world.meter["north-meter"].measured_s == 3600


def test_a_meter_of_assets_shows_their_sum() -> None:
    world = World(sample_city())
    world.advance_to(NOON_S)
    both = world.asset["apt-pv"].power_w + world.asset["office-pv"].power_w
    assert world.meter["pv-meter"].power_w == pytest.approx(both)
    assert world.meter["pv-meter"].export_wh == pytest.approx(world.energy("city").pv_produced_wh)


def test_the_hybrid_stands_in_both_places() -> None:
    world = World(sample_city())
    hybrid = world.hybrid["hybrid"]
    assert hybrid.battery is world.asset["office-bat"]
    assert hybrid.pv is world.asset["office-pv"]
    assert hybrid.rating_w == 10_000


def test_the_same_seed_gives_the_same_day_and_another_another() -> None:
    def day(city: City) -> dict[str, float]:
        world = World(city)
        world.advance_to(6 * 3600)
        return asdict(world.energy("city"))

    assert day(sample_city()) == day(sample_city())
    assert day(sample_city(21)) != day(sample_city())


def test_the_step_does_not_change_what_the_day_brings() -> None:
    coarse, fine = World(sample_city()), World(sample_city())
    coarse.advance_to(4 * 3600)
    while fine.now_s < 4 * 3600:
        fine.advance_to(fine.now_s + 6)
    one, other = coarse.energy("north"), fine.energy("north")
    assert one.load_wh == pytest.approx(other.load_wh, rel=1e-9)
    assert one.pv_available_wh == pytest.approx(other.pv_available_wh, rel=1e-9)
    assert one.ev_wh == pytest.approx(other.ev_wh, rel=0.01, abs=50)
    assert one.stored_wh == pytest.approx(other.stored_wh, rel=0.01)


def test_the_start_may_be_another_than_the_citys() -> None:
    start = datetime(2026, 7, 14, 20, 20, tzinfo=UTC)
    later = World(sample_city(), start + timedelta(hours=2))
    world = World(sample_city(), start)
    world.advance_to(7200)
    assert world.now == later.now
    for name in ("apt-load", "office-load"):
        assert world.asset[name].power_w == pytest.approx(later.asset[name].power_w)
    pv, later_pv = world.asset["apt-pv"], later.asset["apt-pv"]
    assert isinstance(pv, PvUnit)
    assert isinstance(later_pv, PvUnit)
    assert pv.available_w == pytest.approx(later_pv.available_w)


def test_time_does_not_go_back() -> None:
    world = World(sample_city())
    world.advance_to(10)
    with pytest.raises(ValueError, match="cannot go back"):
        world.advance_to(9)


def test_cars_come_and_charge() -> None:
    world = World(sample_city())
    connector = world.asset["hub-cp1"]
    assert isinstance(connector, ChargerUnit)
    world.advance_to(24 * 3600)
    assert 2000 < connector.energy_wh < 60_000
    assert world.energy("office").ev_wh == connector.energy_wh
