"""Who plans on a recording sees nothing but its past."""

from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vpp.backtest.weather import hourly
from vpp.backtest.data import Recording
from vpp.backtest.given import Given
from vpp.backtest.parking import Parking
from vpp.backtest.plant import Plant
from vpp.backtest.setting import of_recording
from vpp.backtest.thinking import Thinker, Thinking, installed
from vpp.domain.arrays import Floats, frozen
from vpp.domain.errors import PlannerFailed
from vpp.domain.forecast import Forecast, ForecastRequest
from vpp.domain.plan import Plan
from vpp.domain.problem import Problem
from vpp.ports.planner import Forecaster

DAYS, A_DAY = 20, 24


class Refusing:
    """Plans nothing."""

    def plan(self, problem: Problem) -> Plan:
        raise PlannerFailed("no wish to")


@dataclass
class Overheard:
    """Another forecaster, and all that it said."""

    by: Forecaster
    said: dict[datetime, Floats] = field(default_factory=dict)

    def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
        made = self.by.forecast(request)
        self.said[request.issued_at] = np.stack([one.values_kw for one in made])
        return made


def said(recording: Recording, forecaster: str) -> dict[datetime, Floats]:
    """All forecasts of noons, when the hour from noon on is measured; without a tick."""
    heard = Overheard(installed(forecaster=forecaster).forecaster)
    thinking = Thinking(planner=Refusing(), forecaster=heard, horizon_s=86400.0)
    setting, none = of_recording(recording), np.zeros(recording.load_kw.shape)
    thinker = Thinker(recording, setting, Given(recording, setting, none), thinking)
    plant = Plant(recording, setting, none, Parking(recording, setting, ()))
    for slot in range(12, len(recording.grid), A_DAY):
        thinker.think(slot, plant.snapshot(slot, 0.0), np.zeros((1, slot)))
    assert len(thinker.refused) == len(heard.said)
    return heard.said


@pytest.mark.parametrize("forecaster", ["model", "persistence"])
@settings(max_examples=3, deadline=None)
@given(day=st.integers(1, DAYS - 3), seed=st.integers(0, 99))
def test_no_forecast_knows_what_comes_after_its_issue(forecaster: str, day: int, seed: int) -> None:
    recording, random = hourly(DAYS), np.random.default_rng(seed)
    changed = slice(day * A_DAY + 13, None)
    strange = [np.array(one) for one in (recording.load_kw, recording.pv_kw)]
    for values in strange:
        values[:, changed] = random.uniform(0.0, 50.0, values[:, changed].shape)
    other = replace(recording, load_kw=frozen(strange[0]), pv_kw=frozen(strange[1]))
    before, after = said(recording, forecaster), said(other, forecaster)
    issues = sorted(before)
    assert len(issues) == DAYS
    for issue in issues[: day + 1]:
        assert np.array_equal(before[issue], after[issue])
    assert not np.array_equal(before[issues[-1]], after[issues[-1]])
