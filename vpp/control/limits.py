"""Bounds on the net of every row.

Ratings outermost, inside them the grid operator's and others' proposals, the plan's bands, the
parent's band.
"""

from datetime import datetime

import numpy as np

from vpp.control.arbiter import Verdict
from vpp.control.compiled import CompiledPool
from vpp.control.inputs import Handed
from vpp.control.sharing import Bounds
from vpp.domain.arrays import Floats
from vpp.domain.plan import Plan


def row_bounds(pool: CompiledPool, verdict: Verdict, handed: Handed) -> Bounds:
    """Least and most net of each row, shape (rows,).

    Where bounds do not meet, the end of the outer one nearest to them.
    """
    count = len(pool.rows)
    least, most = np.full(count, -np.inf), np.full(count, np.inf)
    least[0], most[0] = handed.lo_kw, handed.hi_kw
    nets = _inside(Bounds(least_kw=-pool.rows.export_kw, most_kw=pool.rows.import_kw), least, most)
    return _inside(nets, verdict.row_lo_kw, verdict.row_hi_kw)


def around_wish(pool: CompiledPool, verdict: Verdict, handed: Handed) -> tuple[float, float]:
    """Least and most net of the pool around a power that is wished of it."""
    (least,), (most,) = (side[:1] for side in verdict.row_around_kw)
    rows = pool.rows
    return (
        max(float(least), handed.lo_kw, -float(rows.export_kw[0])),
        min(float(most), handed.hi_kw, float(rows.import_kw[0])),
    )


def followed_bounds(nets: Bounds, around_kw: tuple[float, float], trim_kw: float) -> Bounds:
    """The bounds with a power that the pool is held to shifted by the slow correction.

    Only inside the bounds around it, which hold for what is told, however that is followed.
    """
    least, most = nets.least_kw.copy(), nets.most_kw.copy()
    if least[0] == most[0] and around_kw[0] < most[0] < around_kw[1]:
        least[0] = most[0] = np.clip(most[0] + trim_kw, *around_kw)
    return Bounds(least_kw=least, most_kw=most)


def planned_bounds(pool: CompiledPool, nets: Bounds, plan: Plan | None, at: datetime) -> Bounds:
    """The bounds with the plan's bands of the running slot inside them."""
    slot = plan.grid.index(at) if plan is not None else None
    if plan is None or slot is None:
        return nets
    least, most = np.full(len(pool.rows), -np.inf), np.full(len(pool.rows), np.inf)
    for band in plan.bands:
        row = pool.row_of_node.get(band.node)
        if row is not None:
            least[row], most[row] = band.lo_kw[slot], band.hi_kw[slot]
    return _inside(nets, least, most)


def _inside(outer: Bounds, least: Floats, most: Floats) -> Bounds:
    return Bounds(
        least_kw=np.minimum(np.maximum(least, outer.least_kw), outer.most_kw),
        most_kw=np.minimum(np.maximum(most, outer.least_kw), outer.most_kw),
    )
