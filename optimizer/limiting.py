"""Which limit of the network stood in the way of something, by the duals of the stage that says."""

from collections.abc import Iterator

import numpy as np

from optimizer.model.pool import PoolModel
from optimizer.stages.order import Run
from vpp.domain.arrays import Ints

LEAST = 1e-4
"""kWh, kW or kg below which a slack is rounding."""
NO_ROOM = "an earlier stage"


def limit_name(model: PoolModel, kept: int, direction: int) -> str:
    node = model.problem.nodes.ids[model.network.nodes[kept]]
    return f"node {node} {'import' if direction > 0 else 'export'}"


def limiting(run: Run, stage: str, site: int, slots: Ints) -> tuple[str, float]:
    """The limit with the largest dual above a site in these slots, in the stage so named."""
    model, network = run.model, run.model.network
    solved = next((s for s in run.solved if s.stage.name.startswith(stage)), None)
    if solved is None:
        return NO_ROOM, 0.0
    duals, reduced = solved.solution.duals, solved.solution.reduced_costs
    best = (NO_ROOM, 0.0)
    for kept in _path(model, site):
        columns = network.imported if kept == 0 else network.flow[kept - 1]
        candidates = [(f"{limit_name(model, kept, 1)} rating", np.abs(reduced[columns[slots]]))]
        for part in network.excess:
            mine = (part.kept == kept) & np.isin(part.slot, slots)
            way = "import" if part.direction > 0 else "export"
            rows = model.program.rows[f"{part.kind} {way} excess"][mine]
            candidates.append(
                (f"{limit_name(model, kept, part.direction)} {part.kind}", np.abs(duals[rows]))
            )
        for name, values in candidates:
            if (largest := float(values.max(initial=0.0))) > best[1] + 1e-9:
                best = (name, largest)
    return best


def _path(model: PoolModel, site: int) -> Iterator[int]:
    """Kept nodes from a site's up to the pool's."""
    position = {int(node): kept for kept, node in enumerate(model.network.nodes)}
    node = int(model.problem.site_node[site])
    while node >= 0:
        if node in position:
            yield position[node]
        node = int(model.problem.nodes.parent[node])
