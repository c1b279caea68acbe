"""Forecast errors that last: a Markov chain that stands for a standard AR(1) process.

Source: Rouwenhorst (1995); Kopecky and Suen (2010) show that mean, variance and correlation are
met exactly for any number of states.
"""

from functools import lru_cache

import numpy as np

from vpp.domain.arrays import Floats, frozen


def states(count: int) -> Floats:
    """The errors, in standard deviations, rising; an odd count has 0 in the middle."""
    return np.asarray(np.linspace(-1.0, 1.0, count) * np.sqrt(count - 1.0))


@lru_cache(maxsize=64)
def transition(count: int, correlation: float) -> Floats:
    """Probability of each state (columns) after each (rows), shape (count, count).

    Args:
        count: Number of states.
        correlation: Of the error with that of the step before, 0..1.
    """
    stay, found = (1.0 + correlation) / 2.0, np.ones((1, 1))
    for size in range(2, count + 1):
        grown = np.zeros((size, size))
        grown[:-1, :-1] += stay * found
        grown[:-1, 1:] += (1.0 - stay) * found
        grown[1:, :-1] += (1.0 - stay) * found
        grown[1:, 1:] += stay * found
        grown[1:-1] /= 2.0
        found = grown
    return frozen(found)
