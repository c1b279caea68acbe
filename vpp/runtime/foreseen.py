"""What plans counted on, hours before it came: from the plans that the reasons keep."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from vpp.domain.arrays import Floats
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.slots import SlotGrid

LEAD_S = 6 * 3600.0
"""A store is filled and emptied in hours: what the newest plan says of the running quarter hour
would be too late to have misled anybody."""
_unpack = msgspec.msgpack.Decoder().decode


def foreseen_net(path: Path, pool: PoolId, batteries: Sequence[AssetId], grid: SlotGrid) -> Floats:
    """Net without batteries as the newest plan at least six hours older counted on it.

    Where there is none so old, as the oldest one did. Shape (slots,), NaN where no plan tells.
    Blocks; reads no more than it needs.
    """
    starts_s = grid.edges_s[:-1]
    none = np.full(len(grid), np.nan)
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            query = "SELECT at_s FROM plan WHERE pool = ? AND at_s >= ? AND at_s < ? ORDER BY at_s"
            first_s = float(starts_s[0]) - 2 * LEAD_S
            found = database.execute(query, (pool, first_s, float(starts_s[-1]))).fetchall()
            if not found:
                return none
            issued_s = np.array([at_s for (at_s,) in found])
            chosen = np.searchsorted(issued_s, starts_s - LEAD_S, side="right") - 1
            chosen = np.maximum(chosen, 0)
            for one in np.unique(chosen).tolist():
                slots = np.flatnonzero((chosen == one) & (issued_s[chosen] <= starts_s))
                told = "SELECT told FROM plan WHERE pool = ? AND at_s = ?"
                (row,) = database.execute(told, (pool, float(issued_s[one]))).fetchone()
                none[slots] = _without(_unpack(row), batteries, starts_s[slots])
    except sqlite3.Error:
        return none
    return none


def _without(plan: Mapping[str, Any], batteries: Sequence[AssetId], starts_s: Floats) -> Floats:
    edges_s, powers = np.array(plan["edges_s"]), plan["power_kw"]
    moved = [powers[battery] for battery in batteries if battery in powers]
    rest_kw = np.array(plan["grid_kw"]) - np.sum(moved, axis=0)
    slot = np.searchsorted(edges_s, starts_s, side="right") - 1
    inside = (slot >= 0) & (slot < len(rest_kw))
    return np.where(inside, rest_kw[np.clip(slot, 0, len(rest_kw) - 1)], np.nan)
