"""Whatever is on record, a forecast is finite, in order, within its bounds, and for everybody."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.forecasting.learned import ModelForecaster
from optimizer.forecasting.persistence import PersistenceForecaster
from vpp.domain.arrays import Floats
from vpp.domain.forecast import ForecastRequest, Group, Series
from vpp.domain.points import Quantity
from vpp.domain.slots import SlotGrid
from vpp.ports.planner import Forecaster

NOW = datetime(2026, 6, 20, 3, 0, tzinfo=UTC)
Spoil = Callable[[Floats, Floats], Floats]
"""From values and as many random numbers between 0 and 1."""
SPOILS: dict[str, Spoil] = {
    "as it is": lambda values, _: values,
    "gaps": lambda values, chance: np.where(chance < 0.7, np.nan, values),
    "young": lambda values, _: np.where(np.arange(len(values)) < 0.9 * len(values), np.nan, values),
    "dead": lambda values, _: np.where(np.arange(len(values)) > 0.9 * len(values), np.nan, values),
    "nothing": lambda values, _: np.full(len(values), np.nan),
    "zero": lambda values, _: np.zeros(len(values)),
    "constant": lambda values, _: np.full(len(values), 3.0),
    "infinite": lambda values, chance: np.where(chance < 0.01, np.inf, values),
    "huge": lambda values, chance: values * np.where(chance < 0.01, 1e9, 1.0),
    "negative": lambda values, _: values - 1.0,
}


@dataclass(frozen=True, kw_only=True)
class Case:
    seed: int
    step_s: float
    days: int
    how: tuple[str, str, str, str]
    late_h: int
    """Since the last recorded slot."""
    horizon_h: int
    slot_s: float
    peak_kw: float | None
    latitude: float

    @property
    def request(self) -> ForecastRequest:
        slots = round(self.horizon_h * 3600.0 / self.slot_s)
        return ForecastRequest(
            issued_at=NOW,
            grid=SlotGrid.containing(NOW, count=slots, step_s=self.slot_s),
            series=tuple(map(self._series, range(4))),
            time_zone="Asia/Seoul",
            country="KR",
            groups=(Group(subject="pool", members=("site 0", "site 1")),),
        )

    def _series(self, number: int) -> Series:
        """Two loads and their suns, by turns."""
        random = np.random.default_rng([self.seed, number])
        count = round(self.days * 86400.0 / self.step_s)
        hour = (np.arange(count) * self.step_s / 3600.0 + 12.0) % 24.0
        sun = np.maximum(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0)
        values = random.gamma(2.0, 2.0, count) * (sun if number % 2 else 1.0)
        return Series(
            subject=f"site {number // 2}",
            quantity=Quantity.AVAILABLE_KW if number % 2 else Quantity.POWER_KW,
            start=NOW - timedelta(days=self.days, hours=self.late_h),
            step_s=self.step_s,
            values_kw=SPOILS[self.how[number]](values, random.random(count)),
            peak_kw=self.peak_kw if number % 2 else None,
            latitude=self.latitude,
            longitude=127.0 if self.latitude else 0.0,
        )


CASES = st.builds(
    Case,
    seed=st.integers(0, 1000),
    step_s=st.sampled_from([900.0, 1800.0, 3600.0, 600.0, 7200.0]),
    days=st.integers(0, 40),
    how=st.tuples(*[st.sampled_from(list(SPOILS))] * 4),
    late_h=st.sampled_from([0, 1, 30, 200]),
    horizon_h=st.sampled_from([1, 24, 60, 200]),
    slot_s=st.sampled_from([900.0, 3600.0]),
    peak_kw=st.sampled_from([None, 8.0]),
    latitude=st.sampled_from([0.0, 35.0]),
)


@pytest.mark.parametrize("name", ["model", "persistence"])
@pytest.mark.fuzz
@settings(max_examples=25, deadline=None)
@given(case=CASES)
def test_forecasts_are_sound(name: str, case: Case) -> None:
    forecaster: Forecaster = ModelForecaster() if name == "model" else PersistenceForecaster()
    request = case.request
    found = forecaster.forecast(request)
    asked = [(one.subject, one.quantity) for one in request.series]
    asked.append(("pool", Quantity.UNCONTROLLED_KW))
    assert [(one.subject, one.quantity) for one in found] == asked
    for one in found:
        assert (one.spread_kw >= 0.0).all()
        assert np.abs(one.values_kw).max() < 1e9
    for one, recorded in zip(found[:-1], request.series, strict=True):
        sun = one.quantity is Quantity.AVAILABLE_KW
        if sun or not (recorded.values_kw < 0.0).any():
            assert one.values_kw.min() >= 0.0
        if sun and recorded.peak_kw is not None:
            assert one.values_kw.max() <= recorded.peak_kw + 1e-9
