from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.physics.battery import BatteryUnit
from tests.simulators.sample import BATTERY
from tests.thoroughness import examples

Act = Callable[[BatteryUnit], None]

SETPOINTS = st.tuples(st.floats(-9e3, 9e3), st.none() | st.floats(1, 200)).map(
    lambda given: lambda unit: unit.command(*given)
)
LIMITS = st.tuples(st.floats(-9e3, 0), st.floats(0, 9e3), st.none() | st.floats(1, 200)).map(
    lambda given: lambda unit: unit.set_limits(*given)
)
RESIDUALS = st.floats(-9e3, 9e3).map(
    lambda given: lambda unit: setattr(unit, "site_residual_w", given)
)
OTHERS: st.SearchStrategy[Act] = st.sampled_from([BatteryUnit.release, BatteryUnit.stop])
ACTS = st.lists(
    st.tuples(SETPOINTS | LIMITS | RESIDUALS | OTHERS, st.floats(0.1, 1200)), max_size=25
)


def unit(**changes: Any) -> BatteryUnit:
    return BatteryUnit(replace(BATTERY, **changes))


def settle(battery: BatteryUnit, seconds: float) -> None:
    battery.advance(battery.now_s + seconds)


@given(ACTS, st.sampled_from(["zero", "autonomous"]))
def test_energy_balances_within_window_and_ratings(
    acts: list[tuple[Act, float]], safe: str
) -> None:
    battery = unit(safe=safe, watchdog_s=400)
    for act, seconds in acts:
        act(battery)
        net_before = battery.net_wh
        settle(battery, seconds)
        assert 0.1 - 1e-9 <= battery.soc <= 0.9 + 1e-9
        assert -4000 - 1e-6 <= battery.power_w <= 5000 + 1e-6
        mean_w = (battery.net_wh - net_before) * 3600 / seconds
        assert -4000 - 1e-3 <= mean_w <= 5000 + 1e-3
    gained = battery.charged_wh * 0.95 - battery.discharged_wh / 0.9
    assert battery.stored_wh - 5000 == pytest.approx(gained, abs=1e-3)


@settings(max_examples=examples(40))
@given(st.floats(-5000, 6000), st.sampled_from([1.0, 6.0, 60.0]))
def test_the_step_changes_the_result_little(power_w: float, step_s: float) -> None:
    coarse, fine = unit(), unit()
    for battery in (coarse, fine):
        battery.command(power_w, None)
    fine_step = step_s / 4
    for number in range(1, int(600 / step_s) + 1):
        coarse.advance(number * step_s)
        for part in range(1, 5):
            fine.advance((number - 1) * step_s + part * fine_step)
    assert coarse.stored_wh == pytest.approx(fine.stored_wh, abs=12)


def test_positive_charges() -> None:
    battery = unit()
    battery.command(3000, None)
    settle(battery, 60)
    assert battery.power_w == 3000
    assert battery.stored_wh > 5000
    assert battery.charged_wh > 0 == battery.discharged_wh


def test_an_order_is_accepted_at_once_and_followed_after_dead_time_with_ramp() -> None:
    battery = unit()
    battery.command(3000, 60)
    assert (battery.mode, battery.setpoint_w, battery.reversion_left_s) == ("setpoint", 3000, 60)
    settle(battery, 1.0)
    assert battery.power_w == 0
    settle(battery, 2.0)
    assert battery.power_w == 2000
    settle(battery, 2.0)
    assert battery.power_w == 3000


@pytest.mark.parametrize("step_s", [0.1, 7.0, 60.0])
@pytest.mark.parametrize("safe", ["zero", "autonomous"])
def test_a_setpoint_that_lapses_falls_back_to_the_safe_mode(step_s: float, safe: str) -> None:
    battery = unit(safe=safe)
    battery.site_residual_w = -1000
    battery.command(-3000, 30)
    while battery.now_s < 29:
        settle(battery, min(step_s, 29 - battery.now_s))
    assert battery.mode == "setpoint"
    assert battery.power_w == -3000
    while battery.now_s < 60:
        settle(battery, step_s)
    assert battery.mode == safe
    assert battery.setpoint_w is None
    assert battery.reversion_left_s is None
    assert battery.power_w == (1000 if safe == "autonomous" else 0)


def test_a_long_step_over_the_reversion_discharges_only_until_then() -> None:
    battery = unit(ramp_w_per_s=1e9, dead_time_s=0.0)
    battery.command(-3600, 30)
    settle(battery, 60)
    assert battery.discharged_wh == pytest.approx(30, abs=0.1)


def test_after_reversion_it_takes_the_stated_power() -> None:
    battery = unit()
    battery.command(2000, 10, then_w=500)
    settle(battery, 30)
    assert (battery.setpoint_w, battery.power_w) == (500, 500)
    assert battery.reversion_left_s is None


def test_a_refresh_moves_the_reversion() -> None:
    battery = unit()
    battery.command(2000, 30)
    settle(battery, 20)
    battery.command(2000, 30)
    settle(battery, 20)
    assert (battery.power_w, battery.reversion_left_s) == (2000, 10)


def test_a_heartbeat_that_does_not_change_is_lost() -> None:
    battery = unit(watchdog_s=60)
    battery.beat(7)
    battery.command(2000, None)
    for _ in range(8):
        settle(battery, 10)
        battery.beat(7)
    assert battery.heartbeat.lost
    assert (battery.mode, battery.power_w) == ("zero", 0)


def test_a_heartbeat_that_changes_keeps_the_setpoint() -> None:
    battery = unit(watchdog_s=60)
    battery.command(2000, None)
    for number in range(8):
        settle(battery, 10)
        battery.beat(number)
    assert battery.power_w == 2000


def test_without_heartbeat_no_new_order_is_followed_until_it_changes_again() -> None:
    battery = unit(watchdog_s=60)
    battery.command(2000, None)
    settle(battery, 100)
    battery.command(2000, None)
    settle(battery, 10)
    assert battery.power_w == 0
    battery.beat(1)
    battery.command(2000, None)
    settle(battery, 10)
    assert battery.power_w == 2000


def test_a_heartbeat_is_not_asked_for_while_nobody_steers() -> None:
    battery = unit(watchdog_s=60)
    settle(battery, 1000)
    battery.command(2000, None)
    settle(battery, 50)
    assert battery.power_w == 2000


def test_limits_hold_in_every_mode_and_lapse() -> None:
    battery = unit(safe="autonomous")
    battery.site_residual_w = 3000
    battery.set_limits(-500, 500, 60)
    settle(battery, 30)
    assert (battery.power_w, battery.limits_w) == (-500, (-500, 500))
    settle(battery, 60)
    assert (battery.power_w, battery.limits_w) == (-3000, None)


def test_stop_and_release() -> None:
    battery = unit(safe="autonomous")
    battery.site_residual_w = -2000
    battery.stop()
    settle(battery, 20)
    assert (battery.mode, battery.power_w) == ("zero", 0)
    battery.release()
    settle(battery, 20)
    assert (battery.mode, battery.power_w) == ("autonomous", 2000)


def test_charging_tapers_near_full_and_ends_there() -> None:
    battery = unit(soc_start=0.89)
    assert 0 < battery.charge_limit_w < 5000
    battery.command(5000, None)
    settle(battery, 30)
    assert 0 < battery.power_w < 5000
    settle(battery, 3600)
    assert battery.soc == pytest.approx(0.9)
    assert battery.power_w == battery.charge_limit_w == pytest.approx(0, abs=1e-6)
    assert battery.discharge_limit_w == 4000


def test_discharging_tapers_near_empty_and_ends_there() -> None:
    battery = unit(soc_start=0.12)
    assert battery.discharge_limit_w < 4000
    battery.command(-4000, None)
    settle(battery, 3600)
    assert battery.soc == pytest.approx(0.1)
    assert battery.power_w == pytest.approx(0, abs=1e-6)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        unit().command(float("nan"), 60)
    with pytest.raises(ValueError, match="lo <= hi"):
        unit().set_limits(1, -1, 60)
