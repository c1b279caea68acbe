"""Ridge regressions, one per row and lead, all at once."""

import numpy as np

from vpp.domain.arrays import Bools, Floats

RIDGE = 0.002
"""Penalty on standardised coefficients, in parts of the data's own weight."""
NOTHING = 1e-6
"""Of a row's greatest feature: what was never larger is rounding, and tells nothing."""


def ridge(features: Floats, target: Floats, counts: Bools) -> Floats:
    """Coefficients, shape (rows, features).

    Args:
        features: Shape (rows, instants, features).
        target: Shape (rows, instants).
        counts: Which instants count, shape as the target's.
    """
    seen = features * counts[:, :, None]
    gram = seen.transpose(0, 2, 1) @ seen
    toward = (seen * np.where(counts, target, 0.0)[:, :, None]).sum(axis=1)
    size = np.sqrt(np.einsum("rff->rf", gram))
    size = np.where(size > NOTHING * size.max(axis=1, keepdims=True), size, np.inf)
    standard = gram / (size[:, :, None] * size[:, None, :])
    standard += RIDGE * np.eye(features.shape[2])
    return np.asarray(np.linalg.solve(standard, (toward / size)[:, :, None])[:, :, 0] / size)
