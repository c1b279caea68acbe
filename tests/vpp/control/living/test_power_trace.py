import math

import numpy as np
import pytest

from vpp.control.power_trace import PowerTrace
from vpp.domain.arrays import frozen, frozen_ints


def traced(*samples: tuple[float, float]) -> PowerTrace:
    """One row with these samples of time and power."""
    trace = PowerTrace(1)
    for at_s, power_kw in samples:
        trace.add(frozen_ints([0]), frozen([power_kw]), frozen([at_s]))
    return trace


def power(trace: PowerTrace, when_s: float) -> float:
    return float(trace.at(frozen_ints([0]), np.array([when_s]))[0])


@pytest.mark.parametrize("when_s", [-math.inf, 0.0, 5.0])
def test_before_anything_was_measured_nothing_is_known(when_s: float) -> None:
    assert math.isnan(power(traced(), when_s))


@pytest.mark.parametrize(
    ("when_s", "kw"),
    [(-math.inf, 2.0), (0.0, 2.0), (10.0, 2.0), (15.0, 4.0), (20.0, 6.0), (99.0, 6.0)],
)
def test_between_two_samples_power_lies_on_their_line_and_ends_hold(
    when_s: float, kw: float
) -> None:
    assert power(traced((10.0, 2.0), (20.0, 6.0)), when_s) == kw
