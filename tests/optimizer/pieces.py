"""A car and a network for the random cases."""

from typing import Any

import numpy as np

from vpp.domain.ids import AssetId, NodeId
from vpp.domain.problem import EvSessions, Nodes, Problem


def one_car(problem: Problem, *, need_kwh: float, max_kw: float, until: int) -> EvSessions:
    most = np.zeros((1, len(problem.grid)))
    most[0, :until] = max_kw
    return EvSessions(
        ids=("session",),
        assets=(AssetId("charger"),),
        site=np.array([0]),
        need_kwh=np.array([need_kwh]),
        max_kw=most,
        guaranteed_kw=np.zeros(most.shape),
    )


def network(slots: int, **limits: float) -> Nodes:
    """The three nodes of the random cases; limits by field hold at the pool's node."""
    fields: dict[str, Any] = {}
    for name in ("import_kw", "export_kw", "contract_import_kw", "contract_export_kw"):
        fields[name] = np.full((3, slots), np.inf)
        fields[name][0] = limits.get(name, np.inf)
    for name in ("margin_import_kw", "margin_export_kw"):
        fields[name] = np.zeros((3, slots))
        fields[name][0] = limits.get(name, 0.0)
    return Nodes(
        ids=(NodeId("grid"), NodeId("north"), NodeId("south")),
        parent=np.array([-1, 0, 0]),
        **fields,
    )
