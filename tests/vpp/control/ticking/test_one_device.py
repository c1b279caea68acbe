"""Several assets behind one device, as the connectors of a station: it is written in turn."""

from dataclasses import replace
from itertools import chain, pairwise

import pytest

from tests.vpp.control.ticking.city import City, House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import session
from tests.vpp.control.ticking.weather import cloudy, spread
from vpp.control.inputs import Timing
from vpp.domain.command import WriteClass
from vpp.domain.devices import Carried
from vpp.domain.ids import AssetId, DeviceId

STATION = DeviceId("station")
TICKS = 600


def at_one_station(apart: City, cars: list[AssetId]) -> City:
    """The same city with the chargers' devices as one."""
    portfolio, facts = apart.model.portfolio, dict(apart.model.facts)
    devices = dict(portfolio.devices)
    own = [portfolio.writer_of[car] for car in cars]
    ones = [devices.pop(device) for device in own]
    able = [facts.pop(device).capabilities.items() for device in own]
    carries = tuple(Carried(subject=car, writes=True) for car in cars)
    devices[STATION] = replace(ones[0], id=STATION, carries=carries)
    facts[STATION] = replace(apart.model.facts[own[0]], capabilities=dict(chain(*able)))
    model = replace(apart.model, portfolio=replace(portfolio, devices=devices), facts=facts)
    return replace(apart, model=model)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("speed", [1.0, 100.0])
def test_a_station_is_written_once_per_interval_and_every_connector_has_its_turn(
    count: int, speed: float
) -> None:
    timing = replace(Timing.at_speed(speed), start_ramp_per_min=100.0)
    cars = [AssetId(f"car0-{at}") for at in range(count)]
    house = House(cars=[(4.1, 11.0)] * count, stores=[Store(kw=2.0)])
    of = at_one_station(city([house], timing=timing), cars)
    run = Run(Plant(city=of, load=spread(cloudy(TICKS, 20.0), 1)))
    for car in cars:
        session(run, car, 40.0, 8.0)
    run.ticks(TICKS - 1)
    sent = [
        (at_s, decision)
        for at_s, decision in run.plant.log
        if decision.device == STATION and decision.write_class is not WriteClass.PROTECTION
    ]
    times_s = sorted(at_s for at_s, _ in sent)[count:]  # taken over at once
    assert min(later - sooner for sooner, later in pairwise(times_s)) >= 5.0
    for car in cars:
        own_s = [at_s for at_s, decision in sent if decision.asset == car]
        assert max(later - sooner for sooner, later in pairwise(own_s)) <= timing.life_s / 2
        kinds = {decision.write_class for _, decision in sent if decision.asset == car}
        assert kinds == {WriteClass.COMMAND, WriteClass.REFRESH}


def test_what_many_connectors_are_told_holds_until_their_next_turn() -> None:
    count = 20
    timing = replace(Timing.at_speed(1.0), start_ramp_per_min=100.0)
    cars = [AssetId(f"car0-{at}") for at in range(count)]
    of = at_one_station(city([House(cars=[(4.1, 11.0)] * count)], timing=timing), cars)
    run = Run(Plant(city=of, load=spread(cloudy(TICKS, 20.0), 1)))
    for car in cars:
        session(run, car, 40.0, 8.0)
    run.ticks(TICKS - 1)
    for car in cars:
        told = [
            (at_s, decision.setpoint) for at_s, decision in run.plant.log if decision.asset == car
        ]
        assert len(told) > 3
        for (_, before), (next_s, _) in pairwise(told):
            assert before.expires_s > next_s
