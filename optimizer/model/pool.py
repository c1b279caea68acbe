"""One pool as a linear program: the blocks put together, and the way back to a schedule."""

from dataclasses import dataclass

import numpy as np

from optimizer.model.battery import BatteryBlock, add_batteries
from optimizer.model.blocks import Blocks
from optimizer.model.charges import ChargesBlock, add_charges
from optimizer.model.conversion import ConversionBlock, add_conversion
from optimizer.model.decisions import Decisions
from optimizer.model.movement import ChangeBlock, GridShapeBlock, add_change, add_grid_shape
from optimizer.model.network import NetworkBlock, add_network, kept_nodes
from optimizer.model.plants import PlantBlock, add_plants, add_shared_ratings
from optimizer.model.sessions import SessionBlock, add_sessions
from optimizer.model.terminal import TerminalBlock, add_terminal
from optimizer.solving.program import LinearProgram
from vpp.domain.arrays import Floats
from vpp.domain.order import Order
from vpp.domain.plan_check import fixed_pv_kw
from vpp.domain.problem import Problem
from vpp.domain.stores import RUNNING_KW


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoolModel:
    """The program and where its columns stand."""

    problem: Problem
    program: LinearProgram
    elastic: bool
    """Whether limits and service may be missed; else missing any makes the program infeasible."""
    batteries: BatteryBlock
    plants: PlantBlock
    sessions: SessionBlock
    conversion: ConversionBlock
    network: NetworkBlock
    terminal: TerminalBlock
    charges: ChargesBlock
    change: ChangeBlock | None
    shape: GridShapeBlock | None

    def decisions(self, x: Floats) -> Decisions:
        """What a point decides, put inside its bounds to the last digit."""
        problem = self.problem
        inside = np.clip(x, self.program.lower, self.program.upper)
        used = fixed_pv_kw(problem)
        used[self.plants.plant, self.plants.slot] = inside[self.plants.used]
        ev = np.zeros(problem.sessions.max_kw.shape)
        ev[self.sessions.session, self.sessions.slot] = inside[self.sessions.power]
        return Decisions(
            charge=inside[self.batteries.charge],
            discharge=inside[self.batteries.discharge],
            used=used,
            ev=ev,
            run=self._run(inside),
            unmet=inside[self.conversion.unmet] if self.elastic else 0.0 * problem.stores.demand,
        )

    def _run(self, x: Floats) -> Floats:
        """Power of the converters; what misses zero or the least power by rounding is put there."""
        makers = self.problem.converters
        run, least = x[self.conversion.segment].sum(axis=1), makers.min_kw[:, None]
        run = np.where(np.abs(run - least) <= RUNNING_KW, least, run)
        return np.where(run <= RUNNING_KW, 0.0, np.minimum(run, makers.max_kw[:, None]))

    def point(self, decisions: Decisions) -> Floats:
        """The decisions with all that follows from them: the point whose rows certify them."""
        x = np.zeros(len(self.program.lower))
        site_kw = decisions.site_kw(self.problem)
        self.batteries.fill(x, self.problem, decisions)
        self.plants.fill(x, decisions)
        self.sessions.fill(x, self.problem, decisions)
        self.conversion.fill(x, self.problem, decisions)
        self.network.fill(x, self.problem, site_kw)
        self.terminal.fill(x, self.problem, decisions.energy(self.problem))
        self.charges.fill(x, self.problem, site_kw)
        if self.change is not None:
            self.change.fill(x, decisions)
        if self.shape is not None:
            self.shape.fill(x, site_kw.sum(0))
        return x


def build(problem: Problem, *, elastic: bool) -> PoolModel:
    """The program of one pool."""
    blocks = Blocks()
    batteries = add_batteries(blocks, problem, elastic=elastic)
    plants = add_plants(blocks, problem)
    sessions = add_sessions(blocks, problem, elastic=elastic)
    conversion = add_conversion(blocks, problem, elastic=elastic)
    add_shared_ratings(blocks, problem, batteries, plants)
    injections = (
        *batteries.injections(problem),
        *plants.injections(problem),
        *sessions.injections(problem),
        *conversion.injections(problem),
    )
    network = add_network(blocks, problem, injections, elastic=elastic)
    terminal = add_terminal(blocks, problem, batteries)
    kept = kept_nodes(problem)
    least, most = kept.least, kept.most
    upper = np.maximum(most[0], 0.0)
    charges = add_charges(blocks, problem, network, injections, upper)
    change = add_change(blocks, problem, batteries, sessions, conversion)
    shape = None
    if problem.goals.order is Order.GRID:
        span = float((most[0] - least[0]).max() + np.abs(np.diff(least[0])).max(initial=0.0))
        shape = add_grid_shape(blocks, problem, network, span + float(upper.max()))
    return PoolModel(
        problem=problem,
        program=blocks.program(),
        elastic=elastic,
        batteries=batteries,
        plants=plants,
        sessions=sessions,
        conversion=conversion,
        network=network,
        terminal=terminal,
        charges=charges,
        change=change,
        shape=shape,
    )
