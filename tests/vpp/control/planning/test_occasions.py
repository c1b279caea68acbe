"""When the daemon plans anew, and what it says of why."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np
import pytest

from tests.vpp.control.planning.cities import NOON, snapshot, two_sites
from tests.vpp.control.planning.test_replanning import InProcess, LoopClock, Remembered
from vpp.control.means import SlotMeans
from vpp.control.occasions import Rhythm
from vpp.control.replanning import Replanner
from vpp.control.stored_energy import held_by_readings
from vpp.domain.ids import PoolId
from vpp.domain.points import Quantity
from vpp.domain.proposal import Ending, Proposal, Rank, Scope, ScopeKind
from vpp.ports.clock import Clocks

POOL, CITY = PoolId("street"), two_sites()
USUAL_KW = {"home-load": 3.0, "shop-load": 3.0, "home-pv": -2.0, "home-pv-2": 0.1, "shop-cp": 0.0}
"""What the history says of every slot, and the forecasts of every one to come."""


@dataclass
class Living:
    """A replanner that sees a tick every five city seconds."""

    load_kw: Callable[[float], float] = lambda _: 3.0
    soc: Callable[[float], float] = lambda _: 0.5
    wanted: Callable[[float], Collection[Proposal]] = lambda _: ()
    planning: InProcess = field(default_factory=InProcess)
    causes: dict[float, str] = field(default_factory=dict)
    """By the second in which the plan was made."""

    async def lives(self, until_s: float) -> "Living":
        clock = LoopClock()
        planner = Replanner(
            CITY,
            planning=self.planning,
            history=Remembered(),
            clocks=Clocks(city=clock, wire=clock),
            rhythm=Rhythm(horizon_s=6 * 3600.0),
        )
        means, running = SlotMeans(CITY, hold_s=30.0), asyncio.create_task(planner.run())
        for second in np.arange(0.0, until_s, 5.0).tolist():
            powers = USUAL_KW | {"home-load": self.load_kw(second)}
            values = {asset: {Quantity.POWER_KW: kw} for asset, kw in powers.items()}
            values["home-bat"] = {Quantity.SOC: self.soc(second)}
            at = NOON + timedelta(seconds=second)
            now = snapshot(CITY, values, at=at, now_s=second)
            means.add(now)
            held = {POOL: held_by_readings(CITY, POOL, now)}
            planner.observe(now, held, proposals=self.wanted(second), means=means)
            await asyncio.sleep(5)
            plan = planner.plans[POOL]
            made_s = (plan.issued_at - NOON).total_seconds()
            self.causes.setdefault(made_s, plan.explanation.cause)
        running.cancel()
        return self


def limit(until_s: float, hi_kw: float = 10.0, name: str = "dso") -> Proposal:
    return Proposal(
        id=name,
        scope=Scope(kind=ScopeKind.NODE, id="street"),
        owner="grid operator",
        rank=Rank.GRID_OPERATOR,
        hi_kw=hi_kw,
        reason="works",
        valid_until_s=until_s,
    )


@pytest.mark.virtual_time
async def test_measurements_that_are_as_foreseen_cause_no_plan() -> None:
    as_planned = 4.1 / 0.95 / 10.0 / 3600.0
    living = await Living(
        load_kw=lambda s: 3.0 + 0.1 * np.sin(s), soc=lambda s: 0.5 - as_planned * s
    ).lives(1800.0)
    assert living.causes == {0.0: "a start", 905.0: "the clock"}


@pytest.mark.virtual_time
async def test_a_load_that_leaves_its_forecast_is_planned_with_once_it_is_sure() -> None:
    living = await Living(load_kw=lambda s: 9.0).lives(1200.0)
    first, second, *_ = (s for s in living.causes if s > 0)
    assert first == 300.0
    assert (
        living.causes[first]
        == "load less sun of street: 10.1 kW measured, 4.1 expected, 0.3 allowed"
    )
    assert second == 905.0
    told = {
        (one.subject, one.quantity): one.running_kw for one in living.planning.requests[1].series
    }
    assert told == {
        ("home", Quantity.POWER_KW): pytest.approx(9.0),
        ("home", Quantity.AVAILABLE_KW): pytest.approx(1.9),
        ("shop", Quantity.POWER_KW): pytest.approx(3.0),
        ("shop-cp", Quantity.POWER_KW): pytest.approx(0.0),
    }


@pytest.mark.virtual_time
async def test_a_cloudy_hour_is_planned_anew_twice_in_a_quarter_hour_at_most() -> None:
    living = await Living(load_kw=lambda s: 8.0 if int(s / 40) % 2 else 0.0).lives(3600.0)
    wild = await Living(load_kw=lambda s: s / 50.0).lives(3600.0)
    assert len(living.causes) <= 3 * 4
    assert len(wild.causes) == 3 * 4


@pytest.mark.virtual_time
async def test_stored_energy_that_is_not_where_the_plan_has_it_is_planned_with() -> None:
    """A battery that counts itself anew."""
    living = await Living(soc=lambda s: 0.5 if s < 400 else 0.8).lives(600.0)
    (cause,) = (why for s, why in living.causes.items() if s > 0)
    assert cause.startswith("stored energy of street: 8.0 kWh measured, ")
    assert living.planning.problems[-1].batteries.energy_kwh == [8.0]


@pytest.mark.virtual_time
async def test_a_limit_is_planned_inside_until_it_ends_and_renewing_it_changes_nothing() -> None:
    def wanted(second: float) -> Collection[Proposal]:
        return () if not 100 <= second < 500 else [limit(until_s=second + 3600.0)]

    living = await Living(wanted=wanted).lives(700.0)
    assert living.causes == {
        0.0: "a start",
        100.0: "a limit: at most 10 kW at node:street by grid operator: works",
        500.0: "a limit that ended: at most 10 kW at node:street by grid operator: works",
    }
    free, bound, again = living.planning.problems
    import_kw = bound.nodes.import_kw[0]
    held = bound.grid.edges_s[:-1] < bound.grid.edges_s[0] + 3600.0
    assert (import_kw[held] == 10.0).all()
    assert (import_kw[~held] == 100.0).all()
    assert (free.nodes.import_kw[0] == 100.0).all()
    assert (again.nodes.import_kw[0] == 100.0).all()
    assert "planned inside at most 10 kW at node:street by grid operator: works" in bound.extra


@pytest.mark.virtual_time
async def test_a_limit_that_changes_every_tick_is_planned_once_a_minute() -> None:
    living = await Living(wanted=lambda s: [limit(9999.0, hi_kw=20.0 + s / 100)]).lives(300.0)
    assert list(living.causes) == [0.0, 60.0, 120.0, 180.0, 240.0]


@pytest.mark.virtual_time
async def test_a_limit_that_nobody_renewed_holds_at_its_failsafe_in_the_plan() -> None:
    lost = replace(limit(50.0), ending=Ending.FAILSAFE, failsafe_hi_kw=5.0, failsafe_lo_kw=0.0)
    living = await Living(wanted=lambda _: [lost]).lives(200.0)
    assert living.causes[60.0].startswith("a limit: 0 to 5 kW at node:street by grid operator")
    assert (living.planning.problems[-1].nodes.import_kw[0] == 5.0).all()
    assert (living.planning.problems[-1].nodes.export_kw[0] == 0.0).all()


@pytest.mark.virtual_time
async def test_limits_of_assets_and_of_other_cities_are_the_tick_s_own() -> None:
    asset = replace(limit(9999.0), scope=Scope(kind=ScopeKind.ASSET, id="home-bat"))
    other = replace(limit(9999.0), scope=Scope(kind=ScopeKind.NODE, id="elsewhere"))
    living = await Living(wanted=lambda s: [asset, other] if s > 100 else []).lives(300.0)
    assert living.causes == {0.0: "a start"}
