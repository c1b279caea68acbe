"""Whether what is measured has left what a plan stands on by more than its forecasts may err."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vpp.control.realised import Realised
from vpp.domain.arrays import Floats
from vpp.domain.forecast import HIGH, LOW, Forecast
from vpp.domain.held import Held
from vpp.domain.ids import AssetId, PoolId, SiteId
from vpp.domain.plan import Plan
from vpp.domain.points import Quantity
from vpp.domain.problem import Problem
from vpp.domain.slots import slot_start

SLOT = timedelta(minutes=15)
"""Of what is measured."""
BANDS = 2.0
"""Distances of the 10 or 90 % quantile from the middle by which a pool may be off: a normal error
is beyond them once in a hundred slots, either way."""
LEAST_PART = 0.05
"""Of the pool's largest load or sun foreseen: less is no deviation, however narrow the band."""
STORED_PART = 0.1
"""Of the capacity: the tick goes by the value of energy, and may stray so far from the schedule."""
FLOWS = {Quantity.POWER_KW: 1.0, Quantity.AVAILABLE_KW: -1.0}
"""What the net is made of, with its sign in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """Of one pool from its plan."""

    pool: PoolId
    what: str
    unit: str
    measured: float
    expected: float
    allowed: float

    def __str__(self) -> str:
        return (
            f"{self.what} of {self.pool}: {self.measured:.1f} {self.unit} measured,"
            f" {self.expected:.1f} expected, {self.allowed:.1f} allowed"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expected:
    """What a plan of a pool stands on."""

    pool: PoolId
    sites: tuple[SiteId, ...]
    forecasts: Mapping[tuple[str, Quantity], Forecast]
    told: Realised
    """What the forecasters knew of the slot that ran: that is no news in it any more."""
    issued_at: datetime
    batteries: tuple[AssetId, ...]
    times_s: Floats
    """Issue and slot ends, shape (slots + 1,)."""
    stored_kwh: Floats
    """At these times, shape (batteries, slots + 1)."""

    @classmethod
    def of(
        cls,
        problem: Problem,
        plan: Plan,
        forecasts: Mapping[tuple[str, Quantity], Forecast],
        told: Realised,
    ) -> "Expected":
        fleet, row = problem.batteries, {asset: i for i, asset in enumerate(plan.schedule.assets)}
        ends = plan.schedule.energy_kwh[[row[asset] for asset in fleet.ids]]
        return cls(
            pool=problem.pool,
            sites=problem.sites,
            forecasts=forecasts,
            told=told,
            issued_at=problem.issued_at,
            batteries=fleet.ids,
            times_s=problem.grid.edges_s,
            stored_kwh=np.concatenate([fleet.energy_kwh[:, None], ends], axis=1),
        )

    def net_off(self, measured: Realised, at: datetime) -> Deviation | None:
        """Load less sun of the slot that runs, of the sites of which it is measured."""
        seen, expected, below, above = 0.0, 0.0, 0.0, 0.0
        largest = dict.fromkeys(FLOWS, 0.0)
        same_slot = slot_start(self.issued_at, SLOT) == slot_start(at, SLOT)
        for key, sign, forecast, slot in self._running(at):
            if key not in measured:
                continue
            told = self.told.get(key) if same_slot else None
            middle, low, high = _at(forecast, slot if told is None else slot + 1)
            seen += sign * measured[key]
            expected += sign * (middle if told is None else told)
            below += middle - low if sign > 0 else high - middle
            above += high - middle if sign > 0 else middle - low
            largest[key[1]] += float(forecast.expected_kw.max())
        least = LEAST_PART * max(largest.values())
        allowed = max(BANDS * (above if seen > expected else below), least)
        return self._beyond("load less sun", "kW", seen, expected, allowed)

    def stored_off(self, held: Held, at: datetime) -> Deviation | None:
        """Stored energy, where the net alone could not have brought it."""
        now_s, seen, expected, capacity = at.timestamp(), 0.0, 0.0, 0.0
        for asset, course in zip(self.batteries, self.stored_kwh, strict=True):
            if (known := held.by_asset.get(asset)) is not None:
                seen, capacity = seen + known[0], capacity + known[1]
                expected += float(np.interp(now_s, self.times_s, course))
        bands = [_at(forecast, slot) for _, _, forecast, slot in self._running(at)]
        hours = (at - self.issued_at).total_seconds() / 3600.0
        band_kwh = sum(high - low for _, low, high in bands) / 2.0 * hours
        allowed = BANDS * band_kwh + STORED_PART * capacity
        return self._beyond("stored energy", "kWh", seen, expected, allowed)

    def _running(self, at: datetime) -> list[tuple[tuple[str, Quantity], float, Forecast, int]]:
        """Key, sign in the net, forecast and slot of every flow that is foreseen now."""
        keys = [((str(site), flow), sign) for site in self.sites for flow, sign in FLOWS.items()]
        return [
            (key, sign, forecast, slot)
            for key, sign in keys
            if (forecast := self.forecasts.get(key)) is not None
            and (slot := forecast.grid.index(at)) is not None
        ]

    def _beyond(
        self, what: str, unit: str, measured: float, expected: float, allowed: float
    ) -> Deviation | None:
        if abs(measured - expected) <= allowed:
            return None
        return Deviation(
            pool=self.pool,
            what=what,
            unit=unit,
            measured=measured,
            expected=expected,
            allowed=allowed,
        )


def _at(forecast: Forecast, slot: int) -> tuple[float, float, float]:
    """Expected value and the two ends of the band, in this slot or the last that there is."""
    slot = min(slot, len(forecast.grid) - 1)
    low, high = (float(forecast.quantile(q)[slot]) for q in (LOW, HIGH))
    return float(forecast.expected_kw[slot]), low, high
