"""The part of the surplus that each car gets above what it must have."""

import numpy as np

from vpp.control.cars import Wishes
from vpp.control.state import AssetMemory
from vpp.domain.arrays import Bools, Floats

SHARE_HOLD_S = 30.0
"""How long a part of the surplus is kept before it is changed for a better one."""
SHARE_STEP_PART = 0.1


def shares(
    wanted: Wishes,
    memory: AssetMemory,
    surplus_kw: float,
    storage: tuple[float, float],
    now_s: float,
) -> Floats:
    """Part of the surplus for each car, kW, shape (assets,).

    Before storage where that is worth more, else what storage leaves.

    Args:
        wanted: What the cars should get.
        memory: Of the tick before.
        surplus_kw: Power that is certainly left over without cars and storages; 0 or more.
        storage: What a kWh put into storage now is worth, and how much power storage can take.
        now_s: City monotonic.
    """
    span_kw = np.maximum(wanted.most_kw - wanted.least_kw, 0.0)
    left_kw = surplus_kw - float(wanted.least_kw.sum())
    worth, takes_kw = storage
    before = wanted.worth >= worth
    extra, given_kw = _given(span_kw, before, left_kw)
    rest, _ = _given(span_kw, ~before, left_kw - given_kw - takes_kw)
    return _held(extra + rest, span_kw, memory, now_s)


def _given(span_kw: Floats, group: Bools, left_kw: float) -> tuple[Floats, float]:
    asked = np.where(group, span_kw, 0.0)
    room_kw = float(asked.sum())
    given_kw = min(max(left_kw, 0.0), room_kw)
    return asked * (given_kw / room_kw if room_kw > 0 else 0.0), given_kw


def _held(part_kw: Floats, span_kw: Floats, memory: AssetMemory, now_s: float) -> Floats:
    """The share given before while it is nearly right.

    So that cars are not told something new every tick.
    """
    before_kw = memory.share_kw
    near = np.abs(part_kw - before_kw) <= SHARE_STEP_PART * span_kw
    young = now_s - memory.told_s < SHARE_HOLD_S
    keeps = (span_kw > 0) & (near | (young & (part_kw > before_kw)))
    return np.where(keeps, np.minimum(before_kw, span_kw), part_kw)
