"""Limits that a plan keeps and would gain by exceeding: by how much, when, and in which stage."""

from collections.abc import Iterator

import numpy as np

from optimizer.model.network import contract_caps
from optimizer.model.pool import PoolModel
from optimizer.stages.order import Run, Solved
from vpp.domain.arrays import Floats, Ints
from vpp.domain.plan import Binding

LEAST = 1e-6
"""Dual below which a limit is no hindrance."""


def bindings(run: Run) -> tuple[Binding, ...]:
    """Each limit once, in the first stage that it holds back: later ones stand on that face.

    What is exceeded is no part of it; wear and ties, which decide among equals, do not count, and
    stages that were solved with binaries have no duals.
    """
    model, found = run.model, dict[tuple[int, int], Binding]()
    for solved in run.solved:
        if not _counts(solved.stage.name) or not solved.solution.reduced_costs.size:
            continue
        for kept, way, duals in _duals(model, solved):
            slots = np.flatnonzero(duals > LEAST)
            if len(slots) and (kept, way) not in found:
                at = int(slots[np.argmax(duals[slots])])
                node = int(model.network.nodes[kept])
                found[kept, way] = Binding(
                    node=model.problem.nodes.ids[node],
                    limit=f"{'import' if way > 0 else 'export'} {_kind(model, node, at, way)}",
                    stage=solved.stage.name,
                    dual=float(duals[at]),
                    unit=f"{solved.stage.unit} per kWh",
                    first_slot=int(slots[0]),
                    last_slot=int(slots[-1]),
                )
    return tuple(found.values())


def _counts(stage: str) -> bool:
    return not stage.startswith(("S3", "S4")) and not stage.endswith("excess")


def _duals(model: PoolModel, solved: Solved) -> Iterator[tuple[int, int, Floats]]:
    """Position among the kept nodes, direction, and dual per kWh in each slot."""
    network, hours, solution = model.network, model.problem.grid.hours, solved.solution
    upper, lower, x = model.program.upper, model.program.lower, solution.x

    def at(columns: Ints, bounds: Floats, way: float) -> Floats:
        """What going beyond a bound would gain, where the plan is at it."""
        there = np.abs(x[columns] - bounds[columns]) <= LEAST * (1.0 + np.abs(bounds[columns]))
        return np.where(there, np.maximum(-way * solution.reduced_costs[columns], 0.0), 0.0)

    over = np.zeros((len(network.nodes), 2, len(hours)))
    over[0] = at(network.imported, upper, 1.0), at(network.exported, upper, 1.0)
    for kept in range(1, len(network.nodes)):
        columns = network.flow[kept - 1]
        over[kept] = at(columns, upper, 1.0), at(columns, lower, -1.0)
    for part in network.excess:
        way = "import" if part.direction > 0 else "export"
        rows = model.program.rows[f"{part.kind} {way} excess"]
        kept_kw = np.where(x[part.column] <= LEAST, np.abs(solution.duals[rows]), 0.0)
        side = over[:, 0 if part.direction > 0 else 1]
        np.add.at(side, (part.kept, part.slot), kept_kw)
    for kept in range(len(network.nodes)):
        yield kept, 1, over[kept, 0] / hours
        yield kept, -1, over[kept, 1] / hours


def _kind(model: PoolModel, node: int, slot: int, way: int) -> str:
    """Which of a node's limits is the tightest there."""
    nodes, caps = model.problem.nodes, contract_caps(model.problem)
    if way > 0:
        rating, contract, cap = nodes.import_kw, nodes.contract_import_kw, caps.import_kw
    else:
        rating, contract, cap = nodes.export_kw, nodes.contract_export_kw, caps.export_kw
    if rating[node, slot] <= cap[node, slot]:
        return "rating"
    return "contract" if cap[node, slot] >= contract[node, slot] else "contract less its margin"
