"""Devices that must not be switched at will run and rest as long as they need."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tests.vpp.control.ticking.city import City, House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import houses
from vpp.domain.arrays import Floats

ON_S, OFF_S = 120.0, 60.0
LEVEL = st.floats(-20, 20) | st.just(0.0)


def starting(**rest: Any) -> City:
    own = Store(min_on_s=ON_S, min_off_s=OFF_S, **rest)
    return city([House(stores=[own]), *houses(1)])


def told(run: Run) -> Floats:
    """What the first battery is told, tick by tick."""
    at = run.plant.city.layout.asset_at[run.plant.city.batteries[0]]
    wanted = np.array([result.wanted_kw[at] for result in run.results])
    return np.asarray(np.nan_to_num(wanted))


def driven(of: City, levels: list[float], each_s: int = 25) -> Run:
    def load(now_s: float) -> Floats:
        level = levels[min(int(now_s - 1000) // each_s, len(levels) - 1)]
        return np.array([level, 0.0])

    return Run(Plant(city=of, load=load)).ticks(each_s * len(levels))


@given(levels=st.lists(LEVEL, min_size=10, max_size=14))
@settings(max_examples=examples(15))
def test_it_runs_and_rests_for_its_least_times(levels: list[float]) -> None:
    own = Store(min_on_s=48.0, min_off_s=24.0)
    on = told(driven(city([House(stores=[own]), *houses(1)]), levels, each_s=10)) != 0
    for sooner, later in pairwise(np.flatnonzero(np.diff(on.astype(int)))):
        assert later - sooner >= (48 if on[sooner + 1] else 24)


def test_it_starts_no_oftener_than_it_may() -> None:
    of = city([House(stores=[Store(starts_per_day=2)]), House()])
    run = driven(of, [-12.0, 0.0] * 5)
    on = told(run) != 0
    assert (np.diff(on.astype(int)) == 1).sum() == 2


def test_the_others_take_what_a_resting_one_may_not() -> None:
    run = driven(starting(), [-12.0] * 3 + [0.0] * 6 + [-12.0])
    assert not told(run)[-20:].any()
    assert run.battery_kw()[-1].sum() == pytest.approx(12.0, abs=0.5)


def test_a_limit_stops_it_before_its_time() -> None:
    own = House(stores=[Store(min_on_s=3600.0)], rating_kw=8.0)
    levels = {"kw": 0.0}
    run = Run(
        Plant(city=city([own, House()]), load=lambda _: np.array([levels["kw"], -30.0]))
    ).ticks(60)
    assert run.battery_kw()[-1, 0] > 7.0
    levels["kw"] = 8.0
    run.ticks(4)
    assert run.plant.nets()[0] <= 8.0 + 1e-6
