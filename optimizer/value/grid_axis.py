"""At which grid powers later cost is worked out: finest where the pool mostly is."""

import numpy as np

from optimizer.value.bucket import Bucket
from optimizer.value.steps import Steps
from vpp.domain.arrays import Floats

FINE = 20
"""Steps of the lattice from 0 to the greatest net that is expected."""
COARSE = 3
"""Least number of those steps from point to point where the pool seldom is: when it exports, and
beyond that net."""
SELDOM = 7
"""Most points on either of these sides."""
FAR = 2.5
"""Standard deviations of the forecast's error that the axis covers."""
ROUND = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
"""Lengths of a step, times a power of ten."""
LEAST_KW = 1e-3


def grid_axis(steps: Steps, bucket: Bucket, before_kw: float) -> Floats:
    """Grid powers in kW, rising, 0 and every peak threshold among them.

    They lie on a lattice of round numbers: where the tick holds one of them, the next plan has it
    too, and does not move the pool for nothing.

    Args:
        steps: With the net that is expected.
        bucket: Which can go on charging when nothing else asks for power.
        before_kw: Mean grid power of the slot before the horizon; NaN where it is not known.
    """
    before = 0.0 if np.isnan(before_kw) else before_kw
    low_kw = steps.net_kw - FAR * steps.spread_kw
    high_kw = steps.net_kw + FAR * steps.spread_kw
    lowest = min(float(low_kw.min()), before, -LEAST_KW)
    usual = max(float(steps.net_kw.max()), before, LEAST_KW)
    highest = max(float(high_kw.max()), usual) + _bought_kw(steps, bucket)
    step = _rounded_up(usual / FINE)
    fine = np.arange(0.0, usual + step, step)
    export, beyond = (
        max(COARSE * step, _rounded_up(max(reach, LEAST_KW) / SELDOM))
        for reach in (-lowest, highest - usual)
    )
    threshold = np.unique(steps.costs.peak_threshold_kw)
    points = np.concatenate(
        [
            -np.arange(export, -lowest + export, export)[::-1],
            fine,
            np.arange(fine[-1] + beyond, highest + beyond, beyond),
            threshold[(threshold > 0) & (threshold < highest)],
        ]
    )
    return np.unique(points)


def _rounded_up(length: float) -> float:
    power = 10.0 ** np.floor(np.log10(length))
    return float(next(one for one in ROUND if one * power >= length * (1.0 - 1e-9)) * power)


def _bought_kw(steps: Steps, bucket: Bucket) -> float:
    """Charging from the grid pays only where import weighs unlike."""
    weight = steps.costs.import_weight
    pays = float(weight.min()) < float(weight.max()) * bucket.eta_charge * bucket.eta_discharge
    return bucket.charge_kw if pays else 0.0
