"""Hydrogen and heat in a city file: what it says, and every mistake at its line."""

from datetime import UTC, datetime

import numpy as np
import pytest

from tests.vpp.config.sample import SAMPLE
from tests.vpp.config.spoiling import mistakes
from vpp.config.city import read_city
from vpp.config.examples import example_city
from vpp.config.proof import Case, prove
from vpp.domain.conversion import (
    Chp,
    Electrolyser,
    FuelCell,
    HeatPump,
    HydrogenStore,
    ThermalStore,
    segments,
)
from vpp.domain.ids import AssetId
from vpp.domain.slots import SlotGrid

HUB = """\
  - id: maker
    site: hub
    kind: electrolyser
    store: tank
    max_kw: 200
    min_kw: 20
    standby_kw: 4
    ramp_kw_per_min: 600
    kwh_per_kg: 55
    compressor_kwh_per_kg: 3
    at_part_load: [{kw: 100, kwh_per_kg: 52}]
  - id: cell
    site: hub
    kind: fuel_cell
    store: tank
    max_kw: 50
    min_kw: 5
    at_part_load: [{kw: 20, kwh_per_kg: 18}]
  - id: tank
    site: hub
    kind: hydrogen_store
    capacity_kg: 60
    least_kg: 5
    dispensing_kwh_per_kg: 1
    demand_kg:
      by_hour:
        weekday: {"7-9": 3}
        saturday: {"22-2": 1}
      bookings: [{at: 2026-07-15T18:30, kg: 12}]
  - id: pump
    site: hub
    kind: heat_pump
    store: water
    max_kw: 40
    cop: 3.5
    cop_per_c: 0.1
  - id: engine
    site: hub
    kind: chp
    store: water
    max_kw: 30
    heat_per_kwh: 1.5
    fuel_per_kwh: 90
  - id: water
    site: hub
    kind: thermal_store
    capacity_kwh: 300
    loss_per_h: 0.01
    demand_kwh: {by_hour: {weekday: {"0-24": 10}}}
"""
WHOLE = SAMPLE.replace("meters:\n", HUB + "meters:\n", 1)


def test_the_kinds_are_read_with_their_units() -> None:
    assets = read_city(WHOLE, "city.yaml").portfolio.assets
    maker, cell = assets[AssetId("maker")], assets[AssetId("cell")]
    assert isinstance(maker, Electrolyser)
    assert isinstance(cell, FuelCell)
    assert np.ravel(maker.curve) == pytest.approx([100.0, 100 / 55, 200.0, 200 / 58])
    assert np.ravel(cell.curve) == pytest.approx([20.0, -20 / 18, 50.0, -50 / 16])
    assert (cell.rated.lo_kw, cell.rated.hi_kw) == (-50.0, 0.0)
    assert maker.rated.nearest(8.0) == 0.0
    pump, engine = assets[AssetId("pump")], assets[AssetId("engine")]
    assert isinstance(pump, HeatPump)
    assert isinstance(engine, Chp)
    assert pump.curve == ((40.0, 140.0),)
    assert engine.fuel_per_kwh == 90.0


def test_what_is_drawn_standing_still_is_no_part_of_the_power_that_is_planned() -> None:
    maker = read_city(WHOLE, "city.yaml").portfolio.assets[AssetId("maker")]
    assert isinstance(maker, Electrolyser)
    widths, per_kwh = segments(maker)
    assert widths == pytest.approx([16.0, 80.0, 100.0])
    assert per_kwh[0] * 16.0 == pytest.approx(20.0 / 55.0)
    assert np.dot(widths, per_kwh) == pytest.approx(200.0 / 58.0)


def test_demand_goes_by_the_local_hour_the_kind_of_day_and_appointments() -> None:
    assets = read_city(WHOLE, "city.yaml").portfolio.assets
    tank, water = assets[AssetId("tank")], assets[AssetId("water")]
    assert isinstance(tank, HydrogenStore)
    assert isinstance(water, ThermalStore)
    # Wednesday 15 July 2026 begins at 15:00 UTC of the day before.
    day = SlotGrid.regular(datetime(2026, 7, 14, 15, tzinfo=UTC), count=48, step_s=1800.0)
    asked = tank.demand.on(day)
    assert asked[14:18].tolist() == [1.5] * 4
    assert asked[37] == 12.0
    assert asked.sum() == pytest.approx(18.0)
    assert water.demand.on(day).tolist() == [5.0] * 48
    saturday = SlotGrid.regular(datetime(2026, 7, 17, 15, tzinfo=UTC), count=24, step_s=3600.0)
    assert np.flatnonzero(tank.demand.on(saturday)).tolist() == [0, 1, 22, 23]
    uneven = SlotGrid(edges_s=day.start.timestamp() + 3600.0 * np.array([0.0, 7.1, 8.05, 24.0]))
    assert tank.demand.on(uneven).sum() == pytest.approx(18.0)


@pytest.mark.parametrize(
    ("old", "new", "path", "problem", "remedy"),
    [
        ("    store: tank\n    max_kw: 200", "    store: tanc\n    max_kw: 200",
         "assets[4].store", "hydrogen_store 'tanc' is unknown", "did you mean 'tank'?"),
        ("    store: tank\n    max_kw: 200", "    store: water\n    max_kw: 200",
         "assets[4].store", "'water' is a thermal_store, but this needs a hydrogen_store", "tank"),
        ("    min_kw: 20\n", "    min_kw: 220\n",
         "assets[4]", "min_kw is 220, expected 0..200", ""),
        ("    standby_kw: 4\n", "    standby_kw: 20\n",
         "assets[4]", "standby_kw is 20, expected less than min_kw, 20", ""),
        ("    kwh_per_kg: 55\n", "    kwh_per_kg: 5.5\n",
         "assets[4].kwh_per_kg", "is 5.5, expected at least 33.3", ""),
        ("[{kw: 100, kwh_per_kg: 52}]", "[{kw: 100, kwh_per_kg: 60}]",
         "assets[4]", "beyond 100 kW a kWh does more than below it", ""),
        ("[{kw: 100, kwh_per_kg: 52}]", "[{kw: 300, kwh_per_kg: 52}]",
         "assets[4]", "at_part_load goes from 300 to 200 kW", ""),
        ("    ramp_kw_per_min: 600\n", "    ramp_kw_per_s: 10\n",
         "assets[4].ramp_kw_per_s", "the key 'ramp_kw_per_s' is unknown", "ramp_kw_per_min"),
        ("    least_kg: 5\n", "    least_kg: 65\n",
         "assets[6]", "the least to be kept is 65, expected 0..60", ""),
        ('{"7-9": 3}', '{"7": 3}',
         "assets[6].demand_kg.by_hour.weekday.7", "'7' is not a range of hours", "22-8,12-13"),
        ('{"7-9": 3}', '{"7-9": 3, "8-10": 2}',
         "assets[6].demand_kg.by_hour.weekday.8-10", "the hour 8-9 is stated twice", "once"),
        ("        saturday:", "        saterday:",
         "assets[6].demand_kg.by_hour.saterday", "kind of day 'saterday'", "'saturday'"),
        ('        weekday: {"7-9"', '        holiday: {"7-9"',
         "assets[6].demand_kg.by_hour", "'weekday' is missing", "on a weekday"),
        ("at: 2026-07-15T18:30", "at: 18:30",
         "assets[6].demand_kg.bookings[0].at", "expected a day and a time", ""),
        ("    cop: 3.5\n", "    cop: 350\n",
         "assets[7].cop", "is 350, expected at most 20", ""),
        ("    loss_per_h: 0.01\n", "    loss_per_h: 1.5\n",
         "assets[9].loss_per_h", "is 1.5, expected at most 1", ""),
    ],
)  # fmt: skip
def test_every_mistake_is_found_at_its_line(
    old: str, new: str, path: str, problem: str, remedy: str
) -> None:
    assert WHOLE.count(old) == 1
    found = mistakes(WHOLE.replace(old, new))
    (mistake,) = [m for m in found if m.path == path and problem in m.problem]
    assert remedy in mistake.remedy
    assert mistake.line is not None


def test_a_start_that_costs_needs_a_least_power() -> None:
    text = WHOLE.replace("    cop: 3.5\n", "    cop: 3.5\n    start_cost: 10\n")
    (mistake,) = mistakes(text)
    assert "a start has a price, so min_kw must be more than 0" in mistake.problem


def test_a_store_cannot_be_written_and_floor_is_for_chargers() -> None:
    carried = "      - asset: block-bat\n        writes: true\n"
    assert WHOLE.count(carried) == 1
    written = WHOLE.replace(carried, "      - {asset: tank, writes: true}\n" + carried)
    assert any("the store 'tank' cannot be written" in m.problem for m in mistakes(written))


def test_the_proof_counts_what_nobody_steers_at_its_most() -> None:
    portfolio = read_city(WHOLE.replace("  - id: hub\n    parent: north\n",
        "  - id: hub\n    parent: north\n    rating_kw: {import: 900, export: 900}\n"),
        "city.yaml").portfolio  # fmt: skip
    rows = {(str(row.node), row.case): dict(row.terms) for row in prove(portfolio)}
    dark, sun = (rows["hub", case] for case in (Case.DARK, Case.SUN))
    takes = {"maker": 200.0, "pump": 40.0, "cell": 0.0, "tank": 0.0}
    assert {name: dark[name] for name in takes} == pytest.approx(takes)
    assert [sun[name] for name in ("cell", "engine", "maker")] == pytest.approx([50.0, 30.0, 0.0])


def test_the_example_hub_is_right_and_holds() -> None:
    file = example_city("hydrogen-hub")
    city = read_city(file.read_text(), str(file))
    assert all(row.holds for row in prove(city.portfolio))
