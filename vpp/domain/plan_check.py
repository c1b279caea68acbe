"""Is this plan one that may be used? Pure validation of an untrusted plan against its problem.

A plan is complete, finite, on the problem's slots and inside every hard limit, or it is rejected
whole. Preferences (an unmet need, a contract exceeded) are no fault here: they stand in the plan's
explanation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vpp.domain.arrays import Floats, frozen
from vpp.domain.plan import Plan
from vpp.domain.plan_rules import TOLERANCE, outside
from vpp.domain.problem import Problem
from vpp.domain.store_check import store_rules


def broken_rules(plan: Plan, problem: Problem) -> list[str]:
    """Every rule that the plan breaks, with place and values; empty for a plan that may be used.

    The rules of the schedule are looked at only where the plan is complete, finite and on the
    problem's slots: before that they mean nothing.
    """
    broken = [*_identity(plan, problem), *_handover(plan, problem)]
    if not plan.grid.same_as(problem.grid):
        return broken
    shape = [*_schedule_shape(plan, problem)]
    if shape:
        return broken + shape
    return [
        *broken,
        *_batteries(plan, problem),
        *_plants(plan, problem),
        *_sessions(plan, problem),
        *store_rules(plan, problem),
        *_shared_ratings(plan, problem),
        *_network(plan, problem),
    ]


def node_flows(problem: Problem, site_kw: Floats) -> Floats:
    """Power through every node, shape (nodes, slots), from the net of every site (sites, slots)."""
    flow = np.zeros((len(problem.nodes.ids), len(problem.grid)))
    np.add.at(flow, problem.site_node, site_kw)
    for node in range(len(flow) - 1, 0, -1):
        flow[problem.nodes.parent[node]] += flow[node]
    return flow


def fixed_pv_kw(problem: Problem) -> Floats:
    """What of the available PV cannot be curtailed, shape (plants, slots)."""
    fixed = ~np.array(problem.pv.curtailable, dtype=bool)
    return np.asarray(problem.pv.available_kw * fixed[:, None])


def shared_out_kw(problem: Problem, index: int) -> Floats:
    """Output bound of a shared rating, shape (slots,): opened where fixed PV alone exceeds it."""
    rating = problem.shared[index]
    return np.asarray(np.maximum(rating.out_kw, fixed_pv_kw(problem)[rating.pv].sum(0)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RestFlows:
    """What flows while storage rests and sessions get only what is guaranteed; kW, import positive.

    The lower end of each range uses all PV that can be used, the upper end curtails all it may.
    """

    site_low: Floats
    """Shape (sites, slots)."""
    site_high: Floats
    low: Floats
    """Shape (nodes, slots), inside the bounds of the nodes beneath."""
    high: Floats
    lower: Floats
    """Hard bounds: the ratings, opened where the whole range lies beyond."""
    upper: Floats


def flow_bounds(problem: Problem) -> tuple[Floats, Floats]:
    """Hard lower and upper bound of the power through every node, shape (nodes, slots).

    They are the ratings, opened only where demand that nothing controls exceeds them: there the
    bound is what storage at rest, the guaranteed part of EV charging and the best use of PV reach
    together, so that a schedule inside all bounds always exists.
    """
    rest = rest_flows(problem)
    return rest.lower, rest.upper


@lru_cache(maxsize=4)
def rest_flows(problem: Problem) -> RestFlows:
    """Ranges from the leaves to the pool's node, each cut to what the node lets through.

    Planning and checking ask for them again and again: the last few problems' are kept.
    """
    demand = problem.load_kw.copy()
    np.add.at(demand, problem.sessions.site, problem.sessions.guaranteed_kw)
    least, most = demand.copy(), demand.copy()
    np.subtract.at(least, problem.pv.site, usable_pv_kw(problem))
    np.subtract.at(most, problem.pv.site, fixed_pv_kw(problem))
    lower, upper = -problem.nodes.export_kw, problem.nodes.import_kw.copy()
    low, high = np.zeros(upper.shape), np.zeros(upper.shape)
    np.add.at(low, problem.site_node, least)
    np.add.at(high, problem.site_node, most)
    for node in range(len(upper) - 1, -1, -1):
        upper[node] = np.maximum(upper[node], low[node])
        lower[node] = np.minimum(lower[node], high[node])
        low[node] = np.clip(low[node], lower[node], upper[node])
        high[node] = np.clip(high[node], lower[node], upper[node])
        if (parent := problem.nodes.parent[node]) >= 0:
            low[parent] += low[node]
            high[parent] += high[node]
    return RestFlows(
        site_low=frozen(least),
        site_high=frozen(most),
        low=frozen(low),
        high=frozen(high),
        lower=frozen(lower),
        upper=frozen(upper),
    )


def usable_pv_kw(problem: Problem) -> Floats:
    """What PV can give while storage rests: available, capped by shared ratings pro rata."""
    usable, fixed = problem.pv.available_kw.copy(), fixed_pv_kw(problem)
    for index, rating in enumerate(problem.shared):
        room = shared_out_kw(problem, index) - fixed[rating.pv].sum(0)
        free = usable[rating.pv] - fixed[rating.pv]
        total = free.sum(0)
        part = np.minimum(1.0, room / np.maximum(total, 1e-12))
        usable[rating.pv] = fixed[rating.pv] + free * part
    return np.asarray(usable)


def _identity(plan: Plan, problem: Problem) -> Iterator[str]:
    if plan.pool != problem.pool:
        yield f"plan is for pool {plan.pool}, asked was {problem.pool}"
    if plan.order != problem.goals.order:
        yield f"plan follows the order {plan.order}, asked was {problem.goals.order}"
    if not plan.grid.same_as(problem.grid):
        yield (
            f"plan has {len(plan.grid)} slots from {plan.grid.start.isoformat()},"
            f" asked were {len(problem.grid)} from {problem.grid.start.isoformat()}"
        )


def _handover(plan: Plan, problem: Problem) -> Iterator[str]:
    slots = len(plan.grid)
    if not plan.curve.grid.same_as(plan.grid):
        yield "the value curve stands on other slots than the plan"
    slopes = np.diff(plan.curve.cost, axis=2) / np.diff(plan.curve.energy_kwh)
    bends = np.diff(slopes, axis=2) < -1e-6 * max(1.0, float(np.abs(slopes).max()))
    if bends.any():
        slot = int(np.argwhere(bends)[0][0])
        yield f"the value curve is not convex in energy in slot {slot}"
    yield from _costs(plan, slots)
    yield from _bands_and_corridors(plan, problem)
    for envelope in plan.envelopes:
        name = f"envelope of {envelope.appointment} at {envelope.asset}"
        yield from _bounds(name, envelope.least_kwh, envelope.most_kwh, slots, finite=True)
        if not np.isfinite(envelope.worth):
            yield f"{name}: worth is {envelope.worth}"
    low = plan.least_net_kw
    if low is not None and (low.shape != (slots,) or not np.isfinite(low).all()):
        yield f"the least net has shape {low.shape}, or is not finite"
    worth = plan.share_worth
    if worth is not None:
        if worth.shape != (len(plan.share_assets), slots):
            yield f"share order has shape {worth.shape}, expected {(len(plan.share_assets), slots)}"
        elif not np.isfinite(worth).all():
            yield "share order is not finite"


def _bands_and_corridors(plan: Plan, problem: Problem) -> Iterator[str]:
    slots, known = len(plan.grid), set(problem.nodes.ids)
    for band in plan.bands:
        if band.node not in known:
            yield f"band for node {band.node}, which is not in the problem"
        yield from _bounds(f"band of node {band.node}", band.lo_kw, band.hi_kw, slots)
    for corridor in plan.corridors:
        yield from _bounds(
            f"corridor of {corridor.asset}", corridor.lo_kwh, corridor.hi_kwh, slots, finite=True
        )


def _costs(plan: Plan, slots: int) -> Iterator[str]:
    for name in ("import_weight", "export_weight", "flatten", "peak_weight", "ramp_weight"):
        values = getattr(plan.costs, name)
        if values.shape != (slots,):
            yield f"slot costs {name} has shape {values.shape}, expected {(slots,)}"
        elif not np.isfinite(values).all():
            yield f"slot costs {name} is not finite"
    if np.isnan(plan.costs.peak_threshold_kw).any():
        yield "slot costs peak_threshold_kw is not a number"


def _bounds(
    name: str, low: Floats, high: Floats, slots: int, *, finite: bool = False
) -> Iterator[str]:
    if low.shape != (slots,) or high.shape != (slots,):
        yield f"{name} has shapes {low.shape} and {high.shape}, expected {(slots,)}"
    elif np.isnan(low).any() or np.isnan(high).any():
        yield f"{name} is not a number"
    elif finite and not (np.isfinite(low).all() and np.isfinite(high).all()):
        yield f"{name} is not finite"
    elif (low > high + TOLERANCE).any():
        slot = int(np.argmax(low > high + TOLERANCE))
        yield f"{name} is empty in slot {slot}: {low[slot]:g} above {high[slot]:g}"


def _schedule_shape(plan: Plan, problem: Problem) -> Iterator[str]:
    schedule, slots = plan.schedule, len(problem.grid)
    held = schedule.assets
    if len(set(held)) != len(held):
        yield "the schedule names an asset twice"
    asked = {*problem.batteries.ids, *problem.pv.ids, *problem.sessions.assets}
    asked |= {*problem.converters.ids}
    if missing := sorted(asked - set(held)):
        yield f"the schedule leaves out {', '.join(missing)}"
    if foreign := sorted(set(held) - asked):
        yield f"the schedule names {', '.join(foreign)}, not in the problem"
    if schedule.grid_kw.shape != (slots,):
        yield f"grid_kw has shape {schedule.grid_kw.shape}, expected {(slots,)}"
    for name in ("power_kw", "energy_kwh"):
        values = getattr(schedule, name)
        if values.shape != (len(held), slots):
            yield f"{name} has shape {values.shape}, expected {(len(held), slots)}"
    if not (np.isfinite(schedule.power_kw).all() and np.isfinite(schedule.grid_kw).all()):
        yield "the schedule is not finite"
    for asset in problem.batteries.ids:
        if (
            asset in held
            and schedule.energy_kwh.shape == (len(held), slots)
            and not np.isfinite(schedule.energy_kwh[held.index(asset)]).all()
        ):
            yield f"stored energy of {asset} is not finite"


def _batteries(plan: Plan, problem: Problem) -> Iterator[str]:
    fleet, hours = problem.batteries, problem.grid.hours
    if not fleet.ids:
        return
    rows = [plan.schedule.assets.index(asset) for asset in fleet.ids]
    power, energy = plan.schedule.power_kw[rows], plan.schedule.energy_kwh[rows]
    yield from outside(
        "power of", fleet.ids, power, -fleet.discharge_kw[:, None], fleet.charge_kw[:, None]
    )
    lowest = np.minimum(fleet.min_kwh, fleet.energy_kwh)[:, None]
    highest = np.maximum(fleet.max_kwh, fleet.energy_kwh)[:, None]
    yield from outside("stored energy of", fleet.ids, energy, lowest, highest, unit="kWh")
    gain = np.where(
        power > 0, power * fleet.eta_charge[:, None], power / fleet.eta_discharge[:, None]
    )
    before = np.concatenate([fleet.energy_kwh[:, None], energy[:, :-1]], axis=1)
    expected = before + hours * gain
    yield from outside(
        "stored energy of", fleet.ids, energy, expected, expected, unit="kWh by its power"
    )


def _plants(plan: Plan, problem: Problem) -> Iterator[str]:
    if problem.pv.ids:
        rows = [plan.schedule.assets.index(asset) for asset in problem.pv.ids]
        used = -plan.schedule.power_kw[rows]
        yield from outside(
            "PV use of", problem.pv.ids, used, fixed_pv_kw(problem), problem.pv.available_kw
        )


def _sessions(plan: Plan, problem: Problem) -> Iterator[str]:
    chargers = tuple(dict.fromkeys(problem.sessions.assets))
    if not chargers:
        return
    least, most = np.zeros((2, len(chargers), len(problem.grid)))
    at = [chargers.index(asset) for asset in problem.sessions.assets]
    np.add.at(least, at, problem.sessions.guaranteed_kw)
    np.add.at(most, at, problem.sessions.max_kw)
    rows = [plan.schedule.assets.index(asset) for asset in chargers]
    yield from outside("power of", chargers, plan.schedule.power_kw[rows], least, most)


def _shared_ratings(plan: Plan, problem: Problem) -> Iterator[str]:
    for index, rating in enumerate(problem.shared):
        names = [problem.batteries.ids[b] for b in rating.batteries]
        names += [problem.pv.ids[g] for g in rating.pv]
        rows = [plan.schedule.assets.index(asset) for asset in names]
        power = plan.schedule.power_kw[rows].sum(0)
        low = -shared_out_kw(problem, index)
        label = (" and ".join(names),)
        yield from outside("shared rating of", label, power[None], low[None], rating.in_kw)


def _network(plan: Plan, problem: Problem) -> Iterator[str]:
    site_kw = problem.load_kw.copy()
    owner = dict(zip(problem.batteries.ids, problem.batteries.site, strict=True))
    owner |= dict(zip(problem.pv.ids, problem.pv.site, strict=True))
    owner |= dict(zip(problem.sessions.assets, problem.sessions.site, strict=True))
    owner |= dict(zip(problem.converters.ids, problem.converters.site, strict=True))
    np.add.at(site_kw, [owner[asset] for asset in plan.schedule.assets], plan.schedule.power_kw)
    net = site_kw.sum(0)
    yield from outside("grid power of", (problem.pool,), plan.schedule.grid_kw[None], net, net)
    lower, upper = flow_bounds(problem)
    yield from outside(
        "power through node", problem.nodes.ids, node_flows(problem, site_kw), lower, upper
    )
