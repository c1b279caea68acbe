"""Proof that with the controller dead every rating of the grid holds, node by node, with the sums.

Two cases. In the first every device is in its safe state at its worst, every load at its peak, and
there is no sun: a battery at ``zero`` takes nothing, one that is ``autonomous`` may charge at full
power by a rule of its own, as may an electrolyser or a heat pump; a charger at ``floor`` gives its
guaranteed power, an autonomous one its full power. In the second there is full sun, nobody uses any
of it, and the batteries, autonomous and full, take nothing; PV, fuel cells and CHP stop only where
their own safe state is ``zero``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.assets import Asset, Battery, EvCharger, Load, Phases, Pv
from vpp.domain.conversion import (
    Chp,
    Converter,
    Electrolyser,
    FuelCell,
    HeatPump,
    HydrogenStore,
    Store,
    ThermalStore,
)
from vpp.domain.devices import SafeState
from vpp.domain.ids import NodeId
from vpp.domain.network import Limit, Unit
from vpp.domain.portfolio import Portfolio

PHASE_KV = 0.220
"""Lowest usual phase voltage, which gives the highest current for a power."""
_TOLERANCE = 1e-9


class Case(StrEnum):
    """What the grid has to bear without a controller."""

    DARK = "peak load, no sun"
    SUN = "full sun, no load"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One rating of one node in one case; sum, rating and terms in ``unit``, as magnitudes."""

    node: NodeId
    case: Case
    unit: Unit
    sum: float
    rating: float
    terms: tuple[tuple[str, float], ...]
    """Share of each child node or, at a site, of each asset; they add up to the sum."""

    @property
    def margin(self) -> float:
        """What is left below the rating; negative where it does not hold."""
        return self.rating - self.sum

    @property
    def holds(self) -> bool:
        return self.margin >= -_TOLERANCE


def prove(portfolio: Portfolio) -> tuple[Row, ...]:
    """One row per node, case and stated rating, in the order of the city file."""
    return tuple(
        row
        for case, worst in ((Case.DARK, _dark_kw), (Case.SUN, _sun_kw))
        for row in _case(portfolio, case, worst)
    )


def _case(
    portfolio: Portfolio, case: Case, worst: Callable[[Asset, SafeState | None], float]
) -> Iterator[Row]:
    flows = _Flows(portfolio, worst)
    for node in portfolio.nodes.values():
        for limit in node.limits:
            if limit.hard:
                yield _row(flows, node.id, case, limit)


def _row(flows: "_Flows", node: NodeId, case: Case, limit: Limit) -> Row:
    parts = flows.parts(node)
    weights = _weights(limit, parts)
    terms = tuple((name, float(weights @ flow)) for name, flow in parts)
    return Row(
        node=node,
        case=case,
        unit=limit.unit,
        sum=sum(value for _, value in terms),
        rating=limit.import_max if case is Case.DARK else limit.export_max,
        terms=terms,
    )


def _weights(limit: Limit, parts: list[tuple[str, Floats]]) -> Floats:
    """What 1 kW on L1, L2, L3 or an unknown phase counts as in the limit's unit."""
    match limit.unit:
        case Unit.KW:
            return np.ones(4)
        case Unit.KVA:
            return np.full(4, 1 / limit.power_factor)
        case Unit.A_PER_PHASE:
            total = np.sum([flow for _, flow in parts], axis=0) if parts else np.zeros(4)
            weights = np.zeros(4)
            weights[[int(np.argmax(total[:3])), 3]] = 1 / PHASE_KV
            return weights


class _Flows:
    """Worst flow of every node as kW on L1, L2, L3 and on a single phase that nobody knows."""

    def __init__(
        self, portfolio: Portfolio, worst: Callable[[Asset, SafeState | None], float]
    ) -> None:
        self._portfolio = portfolio
        self._site_of = {site.node: site.id for site in portfolio.sites.values()}
        writers: Mapping[str, SafeState] = {
            asset: portfolio.devices[device].safe for asset, device in portfolio.writer_of.items()
        }
        self._asset = {
            asset.id: worst(asset, writers.get(asset.id)) * _PHASES[asset.phases]
            for asset in portfolio.assets.values()
        }
        self._node: dict[NodeId, Floats] = {}

    def parts(self, node: NodeId) -> list[tuple[str, Floats]]:
        """Child nodes, or the assets of a site, with their flows."""
        if node in self._site_of:
            assets = self._portfolio.assets_of_site[self._site_of[node]]
            return [(asset, self._asset[asset]) for asset in assets]
        return [(child, self._total(child)) for child in self._portfolio.children[node]]

    def _total(self, node: NodeId) -> Floats:
        if node not in self._node:
            self._node[node] = sum((flow for _, flow in self.parts(node)), start=np.zeros(4))
        return self._node[node]


_PHASES: Mapping[Phases, Floats] = {
    Phases.THREE: np.array([1 / 3, 1 / 3, 1 / 3, 0.0]),
    Phases.L1: np.array([1.0, 0.0, 0.0, 0.0]),
    Phases.L2: np.array([0.0, 1.0, 0.0, 0.0]),
    Phases.L3: np.array([0.0, 0.0, 1.0, 0.0]),
    Phases.ONE_UNKNOWN: np.array([0.0, 0.0, 0.0, 1.0]),
}


def _dark_kw(asset: Asset, safe: SafeState | None) -> float:
    """Most that the asset may take; ``safe`` is its writer's, None where nobody writes it."""
    match asset:
        case Load():
            return asset.max_kw
        case Pv():
            return 0.0
        case Battery():
            return asset.charge_kw if safe in (SafeState.AUTONOMOUS, None) else 0.0
        case EvCharger():
            by_state = {SafeState.ZERO: 0.0, SafeState.FLOOR: asset.guaranteed_kw}
            return asset.max_kw if safe is None else by_state.get(safe, asset.max_kw)
        case _:
            return _conversion_dark_kw(asset, safe)


def _conversion_dark_kw(asset: Converter | Store, safe: SafeState | None) -> float:
    match asset:
        case Electrolyser() | HeatPump():
            return asset.standby_kw if safe is SafeState.ZERO else asset.max_kw
        case FuelCell() | Chp():
            return asset.standby_kw
        case HydrogenStore() | ThermalStore():
            return 0.0


def _sun_kw(asset: Asset, safe: SafeState | None) -> float:
    """Most that the asset may give out under full sun."""
    if isinstance(asset, Pv) and safe is not SafeState.ZERO:
        return asset.peak_kw
    if isinstance(asset, FuelCell | Chp) and safe is not SafeState.ZERO:
        return asset.max_kw
    return 0.0
