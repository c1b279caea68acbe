"""How far a forecast says that it may be wrong."""

import numpy as np
import pytest

from optimizer.forecasting.own_errors import HOURS, own_errors


def told(learnt_days: float) -> float:
    leads_h = np.arange(1.0, 49.0)
    hour = (np.arange(400)[:, None] + leads_h.astype(int)) % HOURS
    missed_kw = 2.0 * np.random.default_rng(0).standard_normal((1, 400, len(leads_h)))
    found = own_errors(missed_kw, leads_h, hour, learnt_days)
    return float(found.ahead_kw(leads_h, hour[0]).mean())


def test_what_comes_is_missed_by_a_tenth_more_than_what_was_fitted() -> None:
    assert told(learnt_days=14.0) == pytest.approx(1.1 * 2.0, rel=0.02)
    assert told(learnt_days=49.0) == told(learnt_days=14.0)


def test_a_fit_of_one_week_doubts_itself_twice_as_much_as_one_of_two() -> None:
    assert told(learnt_days=7.0) == pytest.approx(2.0 * told(learnt_days=14.0))
