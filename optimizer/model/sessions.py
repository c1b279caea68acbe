"""EV sessions with continuous power."""

from dataclasses import dataclass

import numpy as np

from optimizer.model.blocks import Blocks
from optimizer.model.decisions import Decisions
from optimizer.model.injection import Injection
from vpp.domain.arrays import Floats, Ints
from vpp.domain.problem import Problem


def deliverable_kwh(problem: Problem) -> Floats:
    """What charger and stay alone let a session receive of its need, shape (sessions,)."""
    most = problem.sessions.max_kw @ problem.grid.hours
    return np.asarray(np.minimum(problem.sessions.need_kwh, most))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionBlock:
    """Columns of charging power by (session, slot) pairs within the stay."""

    session: Ints
    slot: Ints
    power: Ints
    energy: Ints
    """Rows of the energy need, shape (sessions,)."""
    unmet: Ints
    """Columns of energy unmet, shape (sessions,); empty in the rigid model."""

    def injections(self, problem: Problem) -> tuple[Injection, ...]:
        site = problem.sessions.site[self.session]
        return (Injection(site=site, slot=self.slot, column=self.power, sign=1.0),)

    def fill(self, x: Floats, problem: Problem, decisions: Decisions) -> None:
        x[self.power] = decisions.ev[self.session, self.slot]
        if self.unmet.size:
            given = decisions.ev @ problem.grid.hours
            x[self.unmet] = np.maximum(deliverable_kwh(problem) - given, 0.0)


def add_sessions(blocks: Blocks, problem: Problem, *, elastic: bool) -> SessionBlock:
    """``need <= sum of h ev (+ unmet)``, and no more than the need or what is guaranteed."""
    sessions, hours = problem.sessions, problem.grid.hours
    session, slot = np.nonzero(sessions.max_kw > 0)
    least, most = sessions.guaranteed_kw[session, slot], sessions.max_kw[session, slot]
    power = blocks.columns("ev power", least.shape, np.minimum(least, most), most)
    need = deliverable_kwh(problem)
    cap = np.maximum(need, sessions.guaranteed_kw @ hours)
    energy = blocks.rows("ev energy", need.shape, need, cap)
    blocks.add(energy[session], power, hours[slot])
    unmet = np.zeros(0, dtype=np.int64)
    if elastic:
        unmet = blocks.columns("ev energy unmet", need.shape, 0.0, need)
        blocks.add(energy, unmet, 1.0)
    return SessionBlock(session=session, slot=slot, power=power, energy=energy, unmet=unmet)
