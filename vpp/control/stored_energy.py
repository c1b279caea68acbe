"""How much each storage can give and take, as an interval: no single number is believed alone.

The interval holds what the state of charge says, what the device itself reports, and the own count
of energy that flowed. It is as narrow as
the sources agree; where they do not (a jump, a frozen value), both ends count, each where it is the
unsafe one.
"""

from dataclasses import dataclass, replace

import numpy as np

from vpp.control.compiled import CompiledPool
from vpp.control.sight import Seen, Sight, taken
from vpp.control.state import AssetMemory
from vpp.domain.arrays import Bools, Floats
from vpp.domain.assets import Battery
from vpp.domain.held import Held
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.snapshot import Snapshot

AGREES_PART = 0.03
"""Difference between own count and reading, as a part of capacity, that is drift and not doubt."""
ACCEPT_S = 600.0
"""Time constant in which a doubtful reading is believed after all."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stored:
    """Arrays of shape (assets,), kWh; NaN for what stores nothing or has never been read."""

    lo_kwh: Floats
    hi_kwh: Floats
    floor_kwh: Floats
    """Down to which dispatch may go."""
    ceiling_kwh: Floats
    capacity_kwh: Floats
    """What its health leaves of the rated one."""
    known: Bools
    """Read within the freshness that the tick allows."""
    doubtful: Bools

    @property
    def middle_kwh(self) -> Floats:
        """Above the floor, never below zero."""
        return np.maximum((self.lo_kwh + self.hi_kwh) / 2 - self.floor_kwh, 0.0)

    def held(self, assets: tuple[AssetId, ...]) -> Held:
        """What is known of it, for whoever plans."""
        return Held(
            assets=assets,
            lo_kwh=np.where(self.known, self.lo_kwh, np.nan),
            hi_kwh=np.where(self.known, self.hi_kwh, np.nan),
            capacity_kwh=self.capacity_kwh,
        )


def counted(
    pool: CompiledPool, sight: Sight, memory: AssetMemory, dt_s: float, patience_s: float
) -> tuple[AssetMemory, Stored]:
    """The interval after one more tick.

    Args:
        pool: The pool.
        sight: What this tick sees.
        memory: Of the tick before.
        dt_s: Time since then.
        patience_s: How long own counting stands in for a reading that is missing.
    """
    capacity, low, high = _readings(pool.capacity_kwh, sight.soc, sight.available_kwh, sight.health)
    readable = np.isfinite(low) & pool.battery
    flow = np.where(
        sight.power.good,
        sight.power.values,
        np.where(np.isnan(memory.told_kw), 0.0, memory.told_kw),
    )
    gain = np.where(flow > 0, flow * pool.eta_charge, flow / pool.eta_discharge) * dt_s / 3600.0
    own_lo, own_hi = memory.energy_lo_kwh + gain, memory.energy_hi_kwh + gain
    first = np.isnan(own_lo) & readable
    agrees = (np.abs(low - own_lo) <= AGREES_PART * capacity) & (
        np.abs(high - own_hi) <= AGREES_PART * capacity
    )
    pull = np.where(first | agrees, 1.0, min(dt_s / ACCEPT_S, 1.0))
    own_lo = np.where(first, low, np.where(readable, own_lo + pull * (low - own_lo), own_lo))
    own_hi = np.where(first, high, np.where(readable, own_hi + pull * (high - own_hi), own_hi))
    own_lo, own_hi = np.clip(own_lo, 0.0, capacity), np.clip(own_hi, 0.0, capacity)
    seen_s = np.where(readable, sight.now_s, memory.energy_seen_s)
    memory = replace(
        memory,
        energy_lo_kwh=own_lo,
        energy_hi_kwh=own_hi,
        energy_seen_s=seen_s,
        reading_kwh=np.where(readable, (low + high) / 2, memory.reading_kwh),
    )
    return memory, Stored(
        lo_kwh=np.fmin(own_lo, np.where(readable, low, np.nan)),
        hi_kwh=np.fmax(own_hi, np.where(readable, high, np.nan)),
        floor_kwh=pool.floor_soc * capacity,
        ceiling_kwh=pool.soc_max * capacity,
        capacity_kwh=capacity,
        known=pool.battery & np.isfinite(own_lo) & (sight.now_s - seen_s <= patience_s),
        doubtful=readable & ~first & ~agrees,
    )


def held_by_readings(portfolio: Portfolio, pool: PoolId, snapshot: Snapshot) -> Held:
    """The same where no tick has counted: what the devices of a pool say now."""
    found = (portfolio.assets[asset] for asset in portfolio.assets_of_pool(pool))
    batteries = [asset for asset in found if isinstance(asset, Battery)]
    at = np.array([snapshot.layout.asset_at[battery.id] for battery in batteries], dtype=np.int64)
    soc, device, health = (
        taken(snapshot.assets.get(quantity), at)
        for quantity in (Quantity.SOC, Quantity.AVAILABLE_KWH, Quantity.HEALTH)
    )
    nameplate_kwh = np.array([battery.capacity_kwh for battery in batteries])
    capacity, low, high = _readings(nameplate_kwh, soc, device, health)
    return Held(
        assets=tuple(battery.id for battery in batteries),
        lo_kwh=low,
        hi_kwh=high,
        capacity_kwh=capacity,
    )


def _readings(
    nameplate_kwh: Floats, soc: Seen, device_kwh: Seen, health: Seen
) -> tuple[Floats, Floats, Floats]:
    """Capacity, least and most stored by what is read now, kWh; NaN where nothing is."""
    healthy = np.where(health.good & (health.values > 0), health.values, 1.0)
    capacity = nameplate_kwh * np.minimum(healthy, 1.0)
    by_soc = np.where(soc.good, soc.values * capacity, np.nan)
    by_device = np.where(device_kwh.good, device_kwh.values, np.nan)
    return capacity, np.fmin(by_soc, by_device), np.fmax(by_soc, by_device)
