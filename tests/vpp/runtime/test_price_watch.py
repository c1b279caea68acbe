"""A market's file that changes under a running daemon."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.vpp.control.planning.cities import TWO_SITES, snapshot
from tests.vpp.control.planning.test_replanning import InProcess, LoopClock, Remembered
from vpp.config.city import load_city
from vpp.control.inputs import Alarm
from vpp.control.replanning import Replanner
from vpp.domain.ids import TariffId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.tariff import Tariff
from vpp.ports.clock import Clocks
from vpp.runtime.price_watch import PriceWatch

FLAT = TariffId("flat")
MORNING = datetime(2026, 7, 14, 21, 0, tzinfo=UTC)
"""6 o'clock in Seoul."""


class Market:
    """A city, its daemon's planning, and the file that a market writes."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "market.csv"
        self.publish(10.0)
        text = TWO_SITES.replace("  - id: flat\n", "  - id: flat\n    prices: {file: market.csv}\n")
        (folder / "city.yaml").write_text(text, encoding="utf-8")
        self.city: Portfolio = load_city(folder / "city.yaml").portfolio
        self.planning, clock = InProcess(), LoopClock()
        self.replanner = Replanner(
            self.city,
            planning=self.planning,
            history=Remembered(),
            clocks=Clocks(city=clock, wire=clock),
        )
        self.told: list[Sequence[Alarm]] = []
        self.watch = PriceWatch(self.city, self.repriced, wire=clock)

    def publish(self, price: float, days: int = 1) -> None:
        rows = [f"2026-07-{15 + n // 24}T{n % 24:02}:00,{price}" for n in range(24 * days)]
        self.write("start,import_per_kwh\n" + "\n".join(rows) + "\n")

    def write(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")

    def repriced(self, tariffs: Mapping[TariffId, Tariff], wrong: Sequence[Alarm]) -> None:
        self.told.append(wrong)
        self.replanner.reprice(tariffs, wrong)

    def sees(self, hours: float = 0.0) -> None:
        at = MORNING + timedelta(hours=hours)
        soc = {"home-bat": {Quantity.SOC: 0.5}}
        self.replanner.observe(snapshot(self.city, soc, at=at, now_s=3600.0 * hours))

    def codes(self) -> list[str]:
        return [alarm.code for alarm in self.replanner.alarms()]


async def test_prices_that_change_are_planned_with_and_the_same_ones_are_no_news(
    tmp_path: Path,
) -> None:
    market = Market(tmp_path)
    await market.watch.look()
    assert market.told == []
    market.publish(25.0, days=2)
    await market.watch.look()
    await market.watch.look()
    assert market.told == [()]
    at = snapshot(market.city, {"home-bat": {Quantity.SOC: 0.5}}, at=MORNING)
    await market.replanner.round(at)
    assert set(market.planning.problems[-1].prices.import_per_kwh) == {125.0}


@pytest.mark.virtual_time
async def test_new_prices_are_a_cause_to_plan(tmp_path: Path) -> None:
    market = Market(tmp_path)
    running = asyncio.create_task(market.replanner.run())
    market.sees()
    await asyncio.sleep(1)
    market.publish(25.0)
    tariffs = load_city(tmp_path / "city.yaml").portfolio.tariffs
    market.replanner.reprice(tariffs)
    market.sees(0.01)
    await asyncio.sleep(1)
    running.cancel()
    (plan,) = market.replanner.plans.values()
    assert plan.explanation.cause == "new prices of flat"


async def test_a_file_that_cannot_be_read_is_an_alarm_and_the_last_prices_hold(
    tmp_path: Path,
) -> None:
    market = Market(tmp_path)
    await market.watch.look()
    market.write("start,import_per_kwh\n2026-07-15T00:00,dear\n")
    await market.watch.look()
    (alarm,) = market.replanner.alarms()
    assert (alarm.code, alarm.subject) == ("PRICES_UNREADABLE", "flat")
    assert "market.csv:2: import_per_kwh: 'dear' is no price" in alarm.text
    market.file.unlink()
    await market.watch.look()
    assert market.codes() == ["PRICES_UNREADABLE"]
    market.publish(10.0)
    await market.watch.look()
    assert market.codes() == []


async def test_prices_that_have_ended_are_an_alarm(tmp_path: Path) -> None:
    market = Market(tmp_path)
    market.sees()
    assert market.codes() == []
    market.sees(18.0)
    assert market.codes() == ["PRICES_OLD"]
    market.publish(10.0, days=2)
    await market.watch.look()
    assert market.codes() == []
