"""A plant at a ceiling teaches nothing: it is marked on record and left out of what is learnt."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.vpp.control.living.fakes import FakeAudit
from tests.vpp.control.planning.cities import NOON, snapshot, two_sites
from vpp.control.dispatch import Dispatch
from vpp.control.gate_ledger import GateLedger
from vpp.control.held_back import held_back
from vpp.control.means import SlotMeans
from vpp.control.outlook import recorded
from vpp.domain.arrays import Floats
from vpp.domain.assets import Pv
from vpp.domain.command import Command, WriteClass
from vpp.domain.history import Mean
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import Outcome
from vpp.domain.points import Quantity
from vpp.domain.setpoint import Setpoint, ceiling, target

PORTFOLIO = two_sites()
PLANTS = [asset for asset in PORTFOLIO.assets.values() if isinstance(asset, Pv)]
PLANT = AssetId("home-pv")
"""Of 6 kW."""


class At:
    """A clock that stands."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def now(self) -> datetime:
        return datetime(2026, 7, 15, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def told(setpoint: Setpoint | None, *, now_s: float = 0.0) -> GateLedger:
    ledger = GateLedger(FakeAudit(), At(now_s))
    if setpoint is not None:
        command = Command(
            id="c1",
            device=DeviceId("home-inverter"),
            setpoint=setpoint,
            write_class=WriteClass.COMMAND,
            epoch=1,
            seq=1,
            issued_at=NOON,
            issued_s=0.0,
        )
        ledger.left(Dispatch(command=command, at_s=0.0, outcome=Outcome.ACCEPTED))
    return ledger


def at_most(kw: float) -> Setpoint:
    return ceiling(PLANT, kw, producing=True, expires_s=60.0, owner="vpp", reason="export limit")


def held(ledger: GateLedger, power_kw: float | None, read_kw: float | None = None) -> bool:
    said = {Quantity.POWER_KW: power_kw, Quantity.SETPOINT_KW: read_kw}
    measured = {quantity: kw for quantity, kw in said.items() if kw is not None}
    values: dict[str, dict[Quantity, float]] = {PLANT: measured}
    return held_back(PLANTS, ledger, snapshot(PORTFOLIO, values)) == {PLANT}


def test_a_plant_at_its_ceiling_is_held_back_and_one_below_it_is_not() -> None:
    assert held(told(at_most(3.0)), -3.0)
    assert held(told(at_most(3.0)), -2.9)
    assert held(told(at_most(3.0)), None)
    assert not held(told(at_most(3.0)), -2.0)
    assert not held(told(at_most(6.0)), -6.0)
    assert not held(told(None), -3.0)


def test_a_ceiling_ends_with_its_life() -> None:
    assert not held(told(at_most(3.0), now_s=61.0), -3.0)


def test_a_target_and_a_ceiling_of_somebody_else_hold_back_too() -> None:
    exact = target(PLANT, -2.0, expires_s=60.0, owner="operator", reason="asked")
    assert held(told(exact), -2.0)
    assert held(told(None), -3.0, read_kw=-3.0)
    assert not held(told(None), -2.0, read_kw=-3.0)


class Kept:
    """A history in memory."""

    def __init__(self, means: list[Mean]) -> None:
        self.means = means

    async def append(self, means: object) -> None:
        raise NotImplementedError

    async def read(
        self, subject: str, quantity: Quantity, start: datetime, end: datetime, step_s: float
    ) -> Floats:
        found = np.full(round((end - start).total_seconds() / step_s), np.nan)
        for mean in self.means:
            if (mean.subject, mean.quantity) == (subject, quantity):
                found[round((mean.start - start).total_seconds() / step_s)] = mean.value
        return found


def lived(quarters: list[tuple[float, frozenset[AssetId]]]) -> list[Mean]:
    """Quarter hours in which the plant gives a power and is held back, or not, at their end."""
    means, kept = SlotMeans(PORTFOLIO, hold_s=120.0), list[Mean]()
    for slot, (power_kw, held_then) in enumerate(quarters):
        for minute in range(15):
            at_s = 900.0 * slot + 60.0 * minute
            measured = {
                PLANT: {Quantity.POWER_KW: -power_kw},
                "home-pv-2": {Quantity.POWER_KW: -1.0},
                "home-load": {Quantity.POWER_KW: 2.0},
            }
            seen = snapshot(PORTFOLIO, measured, at=NOON + timedelta(seconds=at_s), now_s=at_s)
            marks = frozenset((plant, Quantity.HELD_BACK) for plant in held_then)
            kept += means.add(seen, marks if minute > 11 else frozenset())
    end_s = 900.0 * len(quarters)
    after = snapshot(PORTFOLIO, {}, at=NOON + timedelta(seconds=end_s), now_s=end_s)
    return kept + list(means.add(after))


async def test_forecasts_do_not_learn_from_a_quarter_hour_that_was_held_back() -> None:
    free, at_ceiling = frozenset[AssetId](), frozenset({PLANT})
    means = lived([(5.0, free), (2.0, at_ceiling), (4.0, free)])
    (mark,) = [m for m in means if m.quantity is Quantity.HELD_BACK]
    assert mark.start == NOON + timedelta(minutes=15)
    assert mark.value == pytest.approx(0.2)
    until = NOON + timedelta(minutes=45)
    record = await recorded(PORTFOLIO, Kept(means), until)
    series = {one.quantity: one for one in record.series if one.subject == "home"}
    sun_kw = series[Quantity.AVAILABLE_KW].values_kw[-3:]
    np.testing.assert_allclose(sun_kw, [6.0, np.nan, 5.0])
    load_kw = series[Quantity.POWER_KW].values_kw[-3:]
    np.testing.assert_allclose(load_kw, [2.0, 2.0, 2.0])
