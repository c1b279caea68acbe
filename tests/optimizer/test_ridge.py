"""Ridge regressions of many rows."""

import numpy as np
import pytest

from optimizer.forecasting.ridge import ridge


def test_what_was_nothing_but_rounding_tells_nothing() -> None:
    """Else the first real value there would be foreseen to be terawatts."""
    random = np.random.default_rng(3)
    known = random.normal(size=200)
    rounding = 1e-13 * random.normal(size=200)
    features = np.stack([known, rounding, np.zeros(200)], axis=1)[None]
    weights = ridge(features, 2.0 * known[None], np.ones((1, 200), dtype=bool))[0]
    assert weights.tolist() == pytest.approx([2.0, 0.0, 0.0], rel=0.01)
