"""Input that contradicts itself is rejected before anything is solved, with field and values."""

from collections.abc import Iterator

import numpy as np

from vpp.domain.errors import ProblemRejected
from vpp.domain.problem import Problem


def reject_contradictions(problem: Problem) -> None:
    """Raise ProblemRejected with everything found that the problem's own check leaves to us."""
    found = [*_batteries(problem), *_prices(problem), *_places(problem)]
    if found:
        raise ProblemRejected(f"pool {problem.pool}: " + "; ".join(found))


def _batteries(problem: Problem) -> Iterator[str]:
    fleet = problem.batteries
    for b, asset in enumerate(fleet.ids):
        for name in ("eta_charge", "eta_discharge"):
            value = float(getattr(fleet, name)[b])
            if not 0.0 < value <= 1.0:
                yield f"batteries.{name} of {asset} is {value:g}, expected above 0 and at most 1"
        if fleet.max_kwh[b] > fleet.capacity_kwh[b] * (1.0 + 1e-9):
            yield (
                f"batteries.max_kwh of {asset} is {fleet.max_kwh[b]:g},"
                f" above capacity_kwh {fleet.capacity_kwh[b]:g}"
            )


def _prices(problem: Problem) -> Iterator[str]:
    prices = problem.prices
    for name in (
        "fee_per_kwh",
        "peak_per_kw",
        "peak_paid_kw",
        "peak_reached_kw",
        "running_import_kw",
    ):
        value = getattr(prices, name)
        if not (np.isfinite(value) and value >= 0.0):
            yield f"prices.{name} is {value}, expected 0 or more"
    if not 0.0 <= prices.running_part <= 1.0:
        yield f"prices.running_part is {prices.running_part}, expected 0 to 1"
    if not prices.billing_interval_s > 0.0:
        yield f"prices.billing_interval_s is {prices.billing_interval_s}, expected above 0"


def _places(problem: Problem) -> Iterator[str]:
    parent = problem.nodes.parent
    if not len(parent) or parent[0] != -1:
        yield "nodes.parent[0] must be -1: the pool's own node comes first"
    for node in range(1, len(parent)):
        if not 0 <= parent[node] < node:
            yield f"nodes.parent[{node}] is {parent[node]}, expected a node before it"
    limits = {
        "site_node": (problem.site_node, len(problem.nodes.ids)),
        "batteries.site": (problem.batteries.site, len(problem.sites)),
        "pv.site": (problem.pv.site, len(problem.sites)),
        "sessions.site": (problem.sessions.site, len(problem.sites)),
    }
    for index, rating in enumerate(problem.shared):
        limits[f"shared[{index}].batteries"] = (rating.batteries, len(problem.batteries.ids))
        limits[f"shared[{index}].pv"] = (rating.pv, len(problem.pv.ids))
        for name in ("in_kw", "out_kw"):
            value = getattr(rating, name)
            if not value >= 0.0:
                yield f"shared[{index}].{name} is {value}, expected 0 or more"
    for name, (places, count) in limits.items():
        for position in np.flatnonzero((places < 0) | (places >= count)):
            yield f"{name}[{position}] is {places[position]}, expected 0 to {count - 1}"
