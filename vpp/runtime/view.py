"""Everything an operator may look at, as one value per tick; screens and stores are made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vpp.control.inputs import Alarm, TickResult
from vpp.domain.assets import Battery, EvCharger, Load, Pv
from vpp.domain.conversion import Store
from vpp.domain.day import DayScore
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.ladder import Rung
from vpp.domain.plan import Plan
from vpp.domain.points import Quantity
from vpp.domain.pool_net import pool_net_kw
from vpp.domain.portfolio import Portfolio
from vpp.domain.setpoint import Setpoint
from vpp.domain.snapshot import Snapshot
from vpp.runtime.score import Reached

_KINDS = (Load, EvCharger, Pv, Battery)
"""Beside converters; stores of hydrogen and heat have no power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Powers of one pool, kW; None where something that belongs to the sum is not measured."""

    load_kw: float | None
    ev_kw: float | None
    pv_kw: float | None
    """Zero or negative."""
    battery_kw: float | None
    converter_kw: float | None
    """What makes hydrogen and heat, less what fuel cells and CHP give."""
    net_kw: float | None
    soc: float | None
    """Of all batteries of the pool as one, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """The city at one tick."""

    portfolio: Portfolio
    snapshot: Snapshot
    results: Mapping[PoolId, TickResult[Any]] = field(default_factory=dict)
    plans: Mapping[PoolId, Plan] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()
    reached: Reached = field(default_factory=Reached)
    writes: int = 0
    speed: float = 1.0
    asked_speed: float = 1.0
    """What was asked for; the speed falls where the loop cannot keep up, and rises again later."""
    plan_rounds: int = 0
    shadows: Mapping[AssetId, Setpoint] = field(default_factory=dict)
    """What assets in shadow would be told now."""
    scores: Mapping[PoolId, DayScore] = field(default_factory=dict)
    """Of every pool its last scored day."""

    def authority(self, asset: AssetId) -> Authority | None:
        """Of the device that writes the asset; None where none does."""
        device = self.portfolio.writer_of.get(asset)
        state = None if device is None else self.snapshot.devices.get(device)
        return None if state is None else state.authority

    @property
    def pace(self) -> str:
        """The speed in words, and why it is not the one asked for."""
        if self.speed >= self.asked_speed:
            return f"{self.speed:g} x"
        return (
            f"{self.speed:.3g} x, slowed from {self.asked_speed:g} x: ticks or readings were late;"
            " faster again when it keeps up"
        )

    def rung(self, pool: PoolId) -> Rung:
        """The pool's rung; the lowest before its first tick."""
        result = self.results.get(pool)
        return result.rungs.get(pool, Rung.SAFE_STATE) if result else Rung.SAFE_STATE

    def planned_kw(self, pool: PoolId) -> float | None:
        """What the plan expected the pool's net to be in this slot."""
        plan = self.plans.get(pool)
        slot = plan.grid.index(self.snapshot.at) if plan else None
        return float(plan.schedule.grid_kw[slot]) if plan and slot is not None else None

    def flows(self, pool: PoolId) -> Flows:
        """Measured powers of a pool, by kind of asset."""
        sums: dict[type | None, float | None] = dict.fromkeys((*_KINDS, None), 0.0)
        stored_kwh = capacity_kwh = 0.0
        for name in self.portfolio.assets_of_pool(pool):
            asset = self.portfolio.assets[name]
            if isinstance(asset, Store):
                continue
            kind = next((kind for kind in _KINDS if isinstance(asset, kind)), None)
            power_kw = self.snapshot.asset(name, Quantity.POWER_KW)
            so_far = sums[kind]
            sums[kind] = None if power_kw is None or so_far is None else so_far + power_kw
            if isinstance(asset, Battery):
                soc = self.snapshot.asset(name, Quantity.SOC)
                if soc is not None:
                    stored_kwh += soc * asset.capacity_kwh
                    capacity_kwh += asset.capacity_kwh
        return Flows(
            load_kw=sums[Load],
            ev_kw=sums[EvCharger],
            pv_kw=sums[Pv],
            battery_kw=sums[Battery],
            converter_kw=sums[None],
            net_kw=pool_net_kw(self.portfolio, pool, self.snapshot),
            soc=stored_kwh / capacity_kwh if capacity_kwh else None,
        )

    def fields(self) -> Mapping[str, object]:
        """The view as plain data, one field per pool and one for the whole."""
        whole = {
            "at": self.snapshot.at,
            "tick": self.snapshot.tick,
            "writes": self.writes,
            "speed": self.speed,
            "alarms": [(a.code, a.subject, a.text) for a in self.alarms],
            "reached": self.reached,
        }
        pools = {
            f"pool:{pool}": {
                "rung": self.rung(pool).name.lower(),
                "planned_kw": self.planned_kw(pool),
                "flows": self.flows(pool),
                "score": self.scores.get(pool),
            }
            for pool in self.portfolio.pools
        }
        return {"portfolio": whole, **pools}
