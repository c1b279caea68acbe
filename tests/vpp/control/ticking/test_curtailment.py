"""PV is held back only where nothing else can take it."""

import numpy as np
import pytest

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.weather import always
from vpp.domain.capability import Form


def test_pv_is_held_back_only_by_what_nothing_else_can_take() -> None:
    of = city([House(stores=[Store(kwh=30, kw=4.0)], pv_kw=30.0, curtailable=True, export_kw=10.0)])
    run = Run(Plant(city=of, load=always(3.0), sun_part=0.8, soc=0.2))
    run.ticks(90)
    assert run.plant.nets()[0] >= -10.0 - 0.1
    assert run.plant.nets()[0] <= -9.0
    run.plant.sun_part = 0.3
    run.ticks(120)
    assert run.plant.power[1] == pytest.approx(-9.0, abs=0.1), "held back without need"


def test_a_ceiling_that_rises_ends_where_the_inverter_does_and_not_at_the_panels_peak() -> None:
    house = House(pv_kw=30.0, inverter_kw=27.0, curtailable=True, export_kw=10.0)
    run = Run(Plant(city=city([house]), load=always(3.0), sun_part=0.8)).ticks(60)
    run.plant.sun_part = 0.1
    told = [
        one.setpoint.lo_kw
        for _ in range(120)
        for one in run.ticks(1).last.commands
        if one.setpoint.form is Form.CEILING
    ]
    assert -27.0 <= min(told) < -20.0


def test_plants_that_rise_together_share_the_room_there_is() -> None:
    of = city([House(pv_kw=30.0, curtailable=True) for _ in range(4)], export_kw=40.0)
    levels = {"kw": 0.0}
    run = Run(Plant(city=of, load=lambda _: np.full(4, levels["kw"] / 4), sun_part=0.9)).ticks(60)
    levels["kw"] = 33.0
    run.ticks(90)
    nets = np.array([h[1].sum() for h in run.plant.history[60:]])
    assert nets.min() >= -40.0 - 1e-6
    assert nets[-1] <= -40.0 + 0.02 * 120 + 1.0
