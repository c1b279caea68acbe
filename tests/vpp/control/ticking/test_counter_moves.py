"""A share that moves between storages of unlike dead times does not show at the connection."""

from itertools import pairwise

import numpy as np
import pytest

from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.weather import spread
from vpp.control import movers
from vpp.control.counter_moves import Flight
from vpp.control.expected_power import Recall
from vpp.control.sharing import Bounds
from vpp.control.state import Trace

STEP_S, REBALANCED_S = 60, 420
"""When the surplus doubles, and by when those that took the step have handed a part of it on."""


def sharing(*dead_s: float) -> Run:
    """A surplus that is 6 kW for each battery, and 12 kW from the step on."""
    houses = [House(stores=[Store(dead_s=dead, kwh=60.0)]) for dead in dead_s]
    level_kw = -6.0 * len(houses)
    surplus = np.where(np.arange(REBALANCED_S) < STEP_S, level_kw, 2 * level_kw)
    return Run(Plant(city=city(houses), load=spread(surplus, len(houses)), meter_age_s=2.0))


@pytest.mark.parametrize("dead_s", [(1.0, 5.0), (5.0, 1.0), (1.0, 2.0, 4.0), (1.0, 3.0, 1.0, 3.0)])
def test_what_one_gives_up_another_takes_at_the_same_moment(dead_s: tuple[float, ...]) -> None:
    run = sharing(*dead_s).ticks(REBALANCED_S)
    power = run.battery_kw()[STEP_S + 20 :]
    assert np.ptp(power, axis=0).max() > 2.0
    np.testing.assert_allclose(power.sum(axis=1), 12.0 * len(dead_s), atol=0.3)


def test_a_move_that_waits_puts_the_refresh_off_for_no_more_than_writes_are_apart() -> None:
    run = sharing(0.0, 20.0).ticks(REBALANCED_S)
    for asset in run.plant.city.batteries:
        times = [at for at, d in run.plant.log if d.asset == asset]
        assert max(later - sooner for sooner, later in pairwise(times)) <= 15.0


@pytest.mark.parametrize(("room_kw", "told_kw"), [(np.inf, [15.0, 12.0]), (24.0, [12.0, 12.0])])
def test_where_a_limit_leaves_no_room_for_one_move_alone_none_waits(
    room_kw: float, told_kw: list[float]
) -> None:
    pool = city([House(stores=[Store(dead_s=1.0), Store(dead_s=4.0)])]).model.compiled
    held = np.where(pool.battery, 0.0, np.nan)
    held[pool.battery] = 15.0, 9.0
    settled = Trace(
        time_s=1000.0, measured_s=np.full(pool.count, 1000.0), measured_kw=held, told_kw=held,
        told_s=np.full(pool.count, 600.0), left_s=np.full(pool.count, np.nan), expected_kw=held,
        net_s=np.full(len(pool.rows), 1000.0), net_kw=np.zeros(len(pool.rows)),
    )  # fmt: skip
    fleet = movers.Fleet(
        member=pool.battery, held_kw=np.nan_to_num(held),
        share_kw=np.where(pool.battery, 12.0, 0.0), lo_kw=np.zeros(pool.count), hi_kw=pool.hi_kw,
        keep_lo_kw=np.zeros(pool.count), keep_hi_kw=pool.hi_kw,
        free=pool.battery, waited_s=np.full(pool.count, 400.0),
        let_go=np.zeros(pool.count, dtype=np.bool_),
        bounds=Bounds(
            least_kw=np.full(len(pool.rows), -np.inf), most_kw=np.full(len(pool.rows), room_kw)
        ),
    )  # fmt: skip
    flight = Flight(recall=Recall.of((settled,), pool), now_s=1000.0, tick_s=1.0)
    moved = movers.move(24.0, fleet, pool, flight, owed_kws=0.0, dt_s=1.0)
    assert moved.power_kw[pool.battery].tolist() == told_kw
