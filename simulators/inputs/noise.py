"""Noise that is a function of seed and time, so that any stretch of it can be drawn on its own."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Streams = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
TO_UNIT = 2.0**-53


def stream(seed: int, *names: str) -> int:
    """The number of an independent stream of noise, the same on every machine."""
    text = "\0".join((str(seed), *names)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def streams(seed: int, kind: str, names: Sequence[str]) -> Streams:
    """One stream per name, as a column."""
    return np.array([[stream(seed, kind, name)] for name in names], dtype=np.uint64).reshape(-1, 1)


def uniform(of: Streams, index: NDArray[np.int64]) -> Floats:
    """Numbers in (0, 1), one per stream and index: SplitMix64 (Steele et al. 2014) as a hash."""
    mixed = of + (index.astype(np.uint64) + np.uint64(1)) * GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return np.asarray(((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * TO_UNIT)


def smooth_normal(of: Streams, at_s: Floats, period_s: float) -> Floats:
    """Standard normal noise without steps: one knot per period, blended between.

    The blend's weights are scaled so that the variance is 1 everywhere, not only at the knots.
    """
    place = at_s / period_s
    knot = np.floor(place).astype(np.int64)
    part = place - knot
    weight = part * part * (3 - 2 * part)
    knots = np.arange(knot[0], knot[-1] + 2)
    values = ndtri(uniform(of, knots))
    left = np.take(values, knot - knot[0], axis=1)
    right = np.take(values, knot - knot[0] + 1, axis=1)
    blended: Floats = ((1 - weight) * left + weight * right) / np.hypot(1 - weight, weight)
    return blended


def column(values: Sequence[float]) -> Floats:
    """One value per asset, to be spread over instants."""
    return np.array(values, dtype=np.float64).reshape(-1, 1)
