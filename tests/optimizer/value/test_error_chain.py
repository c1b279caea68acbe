"""The chain has the moments of the process that it stands for."""

import numpy as np
import pytest

from optimizer.value.error_chain import states, transition


@pytest.mark.parametrize("count", [2, 3, 5, 7])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9, 1.0])
def test_mean_variance_and_correlation_are_exact(count: int, correlation: float) -> None:
    errors, chances = states(count), transition(count, correlation)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    assert (chances >= 0).all()
    np.testing.assert_allclose(chances @ errors, correlation * errors, atol=1e-12)
    lasting = np.linalg.matrix_power(transition(count, 0.5), 60)[0]
    np.testing.assert_allclose(lasting @ errors, 0.0, atol=1e-9)
    np.testing.assert_allclose(lasting @ errors**2, 1.0, atol=1e-9)


def test_two_half_hours_are_an_hour() -> None:
    half, whole = transition(5, 0.9**0.5), transition(5, 0.9)
    np.testing.assert_allclose(half @ half, whole, atol=1e-12)
