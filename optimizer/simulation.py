"""The surplus rule over a forecast: cars on arrival, surplus stored, deficits served.

Hydrogen and heat come after the cars, by what will be asked for.
"""

from dataclasses import replace

import numpy as np

from optimizer.levelling import levelled
from optimizer.model.battery import floor_kwh
from optimizer.model.decisions import Decisions, at_rest
from optimizer.simulated_conversion import ConversionRule
from optimizer.simulated_flows import Fitting
from vpp.domain.arrays import Floats
from vpp.domain.plan_check import (
    RestFlows,
    fixed_pv_kw,
    rest_flows,
    shared_out_kw,
    usable_pv_kw,
)
from vpp.domain.problem import Problem


def simulate(problem: Problem) -> Decisions:
    """A schedule inside every hard limit, slot after slot."""
    rest = rest_flows(problem)
    used = _used_at_rest(problem, rest)
    ev = _cars(problem, rest, used)
    resting = replace(at_rest(problem), used=used, ev=ev)
    if problem.stores.ids:
        run, unmet = ConversionRule(problem, rest).run(resting.site_kw(problem))
        resting = replace(resting, run=run, unmet=unmet)
    return _storage(problem, rest, resting)


def _used_at_rest(problem: Problem, rest: RestFlows) -> Floats:
    """PV used so that all nodes are inside their bounds: as much as can be, shared pro rata.

    From the pool's node down, every node hands its members the same part of their ranges.
    """
    target = rest.low.copy()
    share = np.zeros(target.shape)
    for node in range(len(target)):
        children = np.flatnonzero(problem.nodes.parent == node)
        sites = np.flatnonzero(problem.site_node == node)
        low = rest.low[children].sum(0) + rest.site_low[sites].sum(0)
        width = rest.high[children].sum(0) + rest.site_high[sites].sum(0) - low
        part = np.clip((target[node] - low) / np.maximum(width, 1e-12), 0.0, 1.0)
        share[node] = np.where(width > 1e-12, part, 0.0)
        target[children] = rest.low[children] + share[node] * (
            rest.high[children] - rest.low[children]
        )
    most, fixed = usable_pv_kw(problem), fixed_pv_kw(problem)
    curtailed = share[problem.site_node[problem.pv.site]]
    return np.asarray(most - curtailed * (most - fixed))


def _cars(problem: Problem, rest: RestFlows, used: Floats) -> Floats:
    """Guaranteed power, and on top as much as fits, from arrival on until the need is met."""
    sessions, hours = problem.sessions, problem.grid.hours
    ev = sessions.guaranteed_kw.copy()
    base = replace(at_rest(problem), used=used, ev=ev).site_kw(problem)
    left = sessions.need_kwh - ev @ hours
    fitting = Fitting(problem, rest, sessions.site)
    for slot, h in enumerate(hours):
        room = sessions.max_kw[:, slot] - sessions.guaranteed_kw[:, slot]
        wish = np.clip(np.minimum(room, left / h), 0.0, None)
        given = wish * fitting.part(slot, base[:, slot], wish)
        ev[:, slot] += given
        left = left - given * h
    return ev


def _storage(problem: Problem, rest: RestFlows, resting: Decisions) -> Decisions:
    """Every battery's power shared by hours left, on top of what it takes from behind its rating.

    Sun that a shared rating keeps from the grid costs nothing and loads no node: whatever the pool
    needs, it is stored by the batteries of the same device.
    """
    fleet, hours = problem.batteries, problem.grid.hours
    power = np.zeros((len(fleet.ids), len(problem.grid)))
    energy, used = fleet.energy_kwh.copy(), resting.used.copy()
    site_kw, floor = resting.site_kw(problem), floor_kwh(fleet)
    fitting = Fitting(problem, rest, fleet.site)
    for slot, h in enumerate(hours):
        net = float(site_kw[:, slot].sum())
        free = _behind_ratings(problem, used[:, slot], slot, (fleet.max_kwh - energy) / h)
        room = np.maximum(fleet.max_kwh - energy - h * fleet.eta_charge * free, 0.0)
        stock = np.maximum(energy - floor, 0.0)
        if net < 0:
            wish = _by_hours_left(-net, room / fleet.eta_charge, fleet.charge_kw - free, h)
        else:
            wish = -_by_hours_left(net, stock * fleet.eta_discharge, fleet.discharge_kw, h)
        wish = _within_shared(problem, wish, resting.used[:, slot], slot)
        wish = wish * fitting.part(slot, site_kw[:, slot], wish)
        power[:, slot] = wish + free
        gain = np.where(
            power[:, slot] > 0,
            power[:, slot] * fleet.eta_charge,
            power[:, slot] / fleet.eta_discharge,
        )
        energy = energy + h * gain
    return replace(
        resting, charge=np.maximum(power, 0.0), discharge=np.maximum(-power, 0.0), used=used
    )


def _behind_ratings(problem: Problem, used: Floats, slot: int, room_kw: Floats) -> Floats:
    """What batteries charge from unused sun of their own device, kW; adds it to the sun used.

    ``room_kw``: power that would fill each battery within the slot, in stored energy.
    """
    fleet, taken = problem.batteries, np.zeros(len(problem.batteries.ids))
    for rating in problem.shared:
        unused = problem.pv.available_kw[rating.pv, slot] - used[rating.pv]
        most = np.minimum(fleet.charge_kw, np.maximum(room_kw, 0.0) / fleet.eta_charge)
        able = (most - taken)[rating.batteries]
        total = min(float(unused.sum()), float(able.sum()))
        if total <= 0.0:
            continue
        taken[rating.batteries] += total * able / able.sum()
        used[rating.pv] += total * unused / unused.sum()
    return taken


def _by_hours_left(total_kw: float, energy_kwh: Floats, limit_kw: Floats, h: float) -> Floats:
    """``energy_kwh`` is what each can still take or give at its terminals in ``h`` hours."""
    left_h = energy_kwh / np.maximum(limit_kw, 1e-9)
    most_kw = np.minimum(limit_kw, energy_kwh / h)
    return levelled(total_kw, left_h, limit_kw, np.zeros(len(most_kw)), most_kw, h)


def _within_shared(problem: Problem, wish: Floats, used: Floats, slot: int) -> Floats:
    """``used``: sun that goes out through the ratings, not into batteries behind them."""
    wish = wish.copy()
    for index, rating in enumerate(problem.shared):
        mine, sun = wish[rating.batteries], float(used[rating.pv].sum())
        taken, given = mine[mine > 0].sum(), -mine[mine < 0].sum()
        most_in = max(rating.in_kw + sun, 0.0)
        most_out = max(float(shared_out_kw(problem, index)[slot]) - sun, 0.0)
        scale_in = min(1.0, most_in / taken) if taken > 0 else 1.0
        scale_out = min(1.0, most_out / given) if given > 0 else 1.0
        wish[rating.batteries] = np.where(mine > 0, mine * scale_in, mine * scale_out)
    return wish
