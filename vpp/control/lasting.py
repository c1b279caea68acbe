"""What of the tick's memory outlives a restart: accounts and limits that must not lapse.

Everything else begins anew, since devices are read back.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from vpp.control.arbiter import fallen_before
from vpp.control.compiled import CompiledPool
from vpp.control.inputs import Timing
from vpp.control.state import ControlState, Ledger
from vpp.domain.arrays import Floats
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId
from vpp.domain.proposal import Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolAccount:
    """Of one pool."""

    day: int
    """Days since 1970, UTC, of which writes and starts are counted."""
    ledger: Ledger
    """Local use given up."""
    writes: Mapping[AssetId, float]
    starts: Mapping[AssetId, float]


def account_of(state: ControlState) -> PoolAccount:
    return PoolAccount(
        day=state.day,
        ledger=state.ledger,
        writes=_named(state, state.memory.writes),
        starts=_named(state, state.memory.starts),
    )


def _named(state: ControlState, counts: Floats) -> Mapping[AssetId, float]:
    return {AssetId(state.assets[at]): float(counts[at]) for at in np.flatnonzero(counts).tolist()}


def resumed(
    blank: ControlState,
    pool: CompiledPool,
    timing: Timing,
    account: PoolAccount,
    limits: Mapping[str, Proposal],
    *,
    unseen_s: float,
) -> ControlState:
    """The first state after a restart.

    Args:
        blank: As ``vpp.control.state.start`` gives it.
        pool: The pool.
        timing: Of the ticks.
        account: As it was kept.
        limits: Whose end must not be forgotten, by proposal id, in this run's city time; they may
            have ended meanwhile, and are then at their failsafe.
        unseen_s: City seconds before the end in which writes and starts may not have been counted:
            so many as could be made count as made, since a budget may only be thought smaller.
    """
    interval_s = np.maximum(pool.write_interval_s, timing.write_interval_s)
    unseen = np.ceil(unseen_s / interval_s)
    memory = replace(
        blank.memory,
        writes=_counts(pool, account.writes) + unseen,
        starts=_counts(pool, account.starts) + unseen,
    )
    return replace(
        blank,
        day=account.day,
        ledger=account.ledger,
        memory=memory,
        limits=limits,
        lapsed=fallen_before(limits, blank.started_s),
    )


def _counts(pool: CompiledPool, named: Mapping[AssetId, float]) -> Floats:
    return np.array([named.get(asset, 0.0) for asset in pool.assets])


def unseen_writes(facts: DeviceFacts, timing: Timing, unseen_s: float) -> int:
    """Writes that a device may have got in that time."""
    return math.ceil(unseen_s / max(facts.min_write_interval_s, timing.write_interval_s))
