"""What the limits of the nodes leave of powers that are wished for."""

import numpy as np

from optimizer.model.network import sites_beneath
from vpp.domain.arrays import Floats, Ints
from vpp.domain.plan_check import RestFlows
from vpp.domain.problem import Problem


class Fitting:
    """Which part of wished powers all nodes let through."""

    def __init__(self, problem: Problem, rest: RestFlows, site: Ints) -> None:
        """``site`` is that of each wish."""
        beneath = sites_beneath(problem)
        limited = np.isfinite(rest.lower).any(1) | np.isfinite(rest.upper).any(1)
        self._rest = rest
        self._members = [
            (node, beneath[node], beneath[node][site]) for node in np.flatnonzero(limited)[::-1]
        ]

    def part(self, slot: int, base: Floats, wish: Floats) -> Floats:
        """Part of each wish, all of one sign; ``base`` is the sites' net, inside all bounds."""
        part = np.ones(len(wish))
        for node, sites, mine in self._members:
            flow, added = float(base[sites].sum()), float((wish * part)[mine].sum())
            bound = (self._rest.upper if added > 0 else self._rest.lower)[node, slot]
            if added != 0.0 and (flow + added - bound) * np.sign(added) > 0:
                part[mine] *= max(0.0, (bound - flow) / added)
        return part
