import asyncio
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from tests.vpp.control.living.fakes import BEGIN, FakeHistory, LoopClock
from tests.vpp.control.living.small_city import (
    batch,
    battery,
    battery_device,
    city_of,
    meter_device,
    point,
)
from vpp.control.inputs import Timing
from vpp.control.means import SlotMeans
from vpp.control.recording import Recorder
from vpp.control.state_table import StateTable
from vpp.domain.devices import Authority
from vpp.domain.history import Mean
from vpp.domain.ids import MeterId
from vpp.domain.points import Point, Quantity
from vpp.domain.portfolio import Portfolio

POWER, SOC = point("b1"), point("b1", Quantity.SOC)
METER = Point(subject=MeterId("m-s1"), quantity=Quantity.POWER_KW)


def home() -> Portfolio:
    return city_of([battery()], [battery_device(), meter_device()])


class Day:
    """Ticks at chosen seconds after the hour, with what is measured then."""

    def __init__(self) -> None:
        self.table = StateTable(home(), {}, Timing(), lambda _: Authority.AUTO)
        self.means = SlotMeans(home(), hold_s=10.0)

    def tick(
        self, at_s: float, values: dict[Point, float] | None = None, *, shift_s: float = 0.0
    ) -> dict[tuple[str, Quantity], Mean]:
        for measured, value in (values or {}).items():
            device = "dm" if measured == METER else "d1"
            self.table.apply(batch(device, {measured: value}, at_s=at_s))
        snapshot = self.table.freeze(1, BEGIN + timedelta(seconds=at_s + shift_s), at_s)
        return {(mean.subject, mean.quantity): mean for mean in self.means.add(snapshot)}


def slot(number: int) -> datetime:
    return BEGIN + timedelta(seconds=900.0 * number)


def test_a_mean_is_weighted_by_time_not_by_ticks() -> None:
    day = Day()
    for at_s in range(0, 600, 5):
        assert day.tick(at_s, {POWER: 2.0}) == {}
    for at_s in range(600, 900):
        assert day.tick(at_s, {POWER: 8.0}) == {}
    mean = day.tick(900, {POWER: 0.0})["b1", Quantity.POWER_KW]
    assert (mean.start, mean.step_s) == (slot(0), 900.0)
    assert mean.value == pytest.approx(4.0)
    assert mean.coverage == pytest.approx(1.0)


def test_a_value_over_the_edge_counts_on_both_sides() -> None:
    day = Day()
    for at_s in range(0, 896, 5):
        day.tick(at_s, {POWER: 3.0})
    first = day.tick(904, {POWER: 0.0})["b1", Quantity.POWER_KW]
    assert first.value == pytest.approx(3.0)
    for at_s in range(910, 1800, 5):
        day.tick(at_s, {POWER: 0.0})
    second = day.tick(1800, {POWER: 0.0})["b1", Quantity.POWER_KW]
    assert second.value == pytest.approx(3.0 * 4 / 900)


def test_gaps_lower_the_coverage_and_not_the_mean() -> None:
    day = Day()
    for at_s in range(0, 301, 5):
        day.tick(at_s, {POWER: 6.0})
    for at_s in range(305, 900, 5):
        day.tick(at_s)  # nothing arrives: good for 10 s more, then stale
    mean = day.tick(900)["b1", Quantity.POWER_KW]
    assert mean.value == pytest.approx(6.0)
    assert mean.coverage == pytest.approx(315 / 900)


def test_after_a_stall_a_value_counts_no_longer_than_it_is_fresh() -> None:
    day = Day()
    for at_s in range(0, 101, 5):
        day.tick(at_s, {POWER: 6.0})
    ended = day.tick(5000.0, {POWER: 1.0})
    assert ended["b1", Quantity.POWER_KW].start == slot(0)
    assert ended["b1", Quantity.POWER_KW].coverage == pytest.approx(110 / 900)


def test_what_was_never_good_has_no_mean() -> None:
    day = Day()
    for at_s in range(0, 900, 5):
        day.tick(at_s, {POWER: 1.0})
    assert ("m-s1", Quantity.POWER_KW) not in day.tick(900)


def test_the_state_of_charge_is_that_of_the_slots_end() -> None:
    day = Day()
    for at_s in range(0, 900, 5):
        day.tick(at_s, {SOC: at_s / 1000})
    assert day.tick(900, {SOC: 0.1})["b1", Quantity.SOC].value == pytest.approx(0.895)


def test_pools_and_meters_have_means_too() -> None:
    day = Day()
    for at_s in range(0, 900, 5):
        day.tick(at_s, {METER: 7.0})
    ended = day.tick(900, {METER: 7.0})
    assert ended["m-s1", Quantity.POWER_KW].value == pytest.approx(7.0)
    assert ended["feeder", Quantity.POWER_KW].value == pytest.approx(7.0)


def test_a_clock_set_back_begins_the_slot_anew() -> None:
    day = Day()
    for at_s in range(0, 400, 5):
        day.tick(at_s, {POWER: 9.0})
    for at_s in range(400, 1200, 5):
        day.tick(at_s, {POWER: 1.0}, shift_s=-300.0)
    mean = day.tick(1200, {POWER: 1.0}, shift_s=-300.0)["b1", Quantity.POWER_KW]
    assert mean.value == pytest.approx(1.0)
    assert mean.coverage == pytest.approx(800 / 900)


@pytest.mark.virtual_time
async def test_means_wait_for_a_history_that_is_away() -> None:
    day, history = Day(), FakeHistory(broken=True)
    with capture_logs():
        async with Recorder(day.means, history, wire=LoopClock()) as recorder:
            for at_s in range(0, 1801, 5):
                day.table.apply(batch("d1", {POWER: 1.0}, at_s=at_s))
                snapshot = day.table.freeze(1, BEGIN + timedelta(seconds=at_s), at_s)
                recorder.observe(snapshot)
            await asyncio.sleep(1)
            assert history.means == []
            history.broken = False
            await asyncio.sleep(120)
    starts = [mean.start for mean in history.means if mean.subject == "b1"]
    assert starts == [slot(0), slot(1)]
