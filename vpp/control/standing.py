"""Who is under control in this tick, and what each one is held to at its start."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.inputs import Timing
from vpp.control.sight import Sight
from vpp.control.state import AssetMemory
from vpp.control.stored_energy import Stored
from vpp.domain.arrays import Bools, Floats
from vpp.domain.ids import AssetId
from vpp.domain.session import EvSession
from vpp.domain.setpoint import LONGEST_LIFE_S


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """Arrays of shape (assets,)."""

    controlled: Bools
    """Decided in this tick; PV only where it can be curtailed."""
    first: Bools
    """Taken over in this tick: its first setpoint equals its measured power."""
    leaving: Bools
    """Was told something and is sent to its safe state now."""
    doubtful: Bools
    """Counts at its worst case: not heard, refusing or not obeying."""
    held_kw: Floats
    """Told, or measured where nothing is told."""
    door: Bools
    """No other asset of its device is written now."""
    free: Bools
    """May be written by interval and budget."""
    memory: AssetMemory


def eligible(
    pool: CompiledPool,
    sight: Sight,
    memory: AssetMemory,
    stored: Stored,
    wish_kw: Floats,
) -> Bools:
    """Writable, identified, online, read back, with the measurements that control needs.

    A charger without a car is eligible too.
    """
    able = (
        pool.writable & sight.reachable & sight.power.good & (sight.now_s >= memory.barred_until_s)
    )
    directed = sight.manual & np.isfinite(wish_kw)
    return able & (sight.auto | directed) & (stored.known | ~pool.battery)


def cars_present(pool: CompiledPool, sessions: Mapping[AssetId, EvSession | None]) -> Bools:
    return np.array(
        [
            car and sessions.get(asset) is not None
            for asset, car in zip(pool.assets, pool.car.tolist(), strict=True)
        ],
        dtype=np.bool_,
    )


def stand(
    pool: CompiledPool,
    sight: Sight,
    memory: AssetMemory,
    ready: Bools,
    cars_here: Bools,
    timing: Timing,
) -> Standing:
    """Who is taken over, who leaves, and who may be written.

    ``ready``: who could be controlled, but for a car.
    """
    told = np.isfinite(memory.told_kw)
    controlled = ready & (cars_here | ~pool.car)
    first = controlled & ~told & ~pool.pv
    plugged = first & pool.car & memory.ready
    gone_car = pool.car & ~cars_here
    allowed = sight.reachable & (sight.auto | sight.manual)
    leaving = told & ~controlled & allowed & ~memory.safe & ~pool.pv & ~gone_car
    kept = told & ~leaving & ~(gone_car & ~controlled)
    enabled = np.isfinite(memory.enabled_s) & (controlled | kept)
    memory = replace(
        memory,
        told_kw=np.where(kept, memory.told_kw, np.nan),
        enabled_s=np.where(first, sight.now_s, np.where(enabled, memory.enabled_s, np.nan)),
        enabled_kw=np.where(
            first & ~plugged,
            sight.power.values,
            np.where(enabled & ~plugged, memory.enabled_kw, np.nan),
        ),
        ready=ready,
    )
    door, rested = _at_the_door(pool, sight.now_s, memory, timing)
    return Standing(
        controlled=controlled,
        first=first,
        leaving=leaving,
        doubtful=(pool.battery | pool.car)
        & (~sight.power.good | (sight.now_s < memory.barred_until_s)),
        held_kw=np.where(np.isfinite(memory.told_kw), memory.told_kw, sight.power.values),
        door=door,
        free=door & rested & (memory.writes < pool.budget) & ~memory.unknown,
        memory=memory,
    )


def _at_the_door(
    pool: CompiledPool, now_s: float, memory: AssetMemory, timing: Timing
) -> tuple[Bools, Bools]:
    """Whose turn it is among those that a device carries, and whose device may be written again.

    The assets of a device have its interval in turn.
    """
    written_s = np.full(len(pool.devices) + 1, -np.inf)
    np.maximum.at(written_s, pool.device_of, memory.sent_s)
    interval_s = np.maximum(pool.write_interval_s, timing.write_interval_s)
    by_slots = ~np.isfinite(pool.refresh_s)
    interval_s = np.where(by_slots, np.maximum(interval_s, LONGEST_LIFE_S), interval_s)
    rested = now_s - written_s[pool.device_of] >= interval_s - 1e-6
    place, count = pool.turn
    own = np.floor((now_s + 1e-6) / np.maximum(interval_s, timing.tick_s)) % count == place
    return (count == 1) | (own & rested), rested
