"""How forecasts are judged: by what came, as it was told, and by what else could be told."""

from dataclasses import replace

import numpy as np
import pytest

from tests.vpp.backtest.weather import Nothing, hourly
from vpp.backtest.data import Recording
from vpp.backtest.forecast_quality import LOAD, NET, POOL, SUBJECTS, SUN, Comparison, Plan, compare
from vpp.backtest.forecast_report import page, plain
from vpp.backtest.foresight import Foresight
from vpp.backtest.given import arrivals_kw
from vpp.backtest.setting import of_recording
from vpp.domain.arrays import frozen
from vpp.domain.errors import InvariantError
from vpp.domain.forecast import Forecast, ForecastRequest
from vpp.ports.planner import Forecaster

DAYS = 12
PLAN = Plan(every_s=5 * 3600.0, after_s=8 * 86400.0)


def compared(recording: Recording, plan: Plan = PLAN, **forecasters: Forecaster) -> Comparison:
    return compare(recording, of_recording(recording), forecasters, plan)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return hourly(DAYS)


@pytest.fixture(scope="module")
def found(recording: Recording) -> Comparison:
    return compared(
        recording, perfect=Foresight(recording, arrivals_kw(recording)), nothing=Nothing()
    )


def test_who_knows_what_comes_errs_nowhere(found: Comparison) -> None:
    perfect = found.of["perfect"]
    for subject in SUBJECTS:
        np.testing.assert_allclose(perfect.mae_kw[subject], 0.0, atol=1e-9)
        np.testing.assert_allclose(found.skill("perfect", "last week", subject), 1.0)
    for subject in (LOAD, SUN, POOL):
        np.testing.assert_array_equal(perfect.coverage[subject], 1.0)
        np.testing.assert_allclose(perfect.pinball_kw[subject], 0.0, atol=1e-9)


def test_who_says_nothing_comes_errs_by_what_comes(found: Comparison, recording: Recording) -> None:
    """Issues every five hours from the ninth day on, 24 hours ahead each."""
    issues = range(8 * 24, DAYS * 24 - 24 + 1, 5)
    assert found.issues == len(issues)
    for lead in (1, 6, 24):
        came = recording.load_kw[:, [issue + lead - 1 for issue in issues]]
        nothing = found.of["nothing"]
        assert nothing.mae_kw[LOAD][lead - 1] == pytest.approx(came.mean())
        assert nothing.pinball_kw[LOAD][lead - 1] == pytest.approx(0.5 * came.mean())
        assert nothing.coverage[LOAD][lead - 1] == pytest.approx((came <= 1e-9).mean())


def test_yesterday_and_last_week_are_what_was_known_then(recording: Recording) -> None:
    """Load and sun count the days: a day before is wrong by 1, two by 2, a week by 7."""
    day = np.repeat(np.arange(float(DAYS)), 24)
    counting = replace(recording, load_kw=frozen([day] * 3), pv_kw=frozen([0 * day] * 3))
    found = compared(counting, Plan(ahead_s=2 * 86400.0, every_s=3600.0, after_s=8 * 86400.0))
    assert found.of["yesterday"].mae_kw[LOAD] == pytest.approx(np.repeat([1.0, 2.0], 24))
    assert found.of["last week"].mae_kw[NET] == pytest.approx(np.full(48, 7.0))
    assert found.of["last week"].mae_kw[POOL] == pytest.approx(np.full(48, 21.0))
    assert SUN not in found.of["yesterday"].mae_kw


def test_a_forecaster_is_given_nothing_from_its_issue_on(recording: Recording) -> None:
    class Attentive:
        def forecast(self, request: ForecastRequest) -> tuple[Forecast, ...]:
            for one in request.series:
                known_s = one.start.timestamp() + one.step_s * len(one.values_kw)
                assert known_s == request.issued_at.timestamp() == request.grid.edges_s[0]
            return Nothing().forecast(request)

    assert compared(recording, attentive=Attentive()).issues > 10


def test_a_record_without_room_is_refused_in_words(recording: Recording) -> None:
    with pytest.raises(
        InvariantError, match=r"12\.0 days has no room .* after 28 days .*would do$"
    ):
        compared(recording, Plan())
    with pytest.raises(
        InvariantError, match=r"after 7 days .*: 13 days are needed, with --after 7d"
    ):
        compared(recording, Plan(ahead_s=6 * 86400.0, after_s=86400.0))


def test_figures_and_page_tell_every_subject_and_lead(found: Comparison) -> None:
    figures = plain(found, [3600.0, 86400.0])["figures"]
    names = {(row["subject"], row["lead_h"], row["forecast"]) for row in figures}
    assert len(names) == len(figures) == len(SUBJECTS) * 2 * len(found.of)
    text = page(found, [3600.0, 86400.0], "homes & <flats>")
    assert "homes &amp; &lt;flats&gt;" in text
    assert text.count("<svg") == len(SUBJECTS) + 1
    assert "http" not in text
