"""What was known of an hour is what was known then."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vpp.domain.arrays import Floats
from vpp.domain.errors import InvariantError
from vpp.domain.points import Quantity
from vpp.domain.weather import WEATHER, WeatherForecast, WeatherRecord, full_hour

START = datetime(2026, 6, 1, tzinfo=UTC)
LEADS_H = (0, 6, 24)


def record() -> WeatherRecord:
    """What is known says how long before it was: 600 W/m2 six hours before, and so on."""
    rows = 100.0 * np.array(LEADS_H)[:, None] + np.arange(48.0)
    return WeatherRecord(
        start=START, leads_h=LEADS_H, values=dict.fromkeys(WEATHER, rows), age_s=0.0
    )


def known(hour: float, before_h: float) -> float:
    times_s: Floats = np.array([START.timestamp() + hour * 3600.0])
    return float(record().known(Quantity.GHI_W_PER_M2, times_s, np.array([before_h]))[0])


@pytest.mark.parametrize(
    ("hour", "before_h", "found"),
    [(3.0, 0.0, 3.0), (3.75, 0.0, 3.0), (3.0, 0.25, 603.0), (3.0, 6.0, 603.0), (3.0, 7.0, 2403.0)],
)
def test_a_lead_between_two_takes_the_longer_one(
    hour: float, before_h: float, found: float
) -> None:
    assert known(hour, before_h) == found


@pytest.mark.parametrize(("hour", "before_h"), [(-0.5, 0.0), (48.0, 0.0), (3.0, 25.0)])
def test_what_nobody_forecast_is_not_a_number(hour: float, before_h: float) -> None:
    assert np.isnan(known(hour, before_h))


def test_hours_begin_on_the_hour() -> None:
    rows = dict.fromkeys(WEATHER, np.zeros(3))
    half_past = START + timedelta(minutes=30)
    with pytest.raises(InvariantError, match="full hour"):
        WeatherForecast(issued_at=START, start=half_past, values=rows)
    assert full_hour(half_past) == START


def test_every_quantity_is_told_for_the_same_hours() -> None:
    rows = {quantity: np.zeros(3 + at) for at, quantity in enumerate(WEATHER)}
    with pytest.raises(InvariantError, match="shape"):
        WeatherForecast(issued_at=START, start=START, values=rows)
    with pytest.raises(InvariantError, match="expected air_c"):
        WeatherForecast(issued_at=START, start=START, values={Quantity.AIR_C: np.zeros(3)})
