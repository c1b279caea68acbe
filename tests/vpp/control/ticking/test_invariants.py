"""Whatever happens to meters, devices, plans, proposals and outcomes.

The safety invariants hold after every tick.
"""

from datetime import timedelta

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.thoroughness import examples
from tests.vpp.control.ticking.city import City, House, Store, city
from tests.vpp.control.ticking.plant import NOON, Plant, Run
from vpp.control.inputs import CommandNews
from vpp.domain.capability import Form
from vpp.domain.command import WriteClass
from vpp.domain.curve import SlotCosts, ValueCurve
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId
from vpp.domain.order import Order
from vpp.domain.outcome import Cause, Outcome
from vpp.domain.plan import Plan, Schedule
from vpp.domain.proposal import Proposal, Rank, Scope, ScopeKind
from vpp.domain.session import EvSession
from vpp.domain.slots import SlotGrid

SITES, RATING, POOL_KW = 4, 20.0, 60.0
ASSETS = [f"bat{h}-0" for h in range(SITES)] + ["car0-0", "car1-0"]
SITE_KW = st.floats(-12, 12)


def plan(worth: float) -> Plan:
    grid = SlotGrid.containing(NOON, count=96, step_s=900.0)
    slots = len(grid)
    levels = np.array([0.0, 16.0])
    flat = np.zeros(slots)
    return Plan(
        pool=city_of().model.pool, grid=grid, issued_at=NOON, order=Order.COST,
        curve=ValueCurve(
            grid=grid, energy_kwh=levels, grid_kw=np.zeros(1),
            cost=np.broadcast_to(-worth * levels, (slots, 1, 2)),
        ),
        costs=SlotCosts(
            unit="KRW", import_weight=flat + 1, export_weight=flat, flatten=flat,
            peak_threshold_kw=flat + np.inf, peak_weight=flat, ramp_weight=flat,
        ),
        schedule=Schedule(
            assets=(), power_kw=np.zeros((0, slots)), energy_kwh=np.zeros((0, slots)), grid_kw=flat
        ),
    )  # fmt: skip


def city_of() -> City:
    return city(
        [
            House(
                stores=[Store(kwh=4.0, dead_s=float(h % 3), atomic_reversal=h % 2 == 0)],
                cars=[(4.1, 11.0)] if h < 2 else [],
                rating_kw=RATING, export_kw=RATING, load_kw=15.0,
            )
            for h in range(SITES)
        ],
        rating_kw=POOL_KW, export_kw=POOL_KW,
    )  # fmt: skip


class Control(RuleBasedStateMachine):
    """Every rule is one thing that can happen; every tick is checked."""

    @initialize(level=SITE_KW, soc=st.floats(0, 1))
    def begin(self, level: float, soc: float) -> None:
        self.levels = np.full(SITES, level)
        self.run = Run(Plant(city=city_of(), load=lambda _: self.levels, soc=soc))
        self.run.ticks(3)
        self.checked = self.run.tick

    @rule(site=st.integers(0, SITES - 1), level=SITE_KW)
    def load(self, site: int, level: float) -> None:
        self.levels = self.levels.copy()
        self.levels[site] = level

    @rule(meter=st.sampled_from(["boundary", "meter0", "meter1", "meter2"]))
    def meter(self, meter: str) -> None:
        self.run.plant.stale_meters = self.run.plant.stale_meters ^ {meter}

    @rule(asset=st.sampled_from(ASSETS))
    def offline(self, asset: str) -> None:
        self.run.plant.offline = self.run.plant.offline ^ {asset}

    @rule(asset=st.sampled_from(ASSETS))
    def stale(self, asset: str) -> None:
        self.run.plant.stale_assets = self.run.plant.stale_assets ^ {asset}

    @rule(asset=st.sampled_from(ASSETS), authority=st.sampled_from(list(Authority)))
    def authority(self, asset: str, authority: Authority) -> None:
        self.run.plant.authority = {**self.run.plant.authority, asset: authority}

    @rule(
        asset=st.sampled_from(ASSETS), outcome=st.sampled_from(list(Outcome)),
        cause=st.sampled_from([None, *Cause]),
    )  # fmt: skip
    def outcome(self, asset: str, outcome: Outcome, cause: Cause | None) -> None:
        mine = [(at, d) for at, d in self.run.plant.log if d.asset == asset]
        if mine:
            at, decision = mine[-1]
            self.run.news = (
                CommandNews(
                    asset=AssetId(asset),
                    setpoint=decision.setpoint,
                    sent_s=at,
                    outcome=outcome,
                    cause=cause,
                ),
            )

    @rule(worth=st.one_of(st.none(), st.floats(0.1, 3.0)))
    def planned(self, worth: float | None) -> None:
        self.run.plan = None if worth is None else plan(worth)

    @rule(
        scope=st.sampled_from(["pool", "node0", "bat0-0", "bat1-0", "car0-0"]),
        rank=st.sampled_from([Rank.GRID_OPERATOR, Rank.OVERRIDE]),
        ends=st.tuples(st.floats(-30, 30), st.floats(-30, 30)), life=st.floats(1, 60),
        wish=st.one_of(st.none(), st.floats(-20, 20)),
    )  # fmt: skip
    def propose(
        self, scope: str, rank: Rank, ends: tuple[float, float], life: float, wish: float | None
    ) -> None:
        kind = {"p": ScopeKind.POOL, "n": ScopeKind.NODE}.get(scope[0], ScopeKind.ASSET)
        lo, hi = min(ends), max(ends)
        given = Proposal(
            id=f"{scope}-{rank}", scope=Scope(kind=kind, id=scope), owner="who", rank=rank,
            lo_kw=lo, hi_kw=hi, wish_kw=wish, reason="why",
            valid_until_s=self.run.plant.now_s + life,
        )  # fmt: skip
        self.run.proposals = (*[p for p in self.run.proposals if p.id != given.id], given)

    @rule(car=st.sampled_from(["car0-0", "car1-0"]), hours=st.one_of(st.none(), st.floats(0.1, 8)))
    def plug(self, car: str, hours: float | None) -> None:
        at = self.run.plant.at
        here = self.run.plant.sessions.get(AssetId(car)) is not None
        self.run.plant.sessions[AssetId(car)] = None if here else EvSession(
            id=f"s{self.run.tick}", asset=AssetId(car), arrival=at, need_kwh=hours and 8.0,
            departure=None if hours is None else at + timedelta(hours=hours), max_kw=11.0,
        )  # fmt: skip

    @rule(count=st.sampled_from([1, 2, 5, 30]))
    def time(self, count: int) -> None:
        for _ in range(count):
            self.run.ticks(1)
            self.check()

    @invariant()
    def check(self) -> None:
        if self.run.tick == self.checked:
            return
        self.checked = self.run.tick
        self._limits_and_energy()
        self._rows()
        self._only_those_that_may()
        assert np.isfinite(self.run.last.served_kw), "I8"

    def _limits_and_energy(self) -> None:
        """I1."""
        pool, plant = self.run.plant.pool, self.run.plant
        for command in self.run.last.commands:
            at, setpoint = pool.asset_at[command.asset], command.setpoint
            if setpoint.form not in (Form.TARGET, Form.CEILING):
                continue
            kw = setpoint.hi_kw
            assert pool.lo_kw[at] - 1e-6 <= kw <= pool.hi_kw[at] + 1e-6
            assert kw in pool.allowed[at]
            life = setpoint.expires_s - plant.now_s
            assert 10 <= life <= 900
            if pool.battery[at] and command.write_class is not WriteClass.PROTECTION:
                gain = (kw * 0.95 if kw > 0 else kw / 0.95) * life / 3600
                assert -1e-3 <= plant.energy[at] + gain <= pool.capacity_kwh[at] + 1e-3

    def _rows(self) -> None:
        """I7 and I10: nothing told in this tick may raise a row above its limit.

        All in flight at its worst.
        """
        given, result, pool = self.run.inputs[-1], self.run.last, self.run.plant.pool
        before = self.run.results[-2].state.memory
        wanted = result.wanted_kw[: pool.count]
        steered = np.array([f"dev-{a}" in result.decided for a in pool.assets])
        was = np.where(np.isnan(before.told_kw), self.run.plant.power, before.told_kw)
        rise = np.where(steered, np.maximum(wanted - was, 0), 0.0)
        for row, limit in ((0, POOL_KW), *((pool.site_row[h], RATING) for h in range(SITES))):
            inside = (pool.rows.chain == row).any(axis=0)
            meter = "boundary" if row == 0 else f"meter{row - 1}"
            told_up = [
                c for c in result.commands
                if inside[pool.asset_at[c.asset]] and rise[pool.asset_at[c.asset]] > 1e-6
                and c.setpoint.reason != "taken over at its measured power"
            ]  # fmt: skip
            if not told_up or meter in self.run.plant.stale_meters:
                for command in told_up:
                    at = pool.asset_at[command.asset]
                    if row:
                        assert wanted[at] <= max(was[at], 0) + 1e-6, "an increase"
                continue
            others = self.levels[np.unique(pool.site_of[inside])].sum()
            worst = np.where(steered, np.maximum(wanted, was), self.run.plant.power)[inside].sum()
            assert given is not None
            assert others + worst <= limit + 1e-3

    def _only_those_that_may(self) -> None:
        """I9."""
        plant = self.run.plant
        for command in self.run.last.commands:
            assert command.asset not in plant.offline
            assert plant.authority.get(command.asset, Authority.AUTO).writable
        memory, now_s = self.run.last.state.memory, plant.now_s
        for at, asset in enumerate(plant.pool.assets):
            if now_s < memory.barred_until_s[at]:
                assert f"dev-{asset}" not in self.run.last.decided
                mine = [c for c in self.run.last.commands if c.asset == asset]
                assert all(c.setpoint.owner == "safety" for c in mine)


TestControl = Control.TestCase
TestControl.settings = settings(
    max_examples=examples(25), stateful_step_count=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes of virtual time
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
