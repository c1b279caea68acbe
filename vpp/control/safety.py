"""The last word before a setpoint leaves: pure bounds that nothing above them can widen."""

from dataclasses import dataclass

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.residual import Ground
from vpp.control.rows import Currents
from vpp.control.sharing import Bounds
from vpp.control.sight import Seen, Sight
from vpp.control.stored_energy import Stored
from vpp.domain.arrays import Bools, Floats

ENABLING_S = 60.0
"""From measured power to the full range, after an asset came under control."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Range:
    """What each asset may be told, shape (assets,), kW.

    Always holds a power, zero where nothing else is safe.
    """

    lo_kw: Floats
    hi_kw: Floats

    def cut(self, lo_kw: Floats, hi_kw: Floats) -> "Range":
        """The part inside other bounds.

        Where they do not meet, this range's end nearest to them.
        """
        return Range(
            lo_kw=self.clip(lo_kw),
            hi_kw=self.clip(hi_kw),
        )

    def clip(self, power_kw: Floats) -> Floats:
        # np.clip takes four times as long for a site's few assets
        return np.asarray(np.minimum(np.maximum(power_kw, self.lo_kw), self.hi_kw))


def ratings(pool: CompiledPool, sight: Sight) -> Range:
    """min(nameplate, what the profile allows, what the device says that it can do now)."""
    charge = _live(sight.limit_charge_kw, pool.most_kw)
    discharge = _live(sight.limit_discharge_kw, -pool.least_kw)
    return Range(
        lo_kw=np.maximum(pool.least_kw, np.minimum(-discharge, pool.most_kw)),
        hi_kw=np.minimum(pool.most_kw, np.maximum(charge, pool.least_kw)),
    )


def _live(seen: Seen, otherwise: Floats) -> Floats:
    """A live limit, its last good value while none is good."""
    return np.where(np.isfinite(seen.values), np.maximum(seen.values, 0.0), otherwise)


def inside_energy(pool: CompiledPool, stored: Stored, life_s: Floats) -> Range:
    """Power that keeps the worst end of stored energy inside its window for the setpoint's life."""
    hours = np.maximum(life_s + pool.dead_s, 1.0) / 3600.0
    room = np.maximum(stored.ceiling_kwh - stored.hi_kwh, 0.0)
    left = np.maximum(stored.lo_kwh - stored.floor_kwh, 0.0)
    store = pool.battery & np.isfinite(stored.lo_kwh)
    return Range(
        lo_kw=np.where(store, -left * pool.eta_discharge / hours, -np.inf),
        hi_kw=np.where(store, room / (pool.eta_charge * hours), np.inf),
    )


def enabling(pool: CompiledPool, enabled_kw: Floats, age_s: Floats) -> Range:
    """A storage's first setpoint equals its measured power, then the range opens.

    A car cannot begin slowly: one that does not charge waits for a moment of its station's own. One
    that has just plugged in (NaN) is served at once.
    """
    known = np.isfinite(enabled_kw) & (age_s < ENABLING_S)
    span = np.where(known, (pool.most_kw - pool.least_kw) * age_s / ENABLING_S, np.inf)
    storage = known & pool.battery
    waits = known & pool.car & (enabled_kw <= 0) & (age_s < ENABLING_S * pool.jitter)
    return Range(
        lo_kw=np.where(storage, enabled_kw - span, -np.inf),
        hi_kw=np.where(storage, enabled_kw + span, np.where(waits, 0.0, np.inf)),
    )


def towards_zero(held_kw: Floats, frozen: Bools) -> Range:
    """Under a stale meter power may only become less."""
    return Range(
        lo_kw=np.where(frozen, np.minimum(held_kw, 0.0), -np.inf),
        hi_kw=np.where(frozen, np.maximum(held_kw, 0.0), np.inf),
    )


def room_left(pool: CompiledPool, nets: Bounds, ground: Ground, other_kw: Floats) -> Bounds:
    """What a set of assets may sum up to in each row.

    Args:
        pool: The pool.
        nets: Least and most net of each row.
        ground: The residual.
        other_kw: Power decided for controlled assets that are not in the set, shape (assets,).
    """
    other = pool.rows.sums(other_kw)
    return Bounds(
        least_kw=nets.least_kw - ground.lo_kw - other, most_kw=nets.most_kw - ground.hi_kw - other
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flight:
    """What is in flight: power that each asset has now, or may still have, shape (assets,)."""

    held_kw: Floats
    worst_lo_kw: Floats
    worst_hi_kw: Floats


def without_overload(
    pool: CompiledPool,
    wanted_kw: Floats,
    flight: Flight,
    ground: Ground,
    nets: Bounds,
    currents: Currents,
) -> Floats:
    """Increases cut so that no row can exceed its bounds.

    Also if a command in flight is never followed.

    Until a decrease is followed it has made no room. Decreases pass; both directions are looked at.

    Args:
        pool: The pool.
        wanted_kw: Shape (assets,); equal to ``held_kw`` for what is not controlled.
        flight: What is in flight.
        ground: Residual of every row.
        nets: Least and most net of each row.
        currents: What steered assets may sum up to on each phase.
    """
    rise = np.maximum(wanted_kw - flight.held_kw, 0.0)
    fall = np.maximum(flight.held_kw - wanted_kw, 0.0)
    rows = pool.rows
    most = nets.most_kw - ground.hi_kw - rows.sums(flight.worst_hi_kw)
    least = rows.sums(flight.worst_lo_kw) - (nets.least_kw - ground.lo_kw)
    up = rows.least(_part(most, rows.sums(rise)))
    down = rows.least(_part(least, rows.sums(fall)))
    if len(pool.phases):
        phases = pool.phases
        room = currents.most_a - phases.sums(flight.worst_hi_kw)
        up = np.minimum(up, phases.least(_part(room, phases.sums(rise)), pool.count))
        room = phases.sums(flight.worst_lo_kw) - currents.least_a
        down = np.minimum(down, phases.least(_part(room, phases.sums(fall)), pool.count))
    return np.asarray(flight.held_kw + rise * up - fall * down)


def _part(room: Floats, asked: Floats) -> Floats:
    """The part of what is asked that there is room for, 0..1."""
    some = asked > 1e-9
    return np.where(
        some, np.minimum(np.maximum(room, 0.0), asked) / np.where(some, asked, 1.0), 1.0
    )
