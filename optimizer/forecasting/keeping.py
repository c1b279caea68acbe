"""Fits that outlive their record and their process: the last good one stays until a better comes.

A fresh fit takes the place of the last one unless, fitted without its last week, it would have
erred clearly more there than the last one did.
"""

import numpy as np

from optimizer.forecasting.assembly import foreseen
from optimizer.forecasting.fit import Families, PanelFit
from optimizer.forecasting.fits import REFIT_DAYS, Fits, Task
from optimizer.forecasting.gates import LEAST_DAYS
from optimizer.forecasting.local_time import DAY_S
from optimizer.forecasting.written import read, written
from vpp.domain.forecast import LEARNT_SERVES
from vpp.domain.slots import SlotGrid

WORSE = 1.1
"""Ratio of errors from which a fresh fit is refused."""
ENOUGH = 0.9
"""Part of what the last fit knew, by size, that a fresh one must know."""
TRIED_EVERY_S = 6 * 3600.0
LEAST_TRIED_S = 3 * DAY_S
"""A shorter time tells nothing about which is better."""


class Keeping:
    """The best fit of each task."""

    def __init__(self, families: Families, kept: bytes | None) -> None:
        """Raises ValueError where what was kept is of no use."""
        self._families = families
        self._best: dict[str, PanelFit] = {} if kept is None else read(families, kept)
        self._refused: set[tuple[str, float]] = set()
        self._new = False

    def news(self) -> bytes | None:
        """All that is known, if that has changed since it was last asked for."""
        if not self._new:
            return None
        self._new = False
        return written(self._best)

    def better(self, task: Task, fresh: PanelFit | None, fits: Fits) -> PanelFit | None:
        """The fresh fit or the last good one, whichever is to be trusted."""
        identity = task.identity
        last = self._best.get(identity)
        age_s = 0.0 if last is None else float(task.recorded.edges_s[-1]) - last.until_s
        if not 0.0 <= age_s <= LEARNT_SERVES.total_seconds():
            last = None
        if fresh is None or not fresh.usable.any():
            return last
        if last is not None and last.until_s >= fresh.until_s:
            return last
        if last is not None:
            if (identity, fresh.until_s) in self._refused:
                return last
            if _knows_less(fresh, last) or _is_worse(task, fresh, last, fits):
                self._refused.add((identity, fresh.until_s))
                return last
        self._best[identity], self._new = fresh, True
        return fresh


def _knows_less(fresh: PanelFit, last: PanelFit) -> bool:
    """Whether it knows nothing of what was a good part of all."""
    return bool(last.size_kw @ fresh.usable < ENOUGH * (last.size_kw @ last.usable))


def _is_worse(task: Task, fresh: PanelFit, last: PanelFit, fits: Fits) -> bool:
    cut_s = max(last.until_s, fresh.until_s - REFIT_DAYS * DAY_S)
    before = task.slots_until(cut_s) * task.recorded.step_s
    if before < LEAST_DAYS * DAY_S or fresh.until_s - cut_s < LEAST_TRIED_S:
        return False
    trial = fits.until(task, cut_s)
    return _missed_kw(task, trial, cut_s, fresh.until_s) > WORSE * _missed_kw(
        task, last, cut_s, fresh.until_s
    )


def _missed_kw(task: Task, fitted: PanelFit, begin_s: float, end_s: float) -> float:
    """Mean absolute error of all series a day ahead, issued between two instants."""
    recorded, step_s = task.recorded, task.recorded.step_s
    order = [*task.panel.loads, *task.panel.plants]
    missed, count, ahead = 0.0, 0, round(DAY_S / step_s)
    for at_s in np.arange(begin_s, end_s - DAY_S + 1.0, TRIED_EVERY_S):
        now = task.slots_until(float(at_s))
        grid = SlotGrid(edges_s=recorded.edges_s[now : now + ahead + 1])
        middle, *_ = foreseen(task, fitted, recorded.before(now), grid)
        error = np.abs(middle[: len(order)] - recorded.values_kw[order, now : now + ahead])
        missed += float(np.nansum(error))
        count += int(np.isfinite(error).sum())
    return missed / max(count, 1)
