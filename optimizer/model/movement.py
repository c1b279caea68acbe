"""Absolute changes: of the schedule against the last one, and of grid power from slot to slot."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.model.battery import BatteryBlock
from optimizer.model.blocks import Blocks
from optimizer.model.conversion import ConversionBlock
from optimizer.model.decisions import Decisions
from optimizer.model.network import NetworkBlock
from optimizer.model.sessions import SessionBlock
from vpp.domain.arrays import Floats, Ints
from vpp.domain.ids import AssetId
from vpp.domain.plan import Schedule
from vpp.domain.problem import Problem
from vpp.domain.slots import SlotGrid

STABLE_H = 2.0
"""The last plan is kept to over the next two hours."""
KNOWN = 1e-6
"""Part of a slot that the last plan may lack."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChangeBlock:
    """Columns of ``|power - last power|``.

    Of storage and converters (assets, slots), of sessions by (session, slot) pairs.
    """

    battery: Ints
    battery_last: Floats
    row: Ints
    slot: Ints
    converter: Ints
    converter_last: Floats
    converter_row: Ints
    session: Ints
    session_last: Floats
    session_at: tuple[Ints, Ints]

    def fill(self, x: Floats, decisions: Decisions) -> None:
        power = (decisions.charge - decisions.discharge)[self.row[:, None], self.slot]
        x[self.battery] = np.abs(power - self.battery_last)
        x[self.session] = np.abs(decisions.ev[self.session_at] - self.session_last)
        run = decisions.run[self.converter_row[:, None], self.slot]
        x[self.converter] = np.abs(run - self.converter_last)


def last_storage_kw(problem: Problem) -> Floats:
    """What a plan should keep to, shape (batteries, slots); NaN where nothing is to be kept."""
    kept = np.full((len(problem.batteries.ids), len(problem.grid)), np.nan)
    last, grid = problem.last_schedule, problem.last_grid
    if last is None or grid is None:
        return kept
    slot, parts = _soon(problem, grid)
    row_then = {asset: i for i, asset in enumerate(last.assets)}
    for b, asset in enumerate(problem.batteries.ids):
        if asset in row_then:
            kept[b, slot] = parts @ last.power_kw[row_then[asset]]
    return kept


def _soon(problem: Problem, last: SlotGrid) -> tuple[Ints, Floats]:
    """Slots in which the last plan is kept to, and which parts of them lie in which of its slots.

    So the energy of each is that of the last plan, however its slots were cut.
    """
    parts = problem.grid.parts_of(last)
    middle = (problem.grid.edges_s[:-1] + problem.grid.edges_s[1:]) / 2.0
    soon = middle < problem.grid.edges_s[0] + STABLE_H * 3600.0
    slot = np.flatnonzero(soon & (parts.sum(axis=1) > 1.0 - KNOWN))
    return slot, parts[slot]


def add_change(
    blocks: Blocks,
    problem: Problem,
    batteries: BatteryBlock,
    sessions: SessionBlock,
    conversion: ConversionBlock,
) -> ChangeBlock | None:
    """``d >= +-(power - last power)`` for the slots that the last schedule knows; else None."""
    last, grid = problem.last_schedule, problem.last_grid
    if last is None or grid is None:
        return None
    slot, parts = _soon(problem, grid)
    known = {asset: i for i, asset in enumerate(last.assets)}
    fleet, makers = problem.batteries, problem.converters
    row, battery_last = _kept_to(last, fleet.ids, parts)
    converter_row, converter_last = _kept_to(last, makers.ids, parts)
    converter_last = converter_last * makers.sign[converter_row, None]
    rating = np.maximum(fleet.charge_kw, fleet.discharge_kw)[row, None]
    at = (row[:, None], slot)
    battery = _absolute(
        blocks, "change of storage", battery_last, np.abs(battery_last) + rating,
        (1.0, batteries.charge[at]), (-1.0, batteries.discharge[at]),
    )  # fmt: skip
    most = np.abs(converter_last) + makers.max_kw[converter_row, None]
    run = conversion.segment[converter_row[:, None], :, slot]
    converter = _absolute(blocks, "change of converters", converter_last, most, (1.0, run))
    at_slot = {one: i for i, one in enumerate(slot.tolist())}
    near = [
        i
        for i, (v, t) in enumerate(zip(sessions.session, sessions.slot, strict=True))
        if problem.sessions.assets[v] in known and int(t) in at_slot
    ]
    v, t = sessions.session[near], sessions.slot[near]
    session_last = np.array(
        [
            last.power_kw[known[problem.sessions.assets[i]]] @ parts[at_slot[int(j)]]
            for i, j in zip(v, t, strict=True)
        ]
    )
    session = _absolute(
        blocks, "change of charging", session_last,
        np.abs(session_last) + problem.sessions.max_kw[v, t], (1.0, sessions.power[near]),
    )  # fmt: skip
    return ChangeBlock(
        battery=battery,
        battery_last=battery_last,
        row=row,
        slot=slot,
        converter=converter,
        converter_last=converter_last,
        converter_row=converter_row,
        session=session,
        session_last=session_last,
        session_at=(v, t),
    )


def _kept_to(last: Schedule, ids: Sequence[AssetId], parts: Floats) -> tuple[Ints, Floats]:
    """Which assets the last schedule knows, and their mean power over these parts of its slots."""
    known = {asset: i for i, asset in enumerate(last.assets)}
    row = np.array([i for i, asset in enumerate(ids) if asset in known], dtype=np.int64)
    rows_then = np.array([known[ids[i]] for i in row], dtype=np.int64)
    return row, (last.power_kw[rows_then] @ parts.T).reshape(len(row), len(parts))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridShapeBlock:
    """Columns of the ramp (slots - 1,) and of the horizon's highest import (1,)."""

    ramp: Ints
    highest: Ints

    def fill(self, x: Floats, net: Floats) -> None:
        x[self.ramp] = np.abs(np.diff(net))
        x[self.highest] = max(float(net.max(initial=0.0)), 0.0)


def add_grid_shape(
    blocks: Blocks, problem: Problem, network: NetworkBlock, range_kw: float
) -> GridShapeBlock:
    """``r_t >= +-(F_t - F_(t-1))`` and ``H >= I_t``, for the weighted order."""
    i, e = network.imported, network.exported
    ramp = _absolute(
        blocks, "ramp", np.zeros(len(problem.grid) - 1), range_kw,
        (1.0, i[1:]), (-1.0, i[:-1]), (-1.0, e[1:]), (1.0, e[:-1]),
    )  # fmt: skip
    highest = blocks.columns("highest import", (1,), 0.0, range_kw)
    rows = blocks.rows("highest import", i.shape, 0.0, np.inf, (-1.0, i))
    blocks.add(rows, highest, 1.0)
    return GridShapeBlock(ramp=ramp, highest=highest)


def _absolute(
    blocks: Blocks, name: str, target: Floats, most: Floats | float, *terms: tuple[float, Ints]
) -> Ints:
    """Columns at least ``|sum of terms - target|`` and at most ``most``."""
    column = blocks.columns(name, target.shape, 0.0, most)
    opposite = tuple((-factor, columns) for factor, columns in terms)
    blocks.rows(f"{name} down", target.shape, target, np.inf, (1.0, column), *terms)
    blocks.rows(f"{name} up", target.shape, -target, np.inf, (1.0, column), *opposite)
    return column
