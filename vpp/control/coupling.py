"""Plans of pools that together break a limit above them: what each pool is left in those slots."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vpp.control.allotment import Request
from vpp.control.parents import ParentMemory, Parents
from vpp.domain.arrays import Floats
from vpp.domain.ids import PoolId
from vpp.domain.plan import Plan
from vpp.domain.portfolio import Portfolio
from vpp.domain.problem import Problem

Bands = tuple[Floats, Floats]
"""Least and most net of a pool in each slot, kW, positive is import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the nodes above leave the pools; a pool that is not named is not bound."""

    hard: Mapping[PoolId, Bands] = field(default_factory=dict)
    """Inside their ratings."""
    soft: Mapping[PoolId, Bands] = field(default_factory=dict)
    """Inside their contracts, which a plan may exceed where it must."""

    @property
    def binds(self) -> bool:
        return bool(self.hard or self.soft)


class Coupling:
    """The limits of the nodes above the pools, ratings and contracts."""

    def __init__(self, portfolio: Portfolio) -> None:
        self._ratings = Parents(portfolio)
        self._contracts = Parents(portfolio, contracts=True)

    def room(self, made: Mapping[PoolId, tuple[Problem, Plan]]) -> Room:
        """What is left to each pool where plans made as if alone are too much together."""
        return Room(hard=bands(self._ratings, made), soft=bands(self._contracts, made))


def bands(parents: Parents, made: Mapping[PoolId, tuple[Problem, Plan]]) -> Mapping[PoolId, Bands]:
    """For every pool, where a slot is overloaded; empty where the plans fit as they are.

    Args:
        parents: The nodes above the pools.
        made: Each pool's problem, and its plan made as if it were alone, on the same slots.
    """
    nets = {pool: plan.schedule.grid_kw for pool, (_, plan) in made.items()}
    if not nets or not (over := parents.overloaded(nets)).any():
        return {}
    found = {pool: (np.full(len(over), -np.inf), np.full(len(over), np.inf)) for pool in made}
    for slot in np.flatnonzero(over).tolist():
        requests = {pool: _request(*made[pool], slot) for pool in made}
        _, handed, _ = parents.hand_down(ParentMemory(), (), requests, 0.0)
        for pool, (least, most) in found.items():
            least[slot], most[slot] = handed[pool].lo_kw, handed[pool].hi_kw
    return found


def _request(problem: Problem, plan: Plan, slot: int) -> Request:
    want_kw = float(plan.schedule.grid_kw[slot])
    base_kw = float(problem.net_kw[slot] + problem.sessions.guaranteed_kw[:, slot].sum())
    return Request(
        least_kw=min(want_kw, base_kw - float(problem.batteries.discharge_kw.sum())),
        base_kw=base_kw,
        want_kw=want_kw,
        most_kw=max(want_kw, base_kw + float(problem.batteries.charge_kw.sum())),
        worst_lo_kw=want_kw,
        worst_hi_kw=want_kw,
    )
