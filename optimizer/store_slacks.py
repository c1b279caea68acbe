"""Hydrogen and heat that a plan leaves unserved, and what stood in the way."""

from collections.abc import Iterator

import numpy as np

from optimizer.limiting import LEAST, NO_ROOM, limiting
from optimizer.model.decisions import Decisions
from optimizer.stages.order import Run
from vpp.domain.arrays import Floats, Ints
from vpp.domain.plan import Slack
from vpp.domain.problem import Problem
from vpp.domain.stores import content_bounds, gained, kept_part


def store_slacks(run: Run, decisions: Decisions) -> Iterator[Slack]:
    """Demand unmet, and content missing to what is to be kept, by store."""
    problem = run.model.problem
    stores, floor = problem.stores, run.model.conversion.floor
    if not stores.ids:
        return
    able, held = _able(problem), decisions.content(problem)
    for k, store in enumerate(stores.ids):
        substance, unmet = stores.substance[k], decisions.unmet[k]
        if (total := float(unmet.sum())) > LEAST:
            slots = np.flatnonzero(unmet > LEAST / len(unmet))
            name, dual = _in_the_way(run, k, total - able[k], f"S0 {substance} unmet", slots)
            yield _slack(
                f"{substance} unmet at {store}", total, substance.unit, (name, dual), slots
            )
        below = np.maximum(np.minimum(stores.least[k], floor[k]) - held[k], 0.0)
        if below.max() > LEAST:
            slots = np.flatnonzero(below > LEAST)
            name, dual = _in_the_way(run, k, np.inf, f"S0 {substance} below least", slots)
            what = f"{substance} to be kept at {store}"
            yield _slack(what, float(below.max()), substance.unit, (name, dual), slots)


def _slack(what: str, amount: float, unit: str, why: tuple[str, float], slots: Ints) -> Slack:
    return Slack(
        what=what,
        amount=amount,
        unit=unit,
        limited_by=why[0],
        dual=why[1],
        first_slot=int(slots[0]),
        last_slot=int(slots[-1]),
    )


def _in_the_way(run: Run, k: int, beyond: float, stage: str, slots: Ints) -> tuple[str, float]:
    """The limit with the largest dual above whatever fills the store, up to the last slot short.

    ``beyond``: how much more is unmet than power and tank alone would leave.
    """
    problem = run.model.problem
    makers, store = problem.converters, problem.stores.ids[k]
    fills = np.flatnonzero((makers.store == k) & (makers.per_kwh >= 0).all(axis=1))
    if not len(fills):
        return f"nothing that fills {store}", 1.0
    names = " and ".join(makers.ids[c] for c in fills)
    if beyond <= LEAST:
        return f"power of {names} and content of {store}", 1.0
    until = np.arange(int(slots[-1]) + 1)
    found = [limiting(run, stage, int(site), until) for site in np.unique(makers.site[fills])]
    name, dual = max(found, key=lambda one: one[1])
    if name == NO_ROOM:
        return f"least power or ramp of {names}, or {NO_ROOM}", 0.0
    return name, dual


def _able(problem: Problem) -> Floats:
    """Of each store the demand unmet with every filler at full power wherever there is room."""
    stores, makers, hours = problem.stores, problem.converters, problem.grid.hours
    fills = (makers.per_kwh >= 0).all(axis=1)
    full_kw = np.where(fills, makers.max_kw, 0.0)[:, None] * np.ones(len(hours))
    full, kept = gained(stores, makers, full_kw, hours), kept_part(stores, hours)
    low, high = content_bounds(stores, hours)
    held, unmet = stores.content, np.zeros(len(stores.ids))
    for slot in range(len(hours)):
        there = kept[:, slot] * held + full[:, slot]
        served = np.clip(there - low[:, slot], 0.0, stores.demand[:, slot])
        unmet += stores.demand[:, slot] - served
        held = np.minimum(there - served, high[:, slot])
    return np.asarray(unmet)
