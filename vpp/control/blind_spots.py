"""What is not measured now.

The last good value, widened with age to the forecast's band, and the static worst case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.sight import Sight
from vpp.control.state import RowMemory
from vpp.domain.arrays import Bools, Floats
from vpp.domain.forecast import HIGH, LOW, Forecast
from vpp.domain.ids import SiteId
from vpp.domain.points import Quantity


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rest:
    """Everything uncontrolled that meters may miss."""

    lo_kw: Floats
    """Power of each uncontrolled asset, measured or at its worst, shape (assets,).

    0 for controlled ones.
    """
    hi_kw: Floats
    fall_kw: Floats
    """How much further than its meter sees it now an asset that cannot be trusted may go.

    From its measured power; where that is not known, from the other end of its range: what a meter
    sees may be a car that has just paused, or a battery that has turned round. Shape (assets,).
    """
    rise_kw: Floats
    band_lo_kw: Floats
    """What the residual of a row may be, shape (rows,); only where it is needed.

    Loads and sun by forecast, and what no forecast of a site has: the batteries and cars that
    nobody steers, measured or at their worst.
    """
    band_hi_kw: Floats
    freshness_s: float


def rest(
    pool: CompiledPool,
    sight: Sight,
    controlled: Bools,
    doubtful: Bools,
    freshness_s: float,
    band: tuple[Floats, Floats],
) -> Rest:
    """Power of what is not controlled.

    Args:
        pool: The pool.
        sight: What this tick sees.
        controlled: Assets whose power this tick decides.
        doubtful: Assets that refuse, do not obey or are not heard: they count at their worst case.
        freshness_s: The freshness limit.
        band: Of ``forecast_band``.
    """
    good = sight.power.good & ~doubtful
    lo = np.where(good, sight.power.values, pool.lo_kw)
    hi = np.where(good, sight.power.values, pool.hi_kw)
    most = np.where(sight.power.good, sight.power.values, pool.hi_kw)
    least = np.where(sight.power.good, sight.power.values, pool.lo_kw)
    free = doubtful & ~controlled
    beside = (pool.battery | pool.car) & ~controlled
    return Rest(
        lo_kw=np.where(controlled, 0.0, lo),
        hi_kw=np.where(controlled, 0.0, hi),
        fall_kw=np.where(free, np.minimum(pool.lo_kw - most, 0.0), 0.0),
        rise_kw=np.where(free, np.maximum(pool.hi_kw - least, 0.0), 0.0),
        band_lo_kw=band[0] + pool.rows.sums(np.where(beside, lo, 0.0)),
        band_hi_kw=band[1] + pool.rows.sums(np.where(beside, hi, 0.0)),
        freshness_s=freshness_s,
    )


def widened(memory: RowMemory, usable: Bools, around: Rest, now_s: float) -> tuple[Floats, Floats]:
    """The last good residual, widened to reach the forecast's band at three freshness limits.

    NaN where it is not usable.
    """
    part = np.clip((now_s - memory.good_s) / (2 * around.freshness_s), 0.0, 1.0)
    last = memory.residual_kw
    lo = last + part * (np.minimum(around.band_lo_kw, last) - last)
    hi = last + part * (np.maximum(around.band_hi_kw, last) - last)
    return np.where(usable, lo, np.nan), np.where(usable, hi, np.nan)


def forecast_band(
    pool: CompiledPool,
    forecasts: Mapping[SiteId, tuple[Forecast, ...]],
    at: datetime,
    needed: Bools,
) -> tuple[Floats, Floats]:
    """10 to 90 % of what loads less sun make of each needed row, shape (rows,).

    Where a site has no forecast, its ratings.
    """
    lo, hi = np.zeros(len(pool.rows)), np.zeros(len(pool.rows))
    wanted = set(np.flatnonzero(needed).tolist())
    if not wanted:
        return lo, hi
    for site, name in enumerate(pool.sites):
        above = wanted.intersection(pool.rows.paths[pool.site_row[site]])
        if above:
            band = _site_band(pool, site, forecasts.get(name, ()), at)
            for row in above:
                lo[row] += band[0]
                hi[row] += band[1]
    return lo, hi


def _site_band(
    pool: CompiledPool, site: int, forecasts: tuple[Forecast, ...], at: datetime
) -> tuple[float, float]:
    here = (pool.site_of == site) & ~pool.battery & ~pool.car
    load = (0.0, float(pool.hi_kw[here].sum()))
    sun = (0.0, float(-pool.lo_kw[here].sum()))
    for forecast in forecasts:
        slot = forecast.grid.index(at)
        if slot is None:
            continue
        found = float(forecast.quantile(LOW)[slot]), float(forecast.quantile(HIGH)[slot])
        if forecast.quantity is Quantity.AVAILABLE_KW:
            sun = found
        else:
            load = found
    return load[0] - sun[1], load[1] - sun[0]
