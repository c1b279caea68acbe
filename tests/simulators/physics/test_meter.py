import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.city import Meter
from simulators.physics.meter import MeterUnit, Reading


def meter(age_s: float, period_s: float = 1.0) -> MeterUnit:
    plant = Meter("m", "site", "home", (), age_s=age_s, period_s=period_s)
    return MeterUnit(plant, Reading(0.0, 0.0, 0.0, 0.0))


@given(
    st.floats(0, 10), st.sampled_from([0.5, 1.0, 5.0]), st.lists(st.floats(0.1, 15), min_size=30)
)
def test_it_shows_what_was_true_when_it_says(
    age_s: float, period_s: float, steps: list[float]
) -> None:
    shown = meter(age_s, period_s)
    now_s = 0.0
    for step_s in steps:
        now_s += step_s
        shown.record(now_s, 100 * now_s, 2 * now_s, now_s)
        assert shown.power_w == pytest.approx(100 * shown.measured_s, abs=1e-6)
        assert shown.import_wh == pytest.approx(2 * shown.measured_s, abs=1e-6)
        assert shown.export_wh == pytest.approx(shown.measured_s, abs=1e-6)
        assert shown.measured_s <= now_s - age_s + 1e-6 or shown.measured_s == 0
        assert now_s - shown.measured_s <= age_s + period_s + 1e-6


def test_between_two_samples_it_stands_still() -> None:
    shown = meter(0.0, period_s=5.0)
    shown.record(5.0, 10.0, 1.0, 0.0)
    shown.record(9.9, 90.0, 9.0, 0.0)
    assert (shown.measured_s, shown.power_w) == (5.0, 10.0)
    assert shown.true_power_w == 90.0
