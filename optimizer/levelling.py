"""Powers of storages that bring them to a common level of hours left."""

import numpy as np

from vpp.domain.arrays import Floats


def levelled(
    total_kw: float, left_h: Floats, limit_kw: Floats, low_kw: Floats, high_kw: Floats, h: float
) -> Floats:
    """Split a power: most hours left first, levelled; equal storages get equal parts.

    Args:
        total_kw: To be split; what is beyond all ``high_kw`` (or below all ``low_kw``) stays.
        left_h: Hours that each could go on at its limit.
        limit_kw: Magnitude; one hour left is used up by the limit held for an hour.
        low_kw: Least of each, from 0.
        high_kw: Most of each, not below the least.
        h: How long the power is held.
    """
    if high_kw.sum() <= total_kw:
        return high_kw
    if low_kw.sum() >= total_kw:
        return low_kw
    rate = np.maximum(limit_kw, 1e-9) / h
    bends = np.concatenate([left_h - low_kw / rate, left_h - high_kw / rate])
    order = np.argsort(-bends, kind="stable")
    bends, slope = bends[order], np.cumsum(np.concatenate([rate, -rate])[order])
    steps = np.concatenate([[0.0], np.cumsum(slope[:-1] * -np.diff(bends))])
    at = int(np.searchsorted(low_kw.sum() + steps, total_kw, side="right")) - 1
    level = bends[at] - (total_kw - low_kw.sum() - steps[at]) / max(slope[at], 1e-12)
    return np.asarray(np.clip((left_h - level) * rate, low_kw, high_kw))
