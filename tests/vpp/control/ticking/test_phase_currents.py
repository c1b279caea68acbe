"""Currents that a meter measures bound what the batteries behind it may take."""

from dataclasses import replace

import numpy as np

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import session
from tests.vpp.control.ticking.weather import always
from vpp.control.compiled import PHASE_KV
from vpp.control.sight import CURRENTS
from vpp.domain.arrays import Floats
from vpp.domain.assets import Phases
from vpp.domain.points import Quantity
from vpp.domain.snapshot import Snapshot

LIMIT_A = 100.0
TURNS_S = 1200.0


class Metered(Plant):
    """Its meters measure currents as well, which have no sign, the same on all phases."""

    def snapshot(self, tick: int) -> Snapshot:
        seen = super().snapshot(tick)
        net = seen.meters[Quantity.POWER_KW]
        current = replace(net, values=np.abs(net.values) / (3 * PHASE_KV))
        return replace(seen, meters={**seen.meters, **dict.fromkeys(CURRENTS, current)})


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
