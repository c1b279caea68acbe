"""The door: what is finite but impossible does not come in.

A rejected value is SUSPECT and the last good one is kept beside it. A counter that jumped is
believed again once it has gone on plausibly from its new level.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vpp.control.cells import Cells
from vpp.domain.arrays import Bools, Floats, Ints
from vpp.domain.assets import Asset, Load
from vpp.domain.ids import AssetId, NodeId
from vpp.domain.network import Meter
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio

ASSET_MARGIN = 1.2
"""Of the rating; more is no measurement."""
METER_MARGIN = 1.5
"""Of the sum of what is rated beneath a meter; ratings of loads are estimates."""
SOC_TOLERANCE = 0.005
"""Rounding of devices beyond 0 and 1; within it the value counts as the end itself."""
COUNTER_TOLERANCE_KWH = 1.0
CENTURY_H = 876_600.0
"""At full power for so long: no counter shows more."""
SETTLED_ROUNDS = 3
"""Plausible rounds after which a counter is believed at its new level."""
_COUNTERS = (Quantity.ENERGY_IN_KWH, Quantity.ENERGY_OUT_KWH)
_MAGNITUDES = (Quantity.LIMIT_CHARGE_KW, Quantity.LIMIT_DISCHARGE_KW, Quantity.AVAILABLE_KWH)


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """What each cell may hold; arrays of shape (cells + 1,)."""

    lo: Floats
    hi: Floats
    counter_kw: Floats
    """How fast a counter may rise; NaN where the cell is none."""
    soc: Bools
    may_be_nan: Bools
    """A setpoint read back is NaN while the device holds none."""


def bounds_of(portfolio: Portfolio, cells: Cells) -> Bounds:
    size = len(cells.all) + 1
    lo, hi = np.full(size, -np.inf), np.full(size, np.inf)
    counter_kw = np.full(size, np.nan)
    soc, may_be_nan = np.zeros(size, bool), np.zeros(size, bool)
    most_kw = {**_rated(portfolio), **_beneath_meters(portfolio)}
    for index, cell in enumerate(cells.all):
        bound_kw = most_kw[cell.point.subject]
        match cell.point.quantity:
            case Quantity.POWER_KW:
                lo[index], hi[index] = -bound_kw, bound_kw
            case Quantity.AVAILABLE_KW:
                lo[index], hi[index] = 0.0, bound_kw
            case Quantity.SOC:
                lo[index], hi[index] = -SOC_TOLERANCE, 1.0 + SOC_TOLERANCE
                soc[index] = True
            case Quantity.SETPOINT_KW:
                may_be_nan[index] = True
            case quantity if quantity in _COUNTERS:
                lo[index], hi[index], counter_kw[index] = 0.0, CENTURY_H * bound_kw, bound_kw
            case quantity if quantity in _MAGNITUDES:
                lo[index] = 0.0
    return Bounds(lo, hi, counter_kw, soc, may_be_nan)


def rating_kw(asset: Asset) -> float:
    """The largest power an asset is rated for, magnitude."""
    return max(abs(asset.rated.lo_kw), abs(asset.rated.hi_kw))


def _rated(portfolio: Portfolio) -> Mapping[str, float]:
    return {
        asset.id: (METER_MARGIN if isinstance(asset, Load) else ASSET_MARGIN) * rating_kw(asset)
        for asset in portfolio.assets.values()
    }


def _beneath_meters(portfolio: Portfolio) -> Mapping[str, float]:
    return {
        meter.id: METER_MARGIN * _beneath_kw(portfolio, meter) or np.inf
        for meter in portfolio.meters.values()
    }


def _beneath_kw(portfolio: Portfolio, meter: Meter) -> float:
    beneath = meter.assets if meter.node is None else _assets_beneath(portfolio, meter.node)
    return sum(rating_kw(portfolio.assets[asset]) for asset in beneath)


def _assets_beneath(portfolio: Portfolio, node: NodeId) -> tuple[AssetId, ...]:
    nodes = {*portfolio.subtree(node)}
    return tuple(
        asset
        for site in portfolio.sites.values()
        if site.node in nodes
        for asset in portfolio.assets_of_site[site.id]
    )


class CounterWatch:
    """Tells a counter that jumped from one that was replaced or reset."""

    def __init__(self, bounds: Bounds) -> None:
        self._rate_kw = bounds.counter_kw
        self._new_level: dict[int, tuple[float, float, int]] = {}
        """By cell: newest value and time at the new level, and for how many rounds it went on."""

    def jumped(self, cells: Ints, values: Floats, last: Floats, elapsed_s: Floats) -> Bools:
        """Which of these values cannot follow their cell's last good one, shape (values,)."""
        rate_kw = self._rate_kw[cells]
        rise = values - last
        most = rate_kw * np.maximum(elapsed_s, 0.0) / 3600.0 + COUNTER_TOLERANCE_KWH
        found: Bools = np.isfinite(rate_kw) & np.isfinite(rise) & ((rise < -1e-6) | (rise > most))
        return found

    def believed(self, cell: int, value: float, measured_s: float) -> bool:
        """Whether a jumped counter has gone on plausibly from its new level for long enough."""
        value_before, before_s, rounds = self._new_level.get(cell, (value, measured_s, 0))
        most = self._rate_kw[cell] * max(measured_s - before_s, 0.0) / 3600.0
        goes_on = 0.0 <= value - value_before <= most + COUNTER_TOLERANCE_KWH
        rounds = rounds + 1 if goes_on else 1
        if rounds >= SETTLED_ROUNDS:
            self._new_level.pop(cell, None)
            return True
        self._new_level[cell] = (value, measured_s, rounds)
        return False
