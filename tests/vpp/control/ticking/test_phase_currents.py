"""Currents that a meter measures bound what the batteries behind it may take."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tests.vpp.control.ticking.city import City, House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import session
from tests.vpp.control.ticking.weather import always
from vpp.control.compiled import PHASE_KV
from vpp.control.sight import CURRENTS
from vpp.domain.arrays import Floats
from vpp.domain.asset import Phases
from vpp.domain.command import WriteClass
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId
from vpp.domain.points import Quantity
from vpp.domain.snapshot import Snapshot

LIMIT_A = 100.0
TURNS_S = 1200.0


class Metered(Plant):
    """Its meters measure currents as well, which have no sign."""

    def __init__(self, on_l1_kw: float = 0.0, **rest: Any) -> None:
        self.on_l1_kw = on_l1_kw
        """Of the first house's load: on one phase, the rest evenly on three."""
        super().__init__(**rest)

    def amperes(self, age_s: float = 0.0) -> Floats:
        """Of the first house so long ago, shape (phases,), positive is import."""
        when_s = self.now_s - age_s + 1e-9
        _, nets, power = next(
            (h for h in reversed(self.history) if h[0] <= when_s), self.history[0]
        )
        even = np.full(3, (nets[0] - self.on_l1_kw) / (3 * PHASE_KV))
        for at, car in enumerate(self.pool.asset):
            session = self.sessions.get(car.id)
            if car.phases is Phases.L1 or (session is not None and session.phases == 1):
                even += power[at] / PHASE_KV * np.array([2 / 3, -1 / 3, -1 / 3])
        return np.asarray(even + np.array([self.on_l1_kw / PHASE_KV, 0.0, 0.0]))

    def snapshot(self, tick: int) -> Snapshot:
        seen = super().snapshot(tick)
        net = seen.meters[Quantity.POWER_KW]
        currents = {
            quantity: replace(net, values=np.abs(np.full(len(net.values), flow)))
            for quantity, flow in zip(CURRENTS, self.amperes(self.meter_age_s), strict=True)
        }
        return replace(seen, meters={**seen.meters, **currents})


def test_a_battery_that_relieved_its_house_does_not_overload_it_when_it_turns() -> None:
    def load(now_s: float) -> Floats:
        return np.array([60.0, 0.0 if now_s < TURNS_S else -200.0])

    houses = [House(stores=[Store(kwh=5000.0, kw=60.0)], amperes=LIMIT_A), House(load_kw=300.0)]
    run = Run(Metered(city=city(houses), load=load)).ticks(500)
    house_kw = np.array([nets[0] for _, nets, _ in run.plant.history])
    assert run.battery_kw()[150, 0] < -50
    assert run.battery_kw()[-1, 0] > 5
    assert house_kw.max() <= LIMIT_A * 3 * PHASE_KV + 0.1


def test_amperes_per_phase_bound_an_unknown_single_phase_car() -> None:
    of = city([House(cars=[(1.4, 7.0)], amperes=10.0)], car_phases=Phases.ONE_UNKNOWN)
    run = Run(Plant(city=of, load=always(0.0)))
    session(run, "car0-0", need_kwh=30.0, hours=1.0)
    run.ticks(60)
    assert run.plant.power[1] <= 10.0 * 0.23 + 1e-6


@pytest.mark.parametrize(
    ("phases", "most_kw"), [(None, 7.4), (3, 7.4), (2, 24.0 * 2 * PHASE_KV), (1, 24.0 * PHASE_KV)]
)
def test_a_car_counts_on_the_phases_that_it_charges_on(phases: int | None, most_kw: float) -> None:
    run = Run(Metered(city=city([House(cars=[(4.1, 11.0)], amperes=24.0)]), load=always(0.0)))
    session(run, "car0-0", need_kwh=30.0, hours=4.1, max_kw=7.4, phases=phases)
    run.ticks(60)
    car = run.plant.pool.asset_at[AssetId("car0-0")]
    assert run.plant.power[car] == pytest.approx(min(most_kw, 7.4), abs=0.1)


@given(
    load=st.floats(0, 6), on_l1=st.floats(0, 4), phases=st.sampled_from([1, 3]),
    most_kw=st.floats(4.2, 11.0), age=st.sampled_from([0.0, 3.0]), rest=st.floats(-60, 60),
)  # fmt: skip
@settings(max_examples=examples(12))
def test_a_fuse_holds_whatever_car_comes_to_a_three_phase_station(
    load: float, on_l1: float, phases: int, most_kw: float, age: float, rest: float
) -> None:
    of = one(40.0, stores=[Store(kwh=5000.0, kw=20.0)], cars=[(4.1, 11.0)])
    plant = Metered(city=of, load=always(load + on_l1, rest), on_l1_kw=on_l1, meter_age_s=age)
    run = Run(plant).ticks(4)
    session(run, "car0-0", need_kwh=60.0, hours=2.0, max_kw=most_kw, phases=phases)
    for _ in range(40):
        run.ticks(2)
        assert np.abs(plant.amperes()).max() <= 40.0 + 0.5


def test_a_car_in_a_hurry_does_not_count_on_a_battery_that_gives_nothing_for_its_phase() -> None:
    of = one(40.0, stores=[Store(kwh=5000.0, kw=20.0)], cars=[(4.1, 11.0)])
    plant = Metered(city=of, load=always(0.0, -60.0), meter_age_s=3.0)
    run = Run(plant)
    session(run, "car0-0", need_kwh=60.0, hours=2.0, max_kw=10.0, phases=1)
    run.ticks(40)
    assert run.battery_kw()[-1, 0] == pytest.approx(0.0, abs=0.01)
    assert np.abs(plant.amperes()).max() <= 40.0 + 0.1


def one(amperes: float, **house: Any) -> City:
    return city([House(amperes=amperes, **house), House(load_kw=300.0)])


def test_charging_stops_before_the_house_loses_its_fuse() -> None:
    levels = {"kw": 0.0}
    of = one(50.0, stores=[Store(kwh=500.0, kw=20.0)])
    run = Run(Metered(city=of, load=lambda _: np.array([levels["kw"], -100.0])))
    run.ticks(100)
    assert run.battery_kw()[-1, 0] == pytest.approx(20.0, abs=0.1)
    levels["kw"] = 28.0
    run.ticks(4)
    assert run.plant.nets()[0] <= 50.0 * 3 * PHASE_KV + 1e-6
    assert any(d.write_class is WriteClass.PROTECTION for _, d in run.plant.log)


def test_a_battery_discharges_where_a_single_phase_is_overloaded() -> None:
    of = one(50.0, stores=[Store(kwh=500.0, kw=30.0)])
    run = Run(Metered(city=of, load=always(14.0, -100.0), on_l1_kw=14.0)).ticks(100)
    assert isinstance(run.plant, Metered)
    assert np.abs(run.plant.amperes()).max() <= 50.0 + 0.2
    assert run.battery_kw()[-1, 0] < -5.0


def test_cars_keep_their_minimum_while_the_rest_of_the_phase_gives_way() -> None:
    of = city(
        [House(amperes=40.0, cars=[(1.4, 7.0)], load_kw=50.0), House(load_kw=300.0)],
        car_phases=Phases.L1,
    )
    levels = {"kw": 0.0}
    run = Run(Metered(city=of, load=lambda _: np.array([levels["kw"], -100.0])))
    session(run, "car0-0", need_kwh=30.0, hours=10.0)
    run.ticks(400)
    car = run.plant.pool.asset_at[AssetId("car0-0")]
    assert run.plant.power[car] == pytest.approx(7.0, abs=0.2)
    levels["kw"] = 21.0
    run.ticks(5)
    assert isinstance(run.plant, Metered)
    assert run.plant.amperes().max() <= 40.0 + 1e-6
    assert run.plant.power[car] >= 1.4


def test_currents_that_flow_out_are_bounded_as_well() -> None:
    of = one(50.0, stores=[Store(kwh=500.0, kw=60.0)])
    run = Run(Metered(city=of, load=always(0.0, 200.0))).ticks(150)
    assert run.battery_kw()[-1, 0] == pytest.approx(-50.0 * 3 * PHASE_KV, abs=0.5)
    assert run.plant.nets()[0] >= -50.0 * 3 * PHASE_KV - 1e-6


def test_the_sun_is_held_back_for_a_fuse_too() -> None:
    of = one(50.0, pv_kw=60.0, curtailable=True)
    run = Run(Metered(city=of, load=always(0.0, 0.0))).ticks(100)
    assert run.plant.nets()[0] == pytest.approx(-50.0 * 3 * PHASE_KV, abs=1.0)


def test_without_measured_currents_power_only_becomes_less() -> None:
    levels = {"kw": 0.0}
    of = one(50.0, stores=[Store(kwh=500.0, kw=20.0)])
    run = Run(Plant(city=of, load=lambda _: np.array([5.0, levels["kw"]])))
    battery = run.plant.pool.asset_at[AssetId("bat0-0")]
    run.plant.power[battery] = run.plant.setpoint[battery] = -10.0
    run.plant.expires[battery] = np.inf
    levels["kw"] = 50.0
    run.ticks(100)
    assert run.battery_kw()[-1, 0] == pytest.approx(-10.0, abs=0.01)
    levels["kw"] = -50.0
    run.ticks(100)
    assert run.battery_kw()[-1, 0] == pytest.approx(0.0, abs=0.01)


def told_of_currents(run: Run) -> list[str]:
    return [one.subject for one in run.last.alarms if one.code == "CURRENTS_UNMEASURED"]


def test_an_alarm_says_that_currents_are_not_measured_and_what_to_do() -> None:
    of = one(50.0, stores=[Store()])
    run = Run(Plant(city=of, load=always(5.0, 0.0))).ticks(3)
    assert told_of_currents(run) == ["node:node0"]
    (text,) = (one.text for one in run.last.alarms if one.code == "CURRENTS_UNMEASURED")
    assert "tell all three currents" in text


def test_it_is_said_of_a_node_without_a_meter_too() -> None:
    of = one(50.0, stores=[Store()], metered=False)
    assert told_of_currents(Run(Plant(city=of, load=always(5.0, 0.0))).ticks(3)) == ["node:node0"]


def test_it_is_not_said_where_nothing_is_held_for_it() -> None:
    measured = Run(Metered(city=one(50.0, stores=[Store()]), load=always(5.0, 0.0))).ticks(3)
    assert told_of_currents(measured) == []
    only_sun = one(50.0, pv_kw=10.0, curtailable=True)
    assert told_of_currents(Run(Plant(city=only_sun, load=always(5.0, 0.0))).ticks(3)) == []
    watched = Plant(city=one(50.0, stores=[Store()]), load=always(5.0, 0.0))
    watched.authority = {"bat0-0": Authority.OBSERVE}
    assert told_of_currents(Run(watched).ticks(3)) == []


def test_a_meter_that_says_nothing_at_all_is_another_alarm() -> None:
    plant = Metered(city=one(50.0, stores=[Store()]), load=always(5.0, 0.0))
    run = Run(plant).ticks(3)
    plant.stale_meters.add("meter0")
    run.ticks(20)
    assert told_of_currents(run) == []
    assert "STALE_METER" in {one.code for one in run.last.alarms}


@given(
    load=st.floats(-30, 30), on_l1=st.floats(-10, 10), rest=st.floats(-60, 60),
    turned=st.floats(-30, 30), age=st.sampled_from([0.0, 3.0]),
)  # fmt: skip
@settings(max_examples=examples(12))
def test_a_fuse_holds_wherever_assets_can_hold_it(
    load: float, on_l1: float, rest: float, turned: float, age: float
) -> None:
    levels = {"kw": load}
    of = one(60.0, stores=[Store(kwh=5000.0, kw=60.0)], cars=[(4.1, 11.0)])
    plant = Metered(
        city=of, load=lambda _: np.array([levels["kw"], rest]), on_l1_kw=on_l1, meter_age_s=age
    )
    run = Run(plant)
    session(run, "car0-0", None, None)
    run.ticks(70)
    assert np.abs(plant.amperes()).max() <= 60.0 + 0.5
    levels["kw"] = turned
    run.ticks(10)
    assert np.abs(plant.amperes()).max() <= 60.0 + 0.5


@pytest.mark.parametrize("factor", [0.8, 1.0])
def test_a_limit_in_kva_counts_at_its_power_factor(factor: float) -> None:
    house = House(stores=[Store(kwh=500.0, kw=20.0)], kva=10.0, power_factor=factor)
    of = city([house, House(load_kw=300.0)])
    run = Run(Plant(city=of, load=always(0.0, -100.0))).ticks(100)
    assert run.battery_kw()[-1, 0] == pytest.approx(10.0 * factor, abs=0.1)
