"""Residuals that make a pool hunt: a cloudy hour with meter noise, and steps."""

from collections.abc import Callable

import numpy as np

from vpp.domain.arrays import Floats

START_S = 1000.0


def cloudy(seconds: int, rated_kw: float, seed: int = 1, noise: float = 0.01) -> Floats:
    """A level that jumps about once a minute, from 83 % surplus to 40 % deficit, with noise."""
    rng = np.random.default_rng(seed)
    out, level = np.zeros(seconds), -0.4
    for k in range(seconds):
        if rng.random() < 1 / 60:
            level += rng.normal(0, 40 / 300)
        level = float(np.clip(level, -250 / 300, 120 / 300))
        out[k] = level
    return (out + rng.normal(0, noise, seconds)) * rated_kw


def steps(seconds: int, rated_kw: float, every_s: int = 100) -> Floats:
    """A surplus and a deficit of half the rated power, changing sides at once."""
    return np.where(np.arange(seconds) // every_s % 2 == 0, -0.5, 0.5) * rated_kw


def spread(pool_kw: Floats, sites: int) -> Callable[[float], Floats]:
    """The pool's residual in equal parts on its sites."""

    def at(now_s: float) -> Floats:
        return np.full(
            sites, pool_kw[min(max(round(now_s - START_S), 0), len(pool_kw) - 1)] / sites
        )

    return at


def always(*site_kw: float) -> Callable[[float], Floats]:
    return lambda _: np.array(site_kw)
