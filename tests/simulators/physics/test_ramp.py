import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.physics.ramp import approach, mean_on_the_way

WATTS = st.floats(-1e5, 1e5)
RATES = st.floats(1.0, 1e5)


@given(WATTS, WATTS, RATES, st.floats(0.1, 60))
def test_the_mean_is_that_of_many_small_moves(
    power: float, target: float, rate: float, dt: float
) -> None:
    steps = 400
    now, total = power, 0.0
    for _ in range(steps):
        after = approach(now, target, rate, dt / steps)
        total += (now + after) / 2
        now = after
    mean = mean_on_the_way(power, target, rate, dt)
    assert mean == pytest.approx(total / steps, abs=abs(target - power) / steps + 1e-6)
    assert now == pytest.approx(approach(power, target, rate, dt), abs=1e-6)


def test_a_ramp_reaches_its_target_and_stays() -> None:
    assert approach(0, 3000, 1000, 2) == 2000
    assert approach(0, 3000, 1000, 5) == 3000
    assert mean_on_the_way(0, 3000, 1000, 6) == 3000 - 3000 * 1.5 / 6
