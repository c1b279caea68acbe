"""Series of the same slots as rows of loads and of plants, and below them the sums of groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vpp.domain.arrays import Bools, Floats
from vpp.domain.forecast import Group, Series
from vpp.domain.points import Quantity

ENOUGH = 0.5
"""Part of a group, by size, of which something must be known for its sum to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """A group: positions of its members among the loads and among the plants."""

    subject: str
    loads: tuple[int, ...]
    plants: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Positions are those in the sequence of series."""

    loads: tuple[int, ...]
    plants: tuple[int, ...]
    nets: tuple[Net, ...]

    @classmethod
    def of(cls, series: Sequence[Series], groups: Sequence[Group]) -> "Panel":
        loads, plants = (
            tuple(at for at, one in enumerate(series) if one.quantity is quantity)
            for quantity in (Quantity.POWER_KW, Quantity.AVAILABLE_KW)
        )

        def rows(places: tuple[int, ...], group: Group) -> tuple[int, ...]:
            return tuple(
                row for row, at in enumerate(places) if series[at].subject in group.members
            )

        nets = (
            Net(subject=group.subject, loads=rows(loads, group), plants=rows(plants, group))
            for group in groups
        )
        return cls(
            loads=loads, plants=plants, nets=tuple(net for net in nets if net.loads or net.plants)
        )

    def members(self, net: Net) -> list[int]:
        """Positions of the series of a group."""
        return [self.loads[row] for row in net.loads] + [self.plants[row] for row in net.plants]

    def with_sums(self, values_kw: Floats, usable: Bools, size_kw: Floats) -> tuple[Floats, Floats]:
        """Rows of loads and of plants, each with one more row per group.

        Args:
            values_kw: Of all series, shape (series, slots), NaN where unbelieved.
            usable: Which series count, shape (series,).
            size_kw: Of each series: those unknown in a slot are taken to be like the others.
        """
        believed = np.where(usable[:, None], values_kw, np.nan)
        loads, plants = list(self.loads), list(self.plants)
        return (
            _with_sums(believed[loads], size_kw[loads], [net.loads for net in self.nets]),
            _with_sums(believed[plants], size_kw[plants], [net.plants for net in self.nets]),
        )

    def nets_kw(self, loads_kw: Floats, plants_kw: Floats) -> Floats:
        """Net of each group: the mean of two ways that err differently.

        One is the difference of the groups' own rows, the other that of all members' rows;
        arrays begin with the rows of ``with_sums``.
        """
        found = []
        for number, net in enumerate(self.nets):
            load, sun = len(self.loads) + number, len(self.plants) + number
            whole = loads_kw[load] - plants_kw[sun]
            members = loads_kw[list(net.loads)].sum(axis=0) - plants_kw[list(net.plants)].sum(
                axis=0
            )
            found.append((whole + np.where(np.isfinite(members), members, whole)) / 2.0)
        return np.array(found).reshape(len(found), *loads_kw.shape[1:])


def _with_sums(rows_kw: Floats, size_kw: Floats, groups: list[tuple[int, ...]]) -> Floats:
    sums = [_sum(rows_kw[list(group)], size_kw[list(group)])[None] for group in groups]
    return np.concatenate([rows_kw, *sums])


def _sum(rows_kw: Floats, size_kw: Floats) -> Floats:
    if not size_kw.any():
        return np.zeros(rows_kw.shape[1])
    known = np.isfinite(rows_kw)
    part = size_kw @ known / size_kw.sum()
    total = np.where(known, rows_kw, 0.0).sum(axis=0)
    return np.where(part >= ENOUGH, total / np.maximum(part, ENOUGH), np.nan)
