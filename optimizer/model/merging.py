"""A smaller problem with the same optimum: what is alike and lies in one place is planned as one.

Batteries are alike where losses and wear are the same and the start is inside the window: then the
sum of their powers and energies obeys the rows of one battery. That can only promise too much, so
that a schedule of the whole which its members can follow is an optimum of the problem itself.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimizer.model.battery import floor_kwh
from optimizer.model.network import Kept, kept_nodes
from vpp.domain.arrays import Floats, Ints
from vpp.domain.ids import SiteId
from vpp.domain.plan import Schedule
from vpp.domain.problem import Batteries, Nodes, Problem, PvPlants, SharedRating

WORTHWHILE = 0.75
"""Part of the batteries and plants that may be left, else nothing is gained."""
SUMMED = ("capacity_kwh", "charge_kw", "discharge_kw", "energy_kwh", "min_kwh", "max_kwh")
ALIKE = ("eta_charge", "eta_discharge", "wear_per_kwh")
INSIDE_KWH = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Merged:
    """The smaller problem, and which of its batteries and plants each one of the whole is in."""

    problem: Problem
    battery: Ints
    """Shape (batteries of the whole,)."""
    plant: Ints


def merged(problem: Problem) -> Merged | None:
    """None where too little is alike, or where a fee tells the sites apart."""
    fleet, plants = problem.batteries, problem.pv
    if problem.prices.fee_per_kwh > 0:
        return None
    kept = kept_nodes(problem)
    site = kept.of_node[problem.site_node]
    battery = _numbered(_battery_kinds(problem, site))
    plant = _numbered(_plant_kinds(problem, site))
    left = len(set(battery)) + len(set(plant))
    if left > WORTHWHILE * (len(battery) + len(plant)):
        return None
    of_battery, of_plant = np.array(battery, np.int64), np.array(plant, np.int64)
    load_kw = np.zeros((len(kept.nodes), len(problem.grid)))
    np.add.at(load_kw, site, problem.load_kw)
    smaller = replace(
        problem,
        sites=tuple(SiteId(problem.nodes.ids[node]) for node in kept.nodes),
        site_node=np.arange(len(kept.nodes)),
        nodes=_nodes(problem, kept),
        load_kw=load_kw,
        batteries=_batteries(fleet, of_battery, site),
        pv=_plants(plants, of_plant, site),
        sessions=replace(problem.sessions, site=site[problem.sessions.site]),
        stores=replace(problem.stores, site=site[problem.stores.site]),
        converters=replace(problem.converters, site=site[problem.converters.site]),
        shared=tuple(
            SharedRating(
                batteries=of_battery[rating.batteries],
                pv=of_plant[rating.pv],
                in_kw=rating.in_kw,
                out_kw=rating.out_kw,
            )
            for rating in problem.shared
        ),
        last_schedule=_last(problem, of_battery),
    )
    return Merged(problem=smaller, battery=of_battery, plant=of_plant)


def _battery_kinds(problem: Problem, site: Ints) -> list[Hashable]:
    """Those of a shared rating, or begun outside their window, are planned by themselves."""
    fleet, floor = problem.batteries, floor_kwh(problem.batteries)
    shared = {int(b) for rating in problem.shared for b in rating.batteries}
    last = set() if problem.last_schedule is None else set(problem.last_schedule.assets)
    inside = (fleet.energy_kwh >= floor - INSIDE_KWH) & (
        fleet.energy_kwh <= fleet.max_kwh + INSIDE_KWH
    )
    return [
        (int(site[fleet.site[b]]), asset in last, *(float(getattr(fleet, n)[b]) for n in ALIKE))
        if inside[b] and b not in shared
        else asset
        for b, asset in enumerate(fleet.ids)
    ]


def _plant_kinds(problem: Problem, site: Ints) -> list[Hashable]:
    plants = problem.pv
    shared = {int(g) for rating in problem.shared for g in rating.pv}
    return [
        asset if g in shared else (int(site[plants.site[g]]), plants.curtailable[g])
        for g, asset in enumerate(plants.ids)
    ]


def _numbered(kinds: Sequence[Hashable]) -> list[int]:
    """Number of each kind, in the order in which they come up."""
    number = {kind: at for at, kind in enumerate(dict.fromkeys(kinds))}
    return [number[kind] for kind in kinds]


def _first(group: Ints) -> Ints:
    """The first member of every group."""
    return np.array([np.argmax(group == g) for g in range(group.max(initial=-1) + 1)], np.int64)


def _sums(values: Floats, group: Ints) -> Floats:
    return np.bincount(group, values).astype(np.float64)


def _batteries(fleet: Batteries, group: Ints, site: Ints) -> Batteries:
    first = _first(group)
    sums = {name: _sums(getattr(fleet, name), group) for name in SUMMED}
    return Batteries(
        ids=tuple(fleet.ids[b] for b in first),
        site=site[fleet.site[first]],
        reserve_kwh=_sums(floor_kwh(fleet), group),
        **{name: getattr(fleet, name)[first] for name in ALIKE},
        **sums,
    )


def _plants(plants: PvPlants, group: Ints, site: Ints) -> PvPlants:
    first = _first(group)
    available_kw = np.zeros((len(first), plants.available_kw.shape[1]))
    np.add.at(available_kw, group, plants.available_kw)
    return PvPlants(
        ids=tuple(plants.ids[g] for g in first),
        site=site[plants.site[first]],
        available_kw=available_kw,
        curtailable=tuple(plants.curtailable[g] for g in first),
    )


def _nodes(problem: Problem, kept: Kept) -> Nodes:
    nodes = problem.nodes
    above = np.where(kept.nodes > 0, kept.of_node[nodes.parent[kept.nodes]], -1)
    return Nodes(
        ids=tuple(nodes.ids[node] for node in kept.nodes),
        parent=above,
        import_kw=nodes.import_kw[kept.nodes],
        export_kw=nodes.export_kw[kept.nodes],
        contract_import_kw=nodes.contract_import_kw[kept.nodes],
        contract_export_kw=nodes.contract_export_kw[kept.nodes],
        margin_import_kw=nodes.margin_import_kw[kept.nodes],
        margin_export_kw=nodes.margin_export_kw[kept.nodes],
    )


def _last(problem: Problem, group: Ints) -> Schedule | None:
    """The last schedule, powers of a group added up under the name of its first member."""
    last, ids = problem.last_schedule, problem.batteries.ids
    if last is None:
        return None
    first = _first(group)
    name = {ids[b]: ids[first[group[b]]] for b in range(len(ids))}
    names = [name.get(asset, asset) for asset in last.assets]
    assets = tuple(dict.fromkeys(names))
    row = [assets.index(asset) for asset in names]
    power_kw, energy_kwh = np.zeros((2, len(assets), last.power_kw.shape[1]))
    np.add.at(power_kw, row, last.power_kw)
    np.add.at(energy_kwh, row, last.energy_kwh)
    return Schedule(assets=assets, power_kw=power_kw, energy_kwh=energy_kwh, grid_kw=last.grid_kw)
