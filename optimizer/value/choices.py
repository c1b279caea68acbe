"""What can be chosen in each step of the programme, and what each choice costs.

A choice leads to a grid power and an energy. Its cost is that of the step, and the later cost that
is read there between the points of axis and levels. Where and with which weights it is read is
worked out for all steps at once, so that the recursion over the steps only reads.
"""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from optimizer.value.bucket import Bucket
from optimizer.value.error_chain import states
from optimizer.value.steps import Steps
from vpp.domain.arrays import Floats

NEVER = 1e30
"""Cost of what cannot be done."""
EXCESS = 100.0
"""Weight of import beyond a rating over the dearest import: only where nothing else is left."""

Read = Callable[[int, Floats], Floats]
"""From a step and the later cost, shape (powers, errors, levels): cost in the same shape."""
Lower = Callable[[int, Floats, Floats], None]
"""From a step and the later cost: lowers the costs at the points of the axis, which come third."""


def to_points(steps: Steps, bucket: Bucket, axis_kw: Floats, levels: int, errors: int) -> Read:
    """Bringing the grid to each point of the axis, ramps not counted."""
    hours = steps.hours[:, None, None]
    power_kw = axis_kw[:, None] - _nets_kw(steps, errors)[:, None]
    shift = bucket.gained_kwh(power_kw, hours) * ((levels - 1) / bucket.capacity_kwh)
    shift = np.clip(shift, -levels, levels - 1)
    whole = np.floor(shift)
    part = (shift - whole)[..., None]
    barred = (power_kw > bucket.charge_kw) | (power_kw < -bucket.discharge_kw)
    own = _cost(steps, np.broadcast_to(axis_kw[:, None], (len(steps), len(axis_kw), 1)))
    cost = (own + np.where(barred, NEVER, 0.0))[..., None]
    padded = np.full((len(axis_kw), errors, 3 * levels + 1), NEVER)
    begin = np.arange(errors * len(axis_kw)).reshape(-1, errors) * padded.shape[-1]
    begin = begin + levels + whole.astype(np.intp)
    windows = sliding_window_view(padded.reshape(-1), levels + 1)

    def read(step: int, later: Floats) -> Floats:
        padded[:, :, levels : 2 * levels] = later
        near = windows[begin[step]]
        found = near[:, :, 1:] - near[:, :, :-1]
        found *= part[step]
        found += near[:, :, :-1]
        found += cost[step]
        return np.asarray(found)

    return read


def utmost(steps: Steps, bucket: Bucket, axis_kw: Floats, levels: int, errors: int) -> Lower:
    """Letting utmost discharge and charge, which lie between two points, count at both of them.

    With the ramp from there to the point their cost is exact for every grid power before.
    """
    energy_kwh = np.linspace(0.0, bucket.capacity_kwh, levels)
    hours = steps.hours[:, None]
    both = bucket.least_kw(energy_kwh, hours), bucket.most_kw(energy_kwh, hours)
    power_kw = np.stack(both, axis=1)[:, None]
    after_kwh = energy_kwh + bucket.gained_kwh(power_kw, hours[:, None, None])
    place = after_kwh * ((levels - 1) / bucket.capacity_kwh)
    level = np.clip(place.astype(np.intp), 0, levels - 2)
    part = np.clip(place - level, 0.0, 1.0)
    grid_kw = _nets_kw(steps, errors)[:, :, None, None] + power_kw
    point = np.clip(np.searchsorted(axis_kw, grid_kw, side="right") - 1, 0, len(axis_kw) - 2)
    below, above = axis_kw[point], axis_kw[point + 1]
    along = np.clip((grid_kw - below) / (above - below), 0.0, 1.0)
    first = (np.arange(errors)[:, None, None] + errors * point) * levels
    above_it = errors * levels
    corners = np.stack(
        [first + level + corner for corner in (0, 1, above_it, above_it + 1)], axis=1
    )
    weights = np.stack([p * e for p in (1.0 - along, along) for e in (1.0 - part, part)], axis=1)
    own = _cost(steps, grid_kw)
    ramp = steps.costs.ramp_weight[:, None, None, None]
    costs = own + ramp * np.abs(grid_kw - below), own + ramp * np.abs(grid_kw - above)
    at = first + np.arange(levels), first + above_it + np.arange(levels)

    def lower(step: int, later: Floats, cost: Floats) -> None:
        there = (later.reshape(-1)[corners[step]] * weights[step]).sum(axis=0)
        flat = cost.reshape(-1)
        for places, extra in zip(at, costs, strict=True):
            total = there + extra[step]
            for side in (0, 1):
                here = places[step, :, side]
                flat[here] = np.minimum(flat[here], total[:, side])

    return lower


def _nets_kw(steps: Steps, errors: int) -> Floats:
    """Net in each error state, shape (steps, errors)."""
    return np.asarray(steps.net_kw[:, None] + steps.spread_kw[:, None] * states(errors))


def _cost(steps: Steps, grid_kw: Floats) -> Floats:
    """Of grid powers in each step, ramps not counted, shape (steps, ...)."""
    step = np.arange(len(steps)).reshape(-1, *(1,) * (grid_kw.ndim - 1))
    beyond = np.maximum(grid_kw - steps.import_kw[step], 0.0)
    beyond += np.maximum(-grid_kw - steps.export_kw[step], 0.0)
    dearest = EXCESS * float(np.abs(steps.costs.import_weight).max())
    return np.asarray(steps.hours[step] * (steps.costs.rate(step, grid_kw) + dearest * beyond))
