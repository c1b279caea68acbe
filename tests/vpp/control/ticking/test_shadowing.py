"""Devices in shadow: what they would be told, and that nobody else notices."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tests.vpp.control.ticking.city import House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from vpp.control.inputs import Decision, Rehearsed
from vpp.control.shadowing import rehearse
from vpp.control.state import ControlState
from vpp.domain.devices import Authority
from vpp.domain.proposal import Proposal, Rank, Scope, ScopeKind
from vpp.domain.session import EvSession

SHADOWS = {"bat0-0", "bat2-0", "car0-0", "pv3"}


@dataclass
class Shadowed:
    """A run, and the rehearsal after each of its ticks."""

    run: Run
    last: Rehearsed[ControlState] | None = None
    would: list[Decision] = field(default_factory=list)

    def ticks(self, count: int) -> "Shadowed":
        for _ in range(count):
            before = self.run.state
            self.run.ticks(1)
            self.last = rehearse(before, self.last, self.run.inputs[-1])
            if self.last is not None:
                self.would += self.last.commands
        return self

    def told_kw(self, asset: str) -> list[float]:
        return [d.setpoint.target_kw for d in self.would if d.asset == asset]


def houses(**of: Any) -> list[House]:
    return [House(stores=[Store(**of)]) for _ in range(4)]


def shadowed(of: list[House], load_kw: float, *shadows: str, soc: float = 0.5) -> Shadowed:
    plant = Plant(city=city(of), load=lambda _: np.full(len(of), load_kw), soc=soc)
    plant.authority = dict.fromkeys(shadows, Authority.SHADOW)
    return Shadowed(Run(plant))


LEVELS = st.lists(st.tuples(*[st.floats(-12.0, 12.0)] * 4), min_size=1, max_size=4)


@settings(max_examples=examples(8))
@given(levels=LEVELS, wish_kw=st.one_of(st.none(), st.floats(-15, 15)), soc=st.floats(0.05, 0.95))
def test_commands_to_the_others_are_those_beside_devices_that_are_only_observed(
    levels: list[tuple[float, ...]], wish_kw: float | None, soc: float
) -> None:
    def lived(authority: Authority) -> Shadowed:
        of = city(
            [
                House(stores=[Store(dead_s=2.0)], cars=[(4.1, 11.0)], rating_kw=25.0),
                House(stores=[Store(kwh=10.0)], cars=[(4.1, 11.0)], rating_kw=25.0),
                House(stores=[Store(efficient_min_kw=2.0)]),
                House(stores=[Store()], pv_kw=8.0, curtailable=True, export_kw=5.0),
            ]
        )
        turns = [np.array(level) for level in levels]
        plant = Plant(city=of, soc=soc, load=lambda s: turns[int(s - 1000) // 30 % len(turns)])
        plant.authority = dict.fromkeys(SHADOWS, authority)
        for car in ("car0-0", "car1-0"):
            asset = next(a for a in of.layout.assets if a == car)
            plant.sessions[asset] = EvSession(id=car, asset=asset, arrival=plant.at, max_kw=11.0)
        made = Shadowed(Run(plant))
        if wish_kw is not None:
            made.run.proposals = tuple(_override(asset, wish_kw) for asset in ("bat0-0", "bat1-0"))
        return made.ticks(45)

    shadow, observed = lived(Authority.SHADOW), lived(Authority.OBSERVE)
    assert shadow.run.plant.log == observed.run.plant.log
    assert [r.decided for r in shadow.run.results] == [r.decided for r in observed.run.results]
    assert [r.alarms for r in shadow.run.results] == [r.alarms for r in observed.run.results]
    assert observed.would == []
    assert {d.asset for d in shadow.would} <= SHADOWS
    assert not {d.asset for _, d in shadow.run.plant.log} & SHADOWS


def _override(asset: str, wish_kw: float) -> Proposal:
    return Proposal(
        id=f"override-{asset}", scope=Scope(kind=ScopeKind.ASSET, id=asset), owner="operator",
        rank=Rank.OVERRIDE, wish_kw=wish_kw, reason="why", valid_until_s=1e9,
    )  # fmt: skip


@pytest.mark.parametrize("load_kw", [5.0, -5.0])
def test_a_shadow_gets_the_share_that_it_would_have_had(load_kw: float) -> None:
    """Four batteries alike: a quarter of the pool's deficit or surplus, the others all of it.

    A little more as time goes by, since its hours left stay what they are.
    """
    made = shadowed(houses(), load_kw, "bat0-0").ticks(75)
    assert made.told_kw("bat0-0")[-1] == pytest.approx(-load_kw, abs=0.6)
    assert made.run.battery_kw()[-1][0] == 0.0
    assert made.run.battery_kw()[-1].sum() == pytest.approx(-4 * load_kw, abs=0.5)


def test_a_shadow_begins_at_its_measured_power_and_ramps() -> None:
    made = shadowed(houses(), 10.0, "bat0-0").ticks(60)
    told = made.told_kw("bat0-0")
    assert told[0] == 0.0
    assert made.would[0].setpoint.reason == "taken over at its measured power"
    assert max(np.abs(np.diff(told))) <= 30.0 / 60 * 7


def test_a_shadow_stays_inside_the_limits_above_it() -> None:
    of = [House(stores=[Store()], rating_kw=8.0), *houses()[1:]]
    made = shadowed(of, -10.0, "bat0-0")
    made.run.plant.load = lambda _: np.array([5.0, -20.0, -20.0, -20.0])
    made.ticks(180)
    assert max(made.told_kw("bat0-0")) <= 3.0 + 1e-6
    assert made.told_kw("bat0-0")[-1] == pytest.approx(3.0, abs=0.4)


def test_a_device_that_becomes_a_shadow_goes_on_in_thought_where_it_was() -> None:
    made = shadowed(houses(), 5.0).ticks(120)
    before_kw = made.run.plant.setpoint[made.run.plant.pool.battery][0]
    made.run.plant.authority = {"bat0-0": Authority.SHADOW}
    made.ticks(30)
    assert all(kw == pytest.approx(before_kw, abs=1.0) for kw in made.told_kw("bat0-0"))


def test_a_rehearsal_replays_identically() -> None:
    first, second = (shadowed(houses(), 5.0, "bat0-0").ticks(90) for _ in range(2))
    assert first.would == second.would
    assert first.would
