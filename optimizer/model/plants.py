"""PV plants and the AC ratings that they share with batteries."""

from dataclasses import dataclass

import numpy as np

from optimizer.model.battery import BatteryBlock
from optimizer.model.blocks import Blocks
from optimizer.model.decisions import Decisions
from optimizer.model.injection import Injection
from vpp.domain.arrays import Floats, Ints
from vpp.domain.plan_check import fixed_pv_kw, shared_out_kw
from vpp.domain.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlantBlock:
    """Columns of PV used, by (plant, slot) pairs where it can be curtailed and there is any."""

    plant: Ints
    slot: Ints
    used: Ints

    def injections(self, problem: Problem) -> tuple[Injection, ...]:
        site = problem.pv.site[self.plant]
        return (Injection(site=site, slot=self.slot, column=self.used, sign=-1.0),)

    def fill(self, x: Floats, decisions: Decisions) -> None:
        x[self.used] = decisions.used[self.plant, self.slot]


def add_plants(blocks: Blocks, problem: Problem) -> PlantBlock:
    """``0 <= used <= available``; what cannot be curtailed is part of the demand."""
    free = np.array(problem.pv.curtailable, dtype=bool)[:, None] & (problem.pv.available_kw > 0)
    plant, slot = np.nonzero(free)
    available = problem.pv.available_kw[plant, slot]
    used = blocks.columns("pv used", available.shape, 0.0, available)
    return PlantBlock(plant=plant, slot=slot, used=used)


def add_shared_ratings(
    blocks: Blocks, problem: Problem, batteries: BatteryBlock, plants: PlantBlock
) -> None:
    """``-out <= charge - discharge - pv <= in`` per device and slot."""
    slots = len(problem.grid)
    fixed = fixed_pv_kw(problem)
    for index, rating in enumerate(problem.shared):
        constant = fixed[rating.pv].sum(0)
        rows = blocks.rows(
            f"shared rating {index}", (slots,),
            constant - shared_out_kw(problem, index), constant + rating.in_kw,
            (1.0, batteries.charge[rating.batteries].T),
            (-1.0, batteries.discharge[rating.batteries].T),
        )  # fmt: skip
        mine = np.isin(plants.plant, rating.pv)
        blocks.add(rows[plants.slot[mine]], plants.used[mine], -1.0)
