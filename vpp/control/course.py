"""Where the residual goes between being measured and being served.

A sample is old, a command takes its time, and what it says holds to the next tick. Where the
residual has a course, as on a morning, all that adds up to a lasting error; so what it lately did
in that time is added. It is learnt from the residual alone and so cannot hunt.
"""

import numpy as np

from vpp.control.scene import Scene
from vpp.domain.arrays import Floats

SETTLED_S = 900.0
"""Within about so long is made good what was late: import and export are settled in it."""

MOST_PART = 0.05
"""Of the storages' rated power: what moves further is a jump, and no course."""


def learnt(scene: Scene, residual_kw: float) -> float:
    """The course with this tick's residual counted, kW.

    Compared is what was measured with what the commands then in force were decided on.
    """
    course_kw, measured_s = scene.state.course_kw, _measured_s(scene)
    decided_s = measured_s - _delay_s(scene)
    served = [t.residual_kw for t in scene.trace[:-1] if t.time_s <= decided_s]
    if scene.sight.now_s <= decided_s or scene.ground.stale.any() or not served:
        return course_kw
    pool = scene.pool
    most_kw = MOST_PART * float(pool.rating_kw[pool.battery & scene.standing.controlled].sum())
    moved_kw = min(max(residual_kw - served[-1], -most_kw), most_kw)
    if np.isnan(moved_kw):
        return course_kw
    return course_kw + min(scene.dt_s / SETTLED_S, 1.0) * (moved_kw - course_kw)


def ahead(net_kw: float, course_kw: float) -> float:
    """The net to serve, further on its course, but never across zero."""
    there_kw = net_kw + course_kw
    return max(there_kw, 0.0) if net_kw > 0 else min(there_kw, 0.0)


def _measured_s(scene: Scene) -> float:
    """When the residual that this tick sees was measured."""
    rows = scene.sight.net.good & np.isfinite(scene.measured_s)
    return float(scene.measured_s[rows].mean()) if rows.any() else -np.inf


def _delay_s(scene: Scene) -> float:
    """From a tick to the effect of its commands, as it lately was."""
    pool = scene.pool
    steered = scene.standing.controlled & pool.battery
    if not steered.any():
        return 0.0
    return float(np.median(_queued_s(scene)[steered] + pool.dead_s[steered]))


def _queued_s(scene: Scene) -> Floats:
    """How long the newest command of each asset that has left took to leave."""
    left_s = np.array([t.left_s for t in scene.trace])
    late_s = left_s - np.array([t.told_s for t in scene.trace])
    known = np.isfinite(late_s)
    at = len(late_s) - 1 - known[::-1].argmax(axis=0)
    return np.where(known.any(axis=0), late_s[at, np.arange(late_s.shape[1])], 0.0)
