"""Limits over sums of assets as rows.

Grid nodes one beneath the other, and ratings that assets of one device share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vpp.domain.arrays import Bools, Floats, Ints

NONE = -1


def totals(at: Ints, weights: Floats, count: int) -> Floats:
    """Sum of the weights at each of ``count`` places."""
    return np.asarray(np.bincount(at, weights=weights, minlength=count), dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """A tree of rows over the assets of a pool: row 0 is the pool, parents stand before children.

    Every asset lies in one innermost row and so in all rows above it.
    """

    names: tuple[str, ...]
    parent: Ints
    """Shape (rows,); -1 for the pool."""
    asset_row: Ints
    """Innermost row of each asset, shape (assets,)."""
    import_kw: Floats
    """Most that may flow in, shape (rows,); infinite where nothing is stated."""
    export_kw: Floats

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def depth(self) -> Ints:
        """Steps from the pool, shape (rows,)."""
        depth = np.zeros(len(self), dtype=np.int64)
        for row in range(1, len(self)):
            depth[row] = depth[self.parent[row]] + 1
        return depth

    @cached_property
    def paths(self) -> tuple[tuple[int, ...], ...]:
        """Rows from each one up to the pool, itself first."""
        paths: list[tuple[int, ...]] = []
        for row in range(len(self)):
            above = self.parent[row]
            paths.append((row, *paths[above]) if above != NONE else (row,))
        return tuple(paths)

    @cached_property
    def chain(self) -> Ints:
        """Rows that hold each asset, by depth from the pool; -1 beyond the innermost.

        Shape (depths, assets).
        """
        depths = int(self.depth.max()) + 1
        chain = np.full((depths, len(self.asset_row)), NONE, dtype=np.int64)
        for asset, row in enumerate(self.asset_row):
            for above in self.paths[row]:
                chain[self.depth[above], asset] = above
        return chain

    @cached_property
    def _holds(self) -> Bools:
        """Where the chain names a row, of its shape."""
        return np.asarray(self.chain != NONE)

    @cached_property
    def _flat(self) -> tuple[Ints, Ints]:
        at, assets = np.nonzero(self._holds)
        return self.chain[at, assets], assets

    @cached_property
    def _levels(self) -> tuple[tuple[Ints, Ints, Ints], ...]:
        """Rows by depth, the deepest first; those of them that have a parent, and their parents."""
        levels = (np.flatnonzero(self.depth == d) for d in range(int(self.depth.max()), -1, -1))
        inner = ((rows, rows[self.parent[rows] != NONE]) for rows in levels)
        return tuple((rows, below, self.parent[below]) for rows, below in inner)

    def sums(self, values: Floats) -> Floats:
        """Sum of an asset array over each row, shape (rows,)."""
        row, asset = self._flat
        return totals(row, values[asset], len(self))

    def below(self, marked: Bools) -> Bools:
        """Assets that lie in any marked row, shape (assets,)."""
        return np.asarray((marked[self.chain] & self._holds).any(axis=0))

    def least(self, of_rows: Floats, start: float = np.inf) -> Floats:
        """Least value over the rows that hold each asset, shape (assets,)."""
        held = np.where(self._holds, of_rows[self.chain], start)
        return np.asarray(held.min(axis=0))

    def gathered(self, own: Floats, known: Floats) -> Floats:
        """Value of each row from the bottom up.

        ``known`` where it is a number, else ``own`` plus its children's.
        """
        total = own.copy()
        for rows, inner, above in self._levels:
            total[rows] = np.where(np.isnan(known[rows]), total[rows], known[rows])
            np.add.at(total, above, total[inner])
        return total

    def reach(
        self, lo_kw: Floats, hi_kw: Floats, least_kw: Floats, most_kw: Floats
    ) -> tuple[Floats, Floats]:
        """What the assets under each row can sum up to.

        Their ranges and the bounds of all rows below counted.

        Where a row's bounds cannot be met, its end nearest to them.

        Args:
            lo_kw: Lower end of each asset, shape (assets,).
            hi_kw: Upper end of each asset.
            least_kw: Lower bound on the sum in each row, shape (rows,).
            most_kw: Upper bound on the sum in each row.
        """
        count = len(self)
        low = totals(self.asset_row, lo_kw, count)
        high = totals(self.asset_row, hi_kw, count)
        for rows, inner, above in self._levels:
            bottom, top = low[rows], high[rows]
            high[rows] = np.minimum(np.maximum(most_kw[rows], bottom), top)
            least = np.minimum(np.maximum(least_kw[rows], bottom), top)
            low[rows] = np.minimum(least, high[rows])
            np.add.at(low, above, low[inner])
            np.add.at(high, above, high[inner])
        return low, high


@dataclass(frozen=True, kw_only=True, eq=False)
class PhaseRows:
    """Limits in A per phase of the nodes that state one.

    Three rows each, in the order L1, L2, L3.
    """

    node_row: Ints
    """Row of the node that each one belongs to, shape (phase rows,)."""
    limit_a: Floats
    member_row: Ints
    """Phase row of each membership, shape (memberships,)."""
    member: Ints
    """Asset of each membership."""
    a_per_kw: Floats
    """Current on the phase per kW of the asset."""

    def __len__(self) -> int:
        return len(self.limit_a)

    def sums(self, values_kw: Floats) -> Floats:
        """Current of the assets on each phase, A, shape (phase rows,)."""
        weights = values_kw[self.member] * self.a_per_kw
        return totals(self.member_row, weights, len(self))

    def least(self, of_rows: Floats, assets: int) -> Floats:
        """Least value over the phase rows that hold each asset, shape (assets,).

        Infinite for an asset in none.
        """
        found = np.full(assets, np.inf)
        np.minimum.at(found, self.member, of_rows[self.member_row])
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Currents:
    """Current that steered assets may sum up to on each phase, A, shape (phase rows,).

    Positive is import; NaN where the phase is not measured.
    """

    least_a: Floats
    most_a: Floats

    def bounded(self, held_a: Floats) -> "Currents":
        """With the phases that nobody measures: what flows there may only become less."""
        return Currents(
            least_a=np.where(np.isnan(self.least_a), np.minimum(held_a, 0.0), self.least_a),
            most_a=np.where(np.isnan(self.most_a), np.maximum(held_a, 0.0), self.most_a),
        )


def tree(
    names: Sequence[str],
    parents: Sequence[int],
    asset_row: Sequence[int],
    limits_kw: Sequence[tuple[float, float]],
) -> Rows:
    """Rows from lists; limits are (import, export) magnitudes."""
    return Rows(
        names=tuple(names),
        parent=np.array(parents, dtype=np.int64),
        asset_row=np.array(asset_row, dtype=np.int64),
        import_kw=np.array([most for most, _ in limits_kw]),
        export_kw=np.array([most for _, most in limits_kw]),
    )
