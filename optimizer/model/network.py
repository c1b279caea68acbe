"""The node tree: balances, ratings and contract limits, import and export at the boundary."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from optimizer.model.blocks import Blocks
from optimizer.model.injection import Injection
from vpp.domain.arrays import Bools, Floats, Ints, frozen
from vpp.domain.plan_check import fixed_pv_kw, flow_bounds, node_flows
from vpp.domain.problem import Problem

MARGIN_KW = 1.0
"""Added to what a flow can reach at all, so that this bound never carries a dual."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Excess:
    """Slack columns of one kind of limit, by (kept node, slot) pairs."""

    kind: str
    """``rating``, ``contract`` or ``contract margin``."""
    direction: int
    """1 import, -1 export."""
    kept: Ints
    slot: Ints
    limit_kw: Floats
    column: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkBlock:
    """Columns of the flows. Only nodes whose limits can bind have one; others join their parent."""

    nodes: Ints
    """Kept nodes, the pool's first, as indices of the problem's nodes."""
    kept_of_site: Ints
    imported: Ints
    """Boundary import, shape (slots,)."""
    exported: Ints
    flow: Ints
    """Shape (kept nodes - 1, slots): all but the pool's own node."""
    balance: Ints
    """Rows, shape (kept nodes, slots)."""
    excess: tuple[Excess, ...]

    def fill(self, x: Floats, problem: Problem, site_kw: Floats) -> None:
        flow = node_flows(problem, site_kw)[self.nodes]
        x[self.imported], x[self.exported] = np.maximum(flow[0], 0.0), np.maximum(-flow[0], 0.0)
        x[self.flow] = flow[1:]
        for part in self.excess:
            over = part.direction * flow[part.kept, part.slot] - part.limit_kw
            x[part.column] = np.maximum(over, 0.0)


def reachable_flows(problem: Problem) -> tuple[Floats, Floats]:
    """Least and most that any schedule could draw through every node, limits apart."""
    slots = len(problem.grid)
    least, most = problem.load_kw.copy(), problem.load_kw.copy()
    fleet = problem.batteries
    np.subtract.at(least, fleet.site, np.repeat(fleet.discharge_kw[:, None], slots, 1))
    np.add.at(most, fleet.site, np.repeat(fleet.charge_kw[:, None], slots, 1))
    np.subtract.at(least, problem.pv.site, problem.pv.available_kw)
    np.subtract.at(most, problem.pv.site, fixed_pv_kw(problem))
    np.add.at(least, problem.sessions.site, problem.sessions.guaranteed_kw)
    np.add.at(most, problem.sessions.site, problem.sessions.max_kw)
    makers = problem.converters
    np.add.at(most, makers.site[~makers.gives], makers.max_kw[~makers.gives, None])
    np.subtract.at(least, makers.site[makers.gives], makers.max_kw[makers.gives, None])
    return node_flows(problem, least), node_flows(problem, most)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Caps:
    """Contracts less their margins, magnitudes in kW, shape (nodes, slots); inf where none."""

    import_kw: Floats
    export_kw: Floats


def contract_caps(problem: Problem) -> Caps:
    """``cap - margin`` of every contract (formulation 5.2).

    A margin ends where nothing is left that could give way: it never asks for less than flows with
    every battery and converter at full power, all sun used and cars at what they are guaranteed
    (for export: the other way round), and never for power the other way.
    """
    nodes, (least, most) = problem.nodes, reachable_flows(problem)
    return Caps(
        import_kw=_cap(nodes.contract_import_kw, nodes.margin_import_kw, least),
        export_kw=_cap(nodes.contract_export_kw, nodes.margin_export_kw, -most),
    )


def _cap(contract_kw: Floats, margin_kw: Floats, rigid_kw: Floats) -> Floats:
    floor_kw = np.maximum(rigid_kw, 0.0)
    return np.asarray(np.minimum(contract_kw, np.maximum(contract_kw - margin_kw, floor_kw)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """Nodes whose limits can bind at all, the pool's first; flows in kW, shape (nodes, slots)."""

    nodes: Ints
    """As indices of the problem's nodes."""
    of_node: Ints
    """Per node the position among the kept ones of its nearest kept ancestor, or itself."""
    lower: Floats
    """Hard bounds."""
    upper: Floats
    least: Floats
    """What any schedule could draw at all."""
    most: Floats


@lru_cache(maxsize=4)
def kept_nodes(problem: Problem) -> Kept:
    """The others join their nearest ancestor that is kept. The last few problems' are kept."""
    lower, upper = flow_bounds(problem)
    least, most = reachable_flows(problem)
    caps = contract_caps(problem)
    wanted_upper = np.minimum(problem.nodes.import_kw, caps.import_kw)
    wanted_lower = -np.minimum(problem.nodes.export_kw, caps.export_kw)
    beyond: Bools = (most > wanted_upper) | (least < wanted_lower)
    binding = np.any(beyond & (most > least), axis=1)
    binding[0] = True
    return Kept(
        nodes=np.flatnonzero(binding),
        of_node=_joined(problem, binding),
        lower=lower,
        upper=upper,
        least=frozen(least),
        most=frozen(most),
    )


def add_network(
    blocks: Blocks, problem: Problem, injections: Sequence[Injection], *, elastic: bool
) -> NetworkBlock:
    """``F_n = sum of children + demand + injections``; at the boundary ``F = I - X``."""
    slots = len(problem.grid)
    kept = kept_nodes(problem)
    nodes, joined, lower, upper = kept.nodes, kept.of_node, kept.lower, kept.upper
    caps = contract_caps(problem)
    soft_upper, soft_lower = np.minimum(upper, caps.import_kw), np.maximum(lower, -caps.export_kw)
    high = np.minimum(upper if elastic else soft_upper, kept.most + MARGIN_KW)[nodes]
    low = np.maximum(lower if elastic else soft_lower, kept.least - MARGIN_KW)[nodes]
    imported = blocks.columns("import", (slots,), 0.0, np.maximum(high[0], 0.0))
    exported = blocks.columns("export", (slots,), 0.0, np.maximum(-low[0], 0.0))
    flow = blocks.columns("node flow", (len(nodes) - 1, slots), low[1:], high[1:])
    demand = np.zeros((len(nodes), slots))
    site_demand = problem.load_kw.copy()
    np.subtract.at(site_demand, problem.pv.site, fixed_pv_kw(problem))
    kept_of_site = joined[problem.site_node]
    np.add.at(demand, kept_of_site, site_demand)
    balance = blocks.rows("balance", demand.shape, demand, demand)
    blocks.add(balance[0], imported, 1.0)
    blocks.add(balance[0], exported, -1.0)
    blocks.add(balance[1:], flow, 1.0)
    above = joined[problem.nodes.parent[nodes[1:]]]
    blocks.add(balance[above], flow, -1.0)
    for part in injections:
        blocks.add(balance[kept_of_site[part.site], part.slot], part.column, -part.sign)
    network = NetworkBlock(
        nodes=nodes,
        kept_of_site=kept_of_site,
        imported=imported,
        exported=exported,
        flow=flow,
        balance=balance,
        excess=(),
    )
    return _with_slacks(blocks, problem, network, low, high) if elastic else network


def opened(problem: Problem) -> tuple[Bools, Bools]:
    """Where demand that nothing controls exceeds an import or an export rating, (nodes, slots)."""
    lower, upper = flow_bounds(problem)
    nodes = problem.nodes
    return upper > nodes.import_kw + 1e-9, lower < -nodes.export_kw - 1e-9


def sites_beneath(problem: Problem) -> Bools:
    """Which sites hang beneath each node, shape (nodes, sites)."""
    count = len(problem.nodes.ids)
    beneath = np.zeros((count, len(problem.sites)), dtype=bool)
    beneath[problem.site_node, np.arange(len(problem.sites))] = True
    for node in range(count - 1, 0, -1):
        beneath[problem.nodes.parent[node]] |= beneath[node]
    return beneath


def _joined(problem: Problem, binding: Bools) -> Ints:
    """Per node the position among the kept nodes of its nearest kept ancestor (or itself)."""
    position = np.cumsum(binding) - 1
    joined = np.zeros(len(binding), dtype=np.int64)
    for node in range(1, len(binding)):
        joined[node] = position[node] if binding[node] else joined[problem.nodes.parent[node]]
    return joined


def _with_slacks(
    blocks: Blocks, problem: Problem, network: NetworkBlock, low: Floats, high: Floats
) -> NetworkBlock:
    """``+-F - excess <= limit`` wherever the hard bound lies beyond a limit."""
    limits, caps = problem.nodes, contract_caps(problem)
    bought, sold = limits.contract_import_kw, limits.contract_export_kw
    kinds = [
        ("rating", 1, limits.import_kw, high),
        ("rating", -1, limits.export_kw, -low),
        ("contract", 1, bought, high),
        ("contract", -1, sold, -low),
    ]
    if (caps.import_kw < bought).any() or (caps.export_kw < sold).any():
        kinds += [
            ("contract margin", 1, caps.import_kw, high),
            ("contract margin", -1, caps.export_kw, -low),
        ]
    parts = []
    for kind, direction, limit, bound in kinds:
        kept, slot = np.nonzero(bound > limit[network.nodes] + 1e-9)
        limit_kw = limit[network.nodes[kept], slot]
        name = f"{kind} {'import' if direction > 0 else 'export'} excess"
        column = blocks.columns(name, kept.shape, 0.0, bound[kept, slot] - limit_kw)
        rows = blocks.rows(name, kept.shape, -np.inf, limit_kw, (-1.0, column))
        boundary = kept == 0
        at = slot[boundary]
        blocks.add(rows[boundary], network.imported[at], float(direction))
        blocks.add(rows[boundary], network.exported[at], -float(direction))
        inner = ~boundary
        blocks.add(rows[inner], network.flow[kept[inner] - 1, slot[inner]], float(direction))
        parts.append(
            Excess(
                kind=kind,
                direction=direction,
                kept=kept,
                slot=slot,
                limit_kw=limit_kw,
                column=column,
            )
        )
    return NetworkBlock(
        nodes=network.nodes,
        kept_of_site=network.kept_of_site,
        imported=network.imported,
        exported=network.exported,
        flow=network.flow,
        balance=network.balance,
        excess=tuple(parts),
    )
