"""How far a forecast says that it may be wrong."""

import numpy as np
import pytest

from optimizer.forecasting.own_errors import HOURS, own_errors


def test_what_comes_is_missed_by_a_tenth_more_than_what_was_fitted() -> None:
    leads_h = np.arange(1.0, 49.0)
    hour = (np.arange(400)[:, None] + leads_h.astype(int)) % HOURS
    missed_kw = 2.0 * np.random.default_rng(0).standard_normal((1, 400, len(leads_h)))
    told = own_errors(missed_kw, leads_h, hour).ahead_kw(leads_h, hour[0])
    assert told.mean() == pytest.approx(1.1 * 2.0, rel=0.02)
