"""Where exchange inside the pool has a price, a site's storage settles at what its site needs."""

from dataclasses import replace

import numpy as np
import pytest

from tests.vpp.control.ticking.city import City, House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.weather import always
from vpp.domain.command import WriteClass
from vpp.domain.order import Goals, Order

SITES_KW = (-1.0, -2.5, -4.0, -0.3, 0.8)
SETTLED_S = 420
"""A turn of those that hold blocks, and time for what follows."""


def ordered(order: Order) -> City:
    plain = city([House(stores=[Store(kw=15.0, kwh=60.0)]) for _ in SITES_KW])
    portfolio = replace(plain.model.portfolio, goals=Goals(order=order))
    return replace(plain, model=replace(plain.model, portfolio=portfolio))


def settled(order: Order) -> Run:
    return Run(Plant(city=ordered(order), load=always(*SITES_KW))).ticks(SETTLED_S)


def test_in_grid_no_site_stores_more_than_its_own_surplus() -> None:
    run = settled(Order.GRID)
    power = run.battery_kw()[-1]
    assert power.sum() == pytest.approx(-sum(SITES_KW), abs=0.4)
    own = np.maximum(-np.array(SITES_KW), 0.0)
    assert (power - own).max() <= 0.02 * 15.0 + 0.1
    for asset in run.plant.city.batteries:
        commands = [
            decision
            for _, decision in run.plant.log
            if decision.asset == asset and decision.write_class is WriteClass.COMMAND
        ]
        assert len(commands) <= SETTLED_S // 300 + 4


def test_in_local_a_few_hold_what_others_have() -> None:
    power = settled(Order.LOCAL).battery_kw()[-1]
    assert (power + np.array(SITES_KW)).max() > 0.1 * 15.0
