from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.physics.battery import BatteryUnit
from simulators.physics.hybrid import HybridUnit
from simulators.physics.pv import PvUnit
from tests.simulators.sample import BATTERY, PV

RATING_W = 6000.0


def hybrid() -> HybridUnit:
    pv = replace(PV, clip_w=PV.peak_w)
    return HybridUnit(BatteryUnit(BATTERY), PvUnit(pv), RATING_W)


def shine(unit: HybridUnit, seconds: float, available_w: float) -> None:
    unit.advance(unit.battery.now_s + seconds, available_w, available_w * seconds / 3600)


def test_sun_beyond_the_rating_is_lost_while_the_battery_rests() -> None:
    unit = hybrid()
    shine(unit, 60, 8000)
    assert unit.ac_w == unit.pv.power_w == -6000


def test_sun_beyond_the_rating_goes_into_a_charging_battery() -> None:
    unit = hybrid()
    unit.battery.command(2000, None)
    for _ in range(3):
        shine(unit, 30, 8000)
    assert unit.battery.power_w == 2000
    assert unit.pv.power_w == -8000
    assert unit.ac_w == -6000


def test_discharging_yields_to_the_sun() -> None:
    unit = hybrid()
    unit.battery.command(-4000, None)
    for _ in range(3):
        shine(unit, 30, 5000)
    assert unit.pv.power_w == -5000
    assert unit.battery.power_w == pytest.approx(-1000)


def test_a_limit_of_the_whole_clips_the_sun_and_lapses() -> None:
    unit = hybrid()
    unit.limit(2000, 60, 5000)
    shine(unit, 30, 8000)
    assert unit.ac_w == unit.pv.power_w == -2000
    shine(unit, 40, 8000)
    assert unit.ac_w == -5000
    unit.release()
    shine(unit, 10, 8000)
    assert unit.ac_w == -6000


@given(
    st.lists(
        st.tuples(
            st.floats(0, 10_000),
            st.floats(0.1, 15),
            st.none() | st.floats(-9000, 9000),
            st.none() | st.floats(0, 10_000),
        ),
        max_size=25,
    )
)
def test_the_rating_holds(
    steps: list[tuple[float, float, float | None, float | None]],
) -> None:
    unit = hybrid()
    for available_w, seconds, command_w, limit_w in steps:
        if command_w is not None:
            unit.battery.command(command_w, 30)
        if limit_w is not None:
            unit.limit(limit_w, None, RATING_W)
        shine(unit, seconds, available_w)
        assert -unit.most_given_w - 1e-6 <= unit.ac_w <= RATING_W + 1e-6
