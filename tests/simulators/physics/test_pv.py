from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.physics.pv import PvUnit
from tests.simulators.sample import PV


def shine(plant: PvUnit, seconds: float, available_w: float) -> None:
    plant.advance(plant.now_s + seconds, available_w, available_w * seconds / 3600)


def test_it_produces_what_the_sun_offers_as_a_negative_power() -> None:
    plant = PvUnit(PV)
    shine(plant, 60, 6000)
    assert (plant.power_w, plant.available_w) == (-6000, 6000)
    assert plant.produced_wh == plant.available_wh == -plant.net_wh == 100


def test_a_limit_acts_after_dead_time_with_ramp() -> None:
    plant = PvUnit(PV)
    shine(plant, 10, 6000)
    plant.limit(2000, 60)
    assert (plant.limit_w, plant.reversion_left_s) == (2000, 60)
    shine(plant, 1, 6000)
    assert plant.power_w == -6000
    shine(plant, 2, 6000)
    assert plant.power_w == -4000
    shine(plant, 10, 6000)
    assert (plant.power_w, plant.available_w) == (-2000, 6000)


@pytest.mark.parametrize(("safe", "power_w"), [("autonomous", -6000), ("zero", 0)])
def test_a_limit_lapses_to_the_safe_state(safe: str, power_w: float) -> None:
    plant = PvUnit(replace(PV, safe=safe))
    plant.limit(2000, 30)
    shine(plant, 29, 6000)
    assert plant.power_w == -2000
    shine(plant, 31, 6000)
    assert plant.power_w == power_w


def test_a_limit_lapses_to_the_stated_one() -> None:
    plant = PvUnit(PV)
    plant.limit(2000, 30, then_w=1000)
    shine(plant, 60, 6000)
    assert (plant.power_w, plant.limit_w, plant.reversion_left_s) == (-1000, 1000, None)


def test_release_brings_full_production_back() -> None:
    plant = PvUnit(PV)
    plant.limit(0, None)
    shine(plant, 60, 6000)
    assert plant.power_w == 0
    plant.release()
    shine(plant, 60, 6000)
    assert plant.power_w == -6000


@given(
    st.lists(
        st.tuples(st.floats(0, 9000), st.floats(0.1, 60), st.none() | st.floats(0, 12_000)),
        max_size=20,
    )
)
def test_it_never_produces_more_than_the_sun_offers(
    steps: list[tuple[float, float, float | None]],
) -> None:
    plant = PvUnit(PV)
    for available_w, seconds, limit_w in steps:
        if limit_w is not None:
            plant.limit(limit_w, 45)
        shine(plant, seconds, available_w)
        assert -available_w - 1e-9 <= plant.power_w <= 0
    assert 0 <= plant.produced_wh <= plant.available_wh + 1e-9


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        PvUnit(PV).limit(-1, 60)
