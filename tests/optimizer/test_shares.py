"""How much each regression counts."""

import numpy as np

from optimizer.forecasting.shares import shares, weather_shares
from vpp.domain.arrays import Floats

DISTANCE_H = np.array([1.0, 6.0, 24.0])


def errors(seed: int, size: float = 1.0) -> Floats:
    """Of two rows at three leads."""
    return np.random.default_rng(seed).normal(0.0, size, (2, 400, 3))


def test_two_that_err_alike_and_apart_share_alike() -> None:
    found = shares(np.stack([errors(1), errors(2)]))
    np.testing.assert_allclose(found.sum(axis=0), 1.0)
    np.testing.assert_allclose(found, 0.5, atol=0.05)


def test_one_alone_has_all() -> None:
    np.testing.assert_array_equal(shares(errors(1)[None]), np.ones((1, 2)))


def test_weather_counts_where_it_errs_less_and_only_there() -> None:
    without, having = errors(1), errors(2, 0.3)
    having[:, :, 0] = errors(3, 5.0)[:, :, 0]  # of the next hour the newest slot knows more
    found = weather_shares(without, having, DISTANCE_H)
    assert (found[0] < 0.1).all()
    assert (found[1:] > 0.85).all()


def test_a_row_that_gains_hardly_anything_goes_without() -> None:
    without = errors(1)
    found = weather_shares(without, 0.995 * without, DISTANCE_H)
    np.testing.assert_array_equal(found, 0.0)
    assert (weather_shares(without, 0.9 * without, DISTANCE_H) == 1.0).all()


def test_what_is_unknown_counts_for_nothing() -> None:
    without, having = errors(1), errors(2, 0.3)
    without[:, :, 2] = having[:, :, 2] = np.nan
    assert np.isfinite(weather_shares(without, having, DISTANCE_H)).all()
