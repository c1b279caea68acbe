"""Unmetered load: what its node's meter sees and nothing else at that node explains."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vpp.control.cells import Cells
from vpp.control.power_trace import PowerTrace
from vpp.domain.arrays import Floats, Ints, frozen, frozen_ints
from vpp.domain.assets import Load
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.quality import Quality
from vpp.domain.snapshot import Column


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """The unmetered loads of one site."""

    loads: Ints
    shares: Floats
    """Of the residual; by rating where there are several."""
    terms: Ints
    """Metered assets of the site."""
    meters: Ints
    """Of its connection, the primary one first."""


class Residuals:
    """Fills the power of loads that no device measures."""

    def __init__(self, portfolio: Portfolio, cells: Cells) -> None:
        self._groups = tuple(_groups(portfolio, cells))
        lengths = [len(group.terms) for group in self._groups]
        self._group_of_term = frozen_ints(np.repeat(np.arange(len(lengths)), lengths))
        terms = [group.terms for group in self._groups]
        self._terms = frozen_ints(np.concatenate(terms) if terms else [])

    def fill(self, assets: Column, meters: Column, trace: PowerTrace, rows: Ints) -> Column:
        """The column of asset power with the residuals in it.

        Taken at each meter's own time; with the worst quality and the oldest time of its terms.
        ``rows``: where ``trace`` holds each asset's power, shape (assets,).
        """
        if not self._groups:
            return assets
        chosen = np.array([_best(group.meters, meters) for group in self._groups])
        when_s = meters.measured_s[chosen]
        explained_kw = trace.at(rows[self._terms], when_s[self._group_of_term])
        residual_kw = meters.values[chosen] - np.bincount(
            self._group_of_term, weights=explained_kw, minlength=len(self._groups)
        )
        quality, oldest_s = meters.quality[chosen].copy(), when_s.copy()
        np.maximum.at(quality, self._group_of_term, assets.quality[self._terms])
        np.minimum.at(oldest_s, self._group_of_term, assets.measured_s[self._terms])
        quality[np.isnan(residual_kw)] = Quality.MISSING
        return self._scattered(assets, residual_kw, quality, oldest_s)

    def _scattered(
        self, assets: Column, residual_kw: Floats, quality: npt.NDArray[np.uint8], oldest_s: Floats
    ) -> Column:
        values, qualities, measured_s = (
            assets.values.copy(), assets.quality.copy(), assets.measured_s.copy()
        )  # fmt: skip
        for i, group in enumerate(self._groups):
            values[group.loads] = residual_kw[i] * group.shares
            qualities[group.loads] = quality[i]
            measured_s[group.loads] = oldest_s[i]
        return replace(assets, values=values, quality=qualities, measured_s=measured_s)


def _groups(portfolio: Portfolio, cells: Cells) -> list[_Group]:
    asset_at = {asset: i for i, asset in enumerate(portfolio.assets)}
    meter_at = {meter: i for i, meter in enumerate(portfolio.meters)}
    choice = cells.assets.get(Quantity.POWER_KW)
    measured = set() if choice is None else set(np.flatnonzero(choice.ranked[0] < cells.none))
    found = []
    for site in portfolio.sites.values():
        members = portfolio.assets_of_site[site.id]
        meters = portfolio.meters_of_node[site.node]
        loads = [
            load
            for asset in members
            if isinstance(load := portfolio.assets[asset], Load) and asset_at[asset] not in measured
        ]
        if not loads or not meters:
            continue
        rated_kw = np.array([load.max_kw for load in loads])
        found.append(
            _Group(
                loads=frozen_ints([asset_at[load.id] for load in loads]),
                shares=frozen(rated_kw / rated_kw.sum()),
                terms=frozen_ints([asset_at[a] for a in members if asset_at[a] in measured]),
                meters=frozen_ints([meter_at[meter] for meter in meters]),
            )
        )
    return found


def _best(candidates: Ints, meters: Column) -> int:
    """The first meter of the best quality."""
    return int(candidates[np.argmin(meters.quality[candidates])])
