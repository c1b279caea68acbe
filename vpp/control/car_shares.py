"""The part of the surplus that each car gets above what it must have."""

import numpy as np

from vpp.control.cars import Wishes
from vpp.control.state import AssetMemory
from vpp.domain.arrays import Bools, Floats

SHARE_HOLD_S = 30.0
"""How long a part of the surplus is kept before it is changed for a better one."""
SHARE_STEP_PART = 0.1
NEAR_HOLD_S = 300.0
"""How long one that is nearly right is."""
SPARE_STEP_H = 1.0
"""Cars whose times to spare are as near as that share alike, so that they do not swap all the time.
"""


def shares(
    wanted: Wishes,
    memory: AssetMemory,
    surplus_kw: float,
    storage: tuple[float, float],
    now_s: float,
) -> Floats:
    """Part of the surplus for each car, kW, shape (assets,).

    Before storage where that is worth more, else what storage leaves; and first the car that could
    wait least.

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
    spare = _spare_steps(wanted)
    extra, given_kw = _given(span_kw, before, left_kw, spare)
    rest, _ = _given(span_kw, ~before, left_kw - given_kw - takes_kw, spare)
    return _held(extra + rest, span_kw, memory, now_s)


def _spare_steps(wanted: Wishes) -> Floats:
    """Time beyond what each car needs at its greatest power until it leaves, in whole steps."""
    needs_h = wanted.left_kwh / np.where(wanted.top_kw > 0, wanted.top_kw, np.inf)
    return np.asarray(np.floor((wanted.stay_h - needs_h) / SPARE_STEP_H))


def _given(span_kw: Floats, group: Bools, left_kw: float, spare: Floats) -> tuple[Floats, float]:
    """Those with the least to spare first, those with the same pro rata."""
    asked, found = np.where(group, span_kw, 0.0), np.zeros_like(span_kw)
    left_kw, total_kw = max(left_kw, 0.0), 0.0
    for step in np.unique(spare[asked > 0]):
        of = np.where(spare == step, asked, 0.0)
        room_kw = float(of.sum())
        given_kw = min(left_kw, room_kw)
        found += of * (given_kw / room_kw)
        left_kw, total_kw = left_kw - given_kw, total_kw + given_kw
    return found, total_kw


def _held(part_kw: Floats, span_kw: Floats, memory: AssetMemory, now_s: float) -> Floats:
    """The share given before while it is nearly right.

    So that cars are not told something new every tick. One that somebody had a say on begins anew.
    """
    before_kw = memory.share_kw
    near = np.abs(part_kw - before_kw) <= SHARE_STEP_PART * span_kw
    age_s = now_s - memory.told_s
    near &= age_s < NEAR_HOLD_S
    young = age_s < SHARE_HOLD_S
    keeps = (span_kw > 0) & (near | (young & (part_kw > before_kw))) & ~memory.directed
    return np.where(keeps, np.minimum(before_kw, span_kw), part_kw)
