"""Registers that may not be written often, and powers not worth asking for."""

import numpy as np
import pytest

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import houses, surplus
from vpp.domain.command import WriteClass


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
