"""The grid as sums: which units lie beneath which node, without losses."""

import numpy as np

from simulators.city import City
from simulators.entry import CityError
from simulators.inputs.noise import Floats


class Network:
    """Sums over units (in the order of ``city.assets``) for every site and node.

    Rows are the sites, in their order, then the nodes.
    """

    def __init__(self, city: City) -> None:
        self.sites = [site.id for site in city.sites]
        self.row = {name: row for row, name in enumerate(self.sites)}
        self.row |= {node.id: len(self.sites) + row for row, node in enumerate(city.nodes)}
        self.site_row = np.array([self.row[asset.site] for asset in city.assets], dtype=np.intp)
        self._beneath = np.zeros((len(city.nodes), len(self.sites)))
        parents = {node.id: node.parent for node in city.nodes}
        for column, site in enumerate(city.sites):
            for node in _upwards(site.parent, parents):
                self._beneath[self.row[node] - len(self.sites), column] = 1.0

    def per_site(self, per_unit: Floats) -> Floats:
        """Sums by site."""
        sums: Floats = np.zeros(len(self.sites))
        np.add.at(sums, self.site_row, per_unit)
        return sums

    def per_row(self, per_unit: Floats) -> Floats:
        """Sums by site, then by node."""
        sites = self.per_site(per_unit)
        return np.concatenate((sites, self._beneath @ sites))

    def is_beneath(self, node: str) -> Floats:
        """By unit: 1 where it lies beneath a site or node, else 0."""
        row = self.row[node]
        if row < len(self.sites):
            return np.asarray(self.site_row == row, np.float64)
        return np.asarray(self._beneath[row - len(self.sites)][self.site_row], np.float64)


def _upwards(node: str | None, parents: dict[str, str | None]) -> list[str]:
    """A node and all above it."""
    path: list[str] = []
    while node is not None:
        if node in path:
            raise CityError(f"nodes: {node} lies beneath itself")
        path.append(node)
        node = parents[node]
    return path
