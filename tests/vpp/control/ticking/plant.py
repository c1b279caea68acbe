"""A reference plant: batteries, cars, PV and meters with dead times, ramps.

Ages and watchdogs of their own; virtual time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.vpp.control.ticking.city import City
from vpp.control.inputs import CommandNews, Decision, Handed, TickInputs, TickResult
from vpp.control.state import ControlState, start
from vpp.control.tick import step
from vpp.domain.arrays import Bools, Floats
from vpp.domain.assets import EvCharger, Load, Pv
from vpp.domain.capability import Form
from vpp.domain.command import WriteClass
from vpp.domain.devices import Authority
from vpp.domain.forecast import Forecast
from vpp.domain.ids import AssetId, DeviceId, MeterId, SiteId
from vpp.domain.network import MeterRole
from vpp.domain.outcome import Outcome
from vpp.domain.plan import Plan
from vpp.domain.points import Quantity
from vpp.domain.proposal import Proposal
from vpp.domain.quality import Quality
from vpp.domain.session import EvSession
from vpp.domain.snapshot import Column, DeviceState, Snapshot

NOON = datetime(2025, 6, 21, 3, 0, tzinfo=UTC)
"""Noon in the test city."""


@dataclass
class Plant:
    """The world of one test city. Powers are positive into the asset."""

    city: City
    load: Callable[[float], Floats]
    """Residual of each site at a time, kW, shape (sites,)."""
    soc: float = 0.5
    meter_age_s: float = 0.0
    sun_part: float = 1.0
    now_s: float = 1000.0
    stale_meters: set[str] = field(default_factory=set)
    stale_assets: set[str] = field(default_factory=set)
    offline: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    """Assets that acknowledge and do nothing."""
    weak: float = 1.0
    """Part of its setpoint that a battery really delivers."""
    most_kw: dict[str, float] = field(default_factory=dict)
    """What an asset can really take at most: taper."""
    unanswered: set[str] = field(default_factory=set)
    """Assets whose setpoint cannot be read back."""
    authority: dict[str, Authority] = field(default_factory=dict)
    sessions: dict[AssetId, EvSession | None] = field(default_factory=dict)
    log: list[tuple[float, Decision]] = field(default_factory=list)
    wait_s: Callable[[], float] | None = None
    """How long the next command waits before it leaves, which is told; None: it leaves at once."""
    sample_age_s: Floats | float = 0.0
    """Of the power of each asset."""
    left: list[tuple[float, Decision]] = field(default_factory=list)
    """When commands leave that the tick has not heard of."""

    def __post_init__(self) -> None:
        pool = self.city.model.compiled
        self.pool = pool
        self.energy = np.where(pool.battery, self.soc * pool.capacity_kwh, 0.0)
        self.power = np.zeros(pool.count)
        self.setpoint = np.full(pool.count, np.nan)
        self.expires = np.full(pool.count, -np.inf)
        self.queue: list[tuple[float, int, float, float]] = []
        self.history: list[tuple[float, Floats, Floats]] = []
        self.site_of_meter = {MeterId(f"meter{h}"): h for h in range(len(pool.sites))}
        self.started_s = self.now_s
        self.frozen_meters: dict[str, tuple[float, float]] = {}
        self.given_kwh = np.zeros(pool.count)
        self.seen: dict[Quantity, Floats] = {}
        self._record()

    @property
    def at(self) -> datetime:
        return NOON + timedelta(seconds=self.now_s - self.started_s)

    def nets(self) -> Floats:
        """Net of each site now."""
        return np.asarray(
            self.load(self.now_s)
            + np.bincount(self.pool.site_of, weights=self.power, minlength=len(self.pool.sites))
        )

    def _record(self) -> None:
        self.history.append((self.now_s, self.nets(), self.power.copy()))

    def advance(self, dt_s: float) -> None:
        """Physics for one tick.

        Commands land after their dead time, power ramps, energy flows, watchdogs fall back.
        """
        self.now_s += dt_s
        due = [q for q in self.queue if q[0] <= self.now_s + 1e-9]
        self.queue = [q for q in self.queue if q[0] > self.now_s + 1e-9]
        for _, at, kw, expires in due:
            self.setpoint[at], self.expires[at] = kw, expires
        over = self.now_s >= self.expires
        self.setpoint = np.where(over, np.nan, self.setpoint)
        aim = np.where(np.isnan(self.setpoint), 0.0, self.setpoint)
        aim = np.where(self.pool.battery, aim * self.weak, aim)
        for at, asset in enumerate(self.pool.asset):
            if isinstance(asset, Pv):
                sun = -asset.peak_kw * self.sun_part
                aim[at] = sun if np.isnan(self.setpoint[at]) else max(sun, self.setpoint[at])
            elif isinstance(asset, EvCharger):
                aim[at] = self._car(at, asset)
        most = np.array([self.most_kw.get(asset, np.inf) for asset in self.pool.assets])
        aim = np.minimum(aim, most)
        reach = np.where(np.isfinite(self.pool.ramp_kw_s), self.pool.ramp_kw_s * dt_s, np.inf)
        self.power = self.power + np.clip(aim - self.power, -reach, reach)
        self._store(dt_s)
        self.given_kwh += np.where(self.pool.car, self.power * dt_s / 3600, 0.0)
        for asset_id, session in self.sessions.items():
            if session is not None:
                at = self.pool.asset_at[asset_id]
                self.sessions[asset_id] = _with(session, delivered_kwh=float(self.given_kwh[at]))
        self._record()

    def _car(self, at: int, asset: EvCharger) -> float:
        session = self.sessions.get(asset.id)
        if session is None:
            return 0.0
        offered = asset.floor_kw if np.isnan(self.setpoint[at]) else self.setpoint[at]
        return 0.0 if offered < asset.floor_kw else min(offered, session.max_kw or asset.max_kw)

    def _store(self, dt_s: float) -> None:
        h, pool = dt_s / 3600.0, self.pool
        most = np.maximum(pool.capacity_kwh - self.energy, 0) / (pool.eta_charge * h)
        least = -np.maximum(self.energy, 0) * pool.eta_discharge / h
        self.power = np.where(pool.battery, np.clip(self.power, least, most), self.power)
        gain = (
            np.where(self.power > 0, self.power * pool.eta_charge, self.power / pool.eta_discharge)
            * h
        )
        self.energy = np.where(pool.battery, self.energy + gain, self.energy)

    def accept(self, decisions: tuple[Decision, ...]) -> None:
        for decision in decisions:
            self.log.append((self.now_s, decision))
            at = self.pool.asset_at[decision.asset]
            if decision.asset in self.deaf:
                continue
            setpoint = decision.setpoint
            kw = setpoint.target_kw
            if setpoint.form is Form.CEILING:
                kw = setpoint.lo_kw if self.pool.pv[at] else setpoint.hi_kw
            expires = setpoint.expires_s
            if setpoint.form is Form.RELEASE:
                kw, expires = np.nan, self.now_s
            left_s = self._leaves(decision)
            self.queue.append((left_s + self.pool.dead_s[at], at, kw, expires))

    def _leaves(self, decision: Decision) -> float:
        """When a command leaves: never before the one before it."""
        if self.wait_s is None:
            return self.now_s
        before = [left_s for left_s, other in self.left if other.asset == decision.asset]
        left_s = max([self.now_s + self.wait_s(), *before])
        self.left.append((left_s, decision))
        return left_s

    def departures(self) -> tuple[CommandNews, ...]:
        """Of the commands that have left since the last call; refreshes are no news."""
        gone = [(left_s, d) for left_s, d in self.left if left_s <= self.now_s]
        self.left = [(left_s, d) for left_s, d in self.left if left_s > self.now_s]
        return tuple(
            CommandNews(asset=d.asset, setpoint=d.setpoint, sent_s=left_s, outcome=Outcome.ACCEPTED)
            for left_s, d in gone
            if d.write_class is not WriteClass.REFRESH
        )

    def landed(self) -> Floats:
        """Setpoints once all commands have landed, shape (assets,); 0 where none was given."""
        for _, at, kw, expires in self.queue:
            self.setpoint[at], self.expires[at] = kw, expires
        self.queue = []
        return np.asarray(np.nan_to_num(self.setpoint))

    def snapshot(self, tick: int) -> Snapshot:
        layout, pool = self.city.layout, self.pool
        when = self.now_s - self.meter_age_s
        past = next((h for h in reversed(self.history) if h[0] <= when + 1e-9), self.history[0])
        meters = np.full(len(layout.meters), np.nan)
        at_s = np.full(len(layout.meters), past[0])
        for m, meter in enumerate(layout.meters):
            role = self.city.model.portfolio.meters[meter].role
            net = (
                past[1].sum() if role is MeterRole.BOUNDARY else past[1][self.site_of_meter[meter]]
            )
            if meter in self.stale_meters:
                meters[m], at_s[m] = self.frozen_meters.setdefault(meter, (float(net), past[0]))
            else:
                self.frozen_meters.pop(meter, None)
                meters[m] = net
        sampled_s, sampled_kw = self._sampled()
        values = {
            Quantity.POWER_KW: sampled_kw,
            Quantity.SOC: np.divide(
                self.energy, pool.capacity_kwh, out=np.full(pool.count, np.nan), where=pool.battery
            ),
            Quantity.SETPOINT_KW: self.setpoint.copy(),
        }
        loads = np.array([isinstance(a, Load) for a in pool.asset])
        values[Quantity.POWER_KW][loads] = np.nan
        mute = np.array([a in self.unanswered for a in pool.assets])
        measured_s = {Quantity.POWER_KW: sampled_s}
        lost = np.array([a in self.stale_assets or a in self.offline for a in pool.assets])
        return Snapshot(
            tick=tick, at=self.at, now_s=self.now_s, layout=layout,
            assets={
                q: replace(
                    self._column(v, lost | mute if q is Quantity.SETPOINT_KW else lost, q),
                    measured_s=measured_s.get(q, np.full(len(v), self.now_s)),
                )
                for q, v in self._as_last_seen(values, lost).items()
            },
            meters={Quantity.POWER_KW: Column(
                values=meters, measured_s=at_s,
                quality=self._meter_quality(),
            )},
            sessions=dict(self.sessions),
            devices={d: self._device(d) for d in pool.devices},
        )  # fmt: skip

    def _sampled(self) -> tuple[Floats, Floats]:
        """When each asset's power was looked at last, and what it was."""
        when_s = np.broadcast_to(self.now_s - np.asarray(self.sample_age_s), self.power.shape)
        times = np.array([h[0] for h in self.history])
        at = np.maximum(np.searchsorted(times, when_s + 1e-9, side="right") - 1, 0)
        kw = np.array([self.history[k][2][i] for i, k in enumerate(at)])
        return times[at], kw

    def _as_last_seen(
        self, values: Mapping[Quantity, Floats], lost: Bools
    ) -> Mapping[Quantity, Floats]:
        """What is lost stays at its last good value."""
        nothing = np.full(len(lost), np.nan)
        self.seen = {q: np.where(lost, self.seen.get(q, nothing), v) for q, v in values.items()}
        return self.seen

    def _meter_quality(self) -> npt.NDArray[np.uint8]:
        stale = [meter in self.stale_meters for meter in self.city.layout.meters]
        return np.where(stale, Quality.STALE, Quality.GOOD).astype(np.uint8)

    def _column(self, values: Floats, lost: Bools, quantity: Quantity) -> Column:
        missing = np.isnan(values) & (quantity is not Quantity.SETPOINT_KW)
        quality = np.where(missing, Quality.MISSING, np.where(lost, Quality.STALE, Quality.GOOD))
        return Column(
            values=values,
            quality=quality.astype(np.uint8),
            measured_s=np.full(len(values), self.now_s),
        )

    def _device(self, device: DeviceId) -> DeviceState:
        asset = device.removeprefix("dev-")
        here = asset not in self.offline
        return DeviceState(
            online=here, identified=here, read_back=here, arrived_s=self.now_s,
            authority=self.authority.get(asset, Authority.AUTO),
        )  # fmt: skip


def _with(session: EvSession, **changes: Any) -> EvSession:
    return replace(session, **changes)


@dataclass
class Run:
    """The tick and the plant together."""

    plant: Plant
    plan: Plan | None = None
    proposals: tuple[Proposal, ...] = ()
    forecasts: Mapping[SiteId, tuple[Forecast, ...]] = field(default_factory=dict)
    news: tuple[CommandNews, ...] = ()
    handed: Handed = field(default_factory=Handed)
    results: list[TickResult[ControlState]] = field(default_factory=list)
    inputs: list[TickInputs] = field(default_factory=list)
    each: Callable[["Run"], None] | None = None
    steps: int = 1
    """Of physics in every tick."""

    def __post_init__(self) -> None:
        self.state = start(self.plant.pool, self.plant.now_s)
        self.tick = 0

    def ticks(self, count: int) -> "Run":
        for _ in range(count):
            for _ in range(self.steps):
                self.plant.advance(self.plant.city.model.timing.tick_s / self.steps)
            self.decide()
        return self

    def decide(self) -> None:
        """One tick of control on the plant as it stands."""
        self.tick += 1
        if self.each is not None:
            self.each(self)
        given = TickInputs(
            model=self.plant.city.model,
            snapshot=self.plant.snapshot(self.tick),
            plan=self.plan,
            proposals=self.proposals,
            news=(*self.news, *self.plant.departures()),
            site_forecasts=self.forecasts,
            handed=self.handed,
        )
        self.news = ()
        result = step(self.state, given)
        self.inputs.append(given)
        self.results.append(result)
        self.state = result.state
        self.plant.accept(result.commands)

    @property
    def last(self) -> TickResult[ControlState]:
        return self.results[-1]

    def battery_kw(self) -> Floats:
        """Power of every battery at every tick, shape (ticks, batteries)."""
        return np.array([h[2][self.plant.pool.battery] for h in self.plant.history[1:]])

    def residual_kw(self) -> Floats:
        """Residual of the pool at every tick."""
        return np.array([self.plant.load(h[0]).sum() for h in self.plant.history[1:]])
