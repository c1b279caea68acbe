"""Why a plan is as it is: stage values, and every preference missed with what stood in its way."""

from collections.abc import Iterator

import numpy as np

from optimizer.limiting import LEAST, limit_name, limiting
from optimizer.model.battery import energy_targets, floor_kwh
from optimizer.model.decisions import Decisions
from optimizer.model.network import Excess, contract_caps
from optimizer.model.pool import PoolModel
from optimizer.model.sessions import deliverable_kwh
from optimizer.stages.order import Run
from optimizer.store_slacks import store_slacks
from vpp.domain.arrays import Bools, Floats
from vpp.domain.plan import Slack, StageValue
from vpp.domain.problem import Problem


def stage_values(run: Run, x: Floats) -> tuple[StageValue, ...]:
    """What every solved stage reached at the point that the plan ends in."""
    return tuple(
        StageValue(
            stage=solved.stage.name,
            value=float((solved.stage.cost * x).sum()) + solved.stage.constant,
            unit=solved.stage.unit,
        )
        for solved in run.solved
    )


def slacks(run: Run, decisions: Decisions, x: Floats) -> tuple[Slack, ...]:
    """Limits exceeded, energy, hydrogen and heat unmet, reserve missing."""
    return (
        *_exceeded_limits(run, x),
        *_unmet_sessions(run, decisions),
        *store_slacks(run, decisions),
        *_missing_reserve(run, decisions),
    )


def _exceeded_limits(run: Run, x: Floats) -> Iterator[Slack]:
    hours = run.model.problem.grid.hours
    for part in run.model.network.excess:
        for kept in np.unique(part.kept):
            mine = part.kept == kept
            over = _beyond(run.model, part, x)[mine]
            if over.max() > LEAST:
                slots = part.slot[mine][over > LEAST]
                yield Slack(
                    what=f"{part.kind} of {limit_name(run.model, int(kept), part.direction)}",
                    amount=float(over @ hours[part.slot[mine]]),
                    unit="kWh",
                    limited_by=f"{limit_name(run.model, int(kept), part.direction)} {part.kind}",
                    dual=_excess_dual(run, part, mine),
                    first_slot=int(slots.min()),
                    last_slot=int(slots.max()),
                )


def _beyond(model: PoolModel, part: Excess, x: Floats) -> Floats:
    """What lies beyond a limit; of a margin at most all of it, the rest is the contract's."""
    over = np.asarray(x[part.column])
    if part.kind != "contract margin":
        return over
    nodes, at = model.problem.nodes, (model.network.nodes[part.kept], part.slot)
    contract_kw = (nodes.contract_import_kw if part.direction > 0 else nodes.contract_export_kw)[at]
    return np.minimum(over, contract_kw - part.limit_kw)


def margin_notes(problem: Problem) -> Iterator[str]:
    """What is kept beneath the contracts for the errors of the forecasts."""
    nodes, caps = problem.nodes, contract_caps(problem)
    for way, contract_kw, cap_kw in (
        ("import", nodes.contract_import_kw, caps.import_kw),
        ("export", nodes.contract_export_kw, caps.export_kw),
    ):
        less: Bools = cap_kw < contract_kw - LEAST
        for node in np.flatnonzero(less.any(1)):
            kept = contract_kw[node, less[node]] - cap_kw[node, less[node]]
            yield (
                f"margin beneath the {way} contract of node {nodes.ids[node]}, for the forecasts'"
                f" own recent errors: {kept.min():.3g} to {kept.max():.3g} kW"
            )


def _unmet_sessions(run: Run, decisions: Decisions) -> Iterator[Slack]:
    problem = run.model.problem
    sessions, deliverable = problem.sessions, deliverable_kwh(problem)
    given = decisions.ev @ problem.grid.hours
    for v, session in enumerate(sessions.ids):
        unmet = float(sessions.need_kwh[v] - given[v])
        stay = np.flatnonzero(sessions.max_kw[v] > 0)
        if unmet <= LEAST:
            continue
        name, dual = "charger power and stay", 1.0
        if deliverable[v] - given[v] > LEAST and len(stay):
            name, dual = limiting(run, "S0 EV", int(sessions.site[v]), stay)
        yield Slack(
            what=f"EV session {session} at {sessions.assets[v]}",
            amount=unmet,
            unit="kWh",
            limited_by=name,
            dual=dual,
            first_slot=int(stay[0]) if len(stay) else 0,
            last_slot=int(stay[-1]) if len(stay) else 0,
        )


def _missing_reserve(run: Run, decisions: Decisions) -> Iterator[Slack]:
    problem = run.model.problem
    fleet, targets = problem.batteries, energy_targets(problem)
    energy = decisions.energy(problem)
    asked = floor_kwh(fleet)
    below = np.maximum(asked[:, None] - energy, 0.0)
    above = np.maximum(energy - fleet.max_kwh[:, None], 0.0)
    for missing, what in ((below, "reserve"), (above, "upper end of the window")):
        for b in np.flatnonzero(missing.max(1, initial=0.0) > LEAST):
            slots = np.flatnonzero(missing[b] > LEAST)
            more = np.maximum(targets.floor[b] - energy[b], energy[b] - targets.ceiling[b])
            name, dual = "power of the battery", 1.0
            if more.max() > LEAST:
                name, dual = limiting(run, "S0 reserve", int(fleet.site[b]), slots)
            yield Slack(
                what=f"{what} of {fleet.ids[b]}",
                amount=float(missing[b].max()),
                unit="kWh",
                limited_by=name,
                dual=dual,
                first_slot=int(slots[0]),
                last_slot=int(slots[-1]),
            )


def _excess_dual(run: Run, part: Excess, mine: Bools) -> float:
    """Largest dual of this limit's rows in the stage that minimised its excess."""
    rows = run.model.program.rows[
        f"{part.kind} {'import' if part.direction > 0 else 'export'} excess"
    ]
    for solved in run.solved:
        if solved.stage.name == f"S0 {part.kind} excess":
            return float(np.abs(solved.solution.duals[rows[mine]]).max())
    return 0.0
