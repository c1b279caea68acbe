"""What a device says, in any order, twice or late, without a broker."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.mqtt.client import Incoming
from adapters.mqtt.hearing import Hearing
from tests.adapters.mqtt.cities import CP1, CP2, HandClock, charger, station_device
from tests.adapters.mqtt.heard import (
    TELEMETRY,
    Heard,
    Said,
    at,
    online,
    session,
    telemetry,
    will,
)
from tests.adapters.mqtt.stations import now_text
from tests.thoroughness import examples
from vpp.domain.devices import Carried
from vpp.domain.errors import ConnectionLost
from vpp.domain.ids import MeterId
from vpp.domain.points import OperatingState, Quantity
from vpp.domain.quality import Quality
from vpp.ports.clock import Clocks

STREAM: tuple[Said, ...] = (
    online(1),
    *(telemetry(n) for n in range(1, 7)),
    *(session(n) for n in range(1, 5)),
    will(1),
)


@settings(max_examples=examples(200))
@given(st.data())
async def test_any_order_and_any_duplicates_come_to_the_same(data: st.DataObject) -> None:
    straight = Heard()
    for suffix, said in (*STREAM[:-1], STREAM[-1], online(2)):
        straight.say(suffix, said)
    mixed = Heard()
    mixed.say(*online(2))
    doubled = STREAM + tuple(data.draw(st.lists(st.sampled_from(STREAM), max_size=8)))
    for suffix, said in data.draw(st.permutations(doubled)):
        mixed.say(suffix, said)
    assert await mixed.state() == await straight.state()


@pytest.mark.parametrize("ts", ["9999-12-31T23:59:59Z", at(1e6)])
async def test_a_message_from_the_future_silences_its_device_only_for_a_while(ts: str) -> None:
    heard = Heard()
    heard.say("telemetry", {"ts": ts, "seq": 2**63 - 1, "assets": {}})
    heard.say("session", {"ts": ts, "assets": {"cp1": {"plugged": False}}})
    for n in range(1, 62):
        heard.clock.seconds += 1.0
        heard.say(*telemetry(n))
        heard.say(*session(n))
    _, sessions, *_ = await heard.state()
    told = [batch for batch in heard.batches if batch.points]
    assert [batch.values[0] for batch in told] == [float(n) for n in range(30, 62)]
    assert all(batch.arrived_s - batch.measured_s < 1.0 for batch in told)
    assert sessions[CP1].id == "s-61"


async def test_older_and_equal_telemetry_is_counted_and_dropped() -> None:
    heard = Heard()
    for n in (3, 1, 3, 2):
        heard.say(*telemetry(n))
    assert [batch.values[0] for batch in await heard.drain()] == [3.0]
    assert heard.hearing.counters.older == 2
    assert heard.hearing.counters.duplicates == 1


async def test_a_restart_begins_the_numbers_anew() -> None:
    heard = Heard()
    heard.say(*online(1))
    heard.say(*telemetry(500))
    heard.say(*online(2))
    heard.say("telemetry", TELEMETRY | {"seq": 1})  # by a clock that is behind, too
    assert (await heard.value(Quantity.POWER_KW))[0] == 1.0
    assert heard.hearing.counters.restarts == 1


async def test_after_a_loss_of_the_broker_nothing_is_older_than_what_was_before() -> None:
    heard = Heard()
    heard.say(*online(1))
    heard.say(*telemetry(500))
    heard.hearing.forget(ConnectionLost("the broker is lost"))
    heard.say(*online(1))
    heard.say(*telemetry(7))
    assert (await heard.value(Quantity.POWER_KW))[0] == 7.0


async def test_numbers_that_begin_anew_before_the_status_is_there_are_believed() -> None:
    heard = Heard()
    heard.say(*telemetry(500))
    heard.say("telemetry", {"ts": at(501), "seq": 1, "assets": {"cp1": {"power_kw": 2.5}}})
    assert (await heard.value(Quantity.POWER_KW))[0] == 2.5


def test_a_device_that_has_just_restarted_counts_as_away_for_a_moment() -> None:
    heard = Heard()
    seen = []
    for boot, later_s in ((1, 0.0), (2, 0.0), (2, 2.0)):
        heard.say(*online(boot))
        heard.clock.seconds += later_s
        seen.append(heard.hearing.here)
    assert seen == [True, False, True]


def test_a_boot_counter_that_fell_back_is_believed_when_it_is_newer() -> None:
    heard = Heard()
    heard.say(*online(57))
    heard.say("status", {"online": True, "boot": 1, "ts": at(10)})
    assert heard.hearing.presence.boot == 57
    assert heard.hearing.counters.old_wills == 1
    heard.say("status", {"online": True, "boot": 1, "ts": at(60)})
    assert heard.hearing.presence.boot == 1


def test_a_late_will_of_the_same_life_does_not_outlast_signs_of_life() -> None:
    heard = Heard()
    heard.say(*online(1))
    heard.say(*will(1))
    heard.say(*telemetry(1))
    assert not heard.hearing.presence.online  # it may have been on its way
    heard.clock.seconds += 3
    heard.say(*telemetry(2))
    assert heard.hearing.presence.online


@pytest.mark.parametrize("lost_before", [False, True])
@pytest.mark.parametrize("comes", [telemetry(9), online(1)])
def test_a_status_that_was_taken_away_is_made_good_by_the_next_word(
    comes: Said, lost_before: bool
) -> None:
    heard = Heard()
    heard.say(*online(1))
    if lost_before:
        heard.hearing.forget(ConnectionError("the broker"))
        heard.say(*online(1), retained=True)
    heard.say("status", b"")
    assert not heard.hearing.here
    heard.clock.seconds += 3
    heard.say(*comes)
    assert heard.hearing.here


def test_a_repeated_status_of_before_the_will_does_not_bring_it_back() -> None:
    heard = Heard()
    heard.say(*online(1))
    heard.say(*will(1))
    heard.say(*online(1))
    assert not heard.hearing.presence.online


@pytest.mark.parametrize("offset_s", [0.0, 3600.0, -3600.0, 86400 * 3650, -86400 * 3650])
async def test_age_survives_a_source_clock_that_is_wrong(offset_s: float) -> None:
    heard = Heard()
    for n, delay_s in enumerate((0.5, 0.5, 4.0), start=1):
        heard.clock.seconds += 10
        ts = heard.clock.now() - timedelta(seconds=delay_s + offset_s)
        heard.say("telemetry", TELEMETRY | {"seq": n, "ts": now_text(ts)})
    batch = (await heard.drain())[-1]
    age_s = batch.arrived_s - batch.measured_s
    assert age_s == pytest.approx(4.0 if offset_s == 0 else 3.5, abs=0.01)
    assert heard.hearing.counters.skewed == (0 if offset_s == 0 else 3)


@pytest.mark.parametrize("step_s", [3600.0, -7200.0, 86400 * 40, -86400 * 40])
@pytest.mark.parametrize("whose", ["ours", "its own"])
async def test_age_survives_a_clock_that_is_set(whose: str, step_s: float) -> None:
    heard = Heard()
    own_s = 0.0
    for n in range(1, 200):
        heard.clock.seconds += 10
        if n == 100 and whose == "ours":
            heard.clock.set_by_s = step_s
        elif n == 100:
            own_s = step_s
        own = heard.clock.now() - timedelta(seconds=heard.clock.set_by_s - own_s + 0.5)
        heard.say("telemetry", TELEMETRY | {"seq": n, "ts": now_text(own)})
        (batch,) = (await heard.drain())[-1:]
        assert 0.0 <= batch.arrived_s - batch.measured_s <= 0.5 + 1e-3


async def test_the_future_is_never_measured_after_it_arrived() -> None:
    heard = Heard()
    ts = heard.clock.now() + timedelta(seconds=3)
    heard.say("telemetry", TELEMETRY | {"ts": now_text(ts)})
    (batch,) = await heard.drain()
    assert batch.measured_s == batch.arrived_s


@pytest.mark.parametrize(
    ("asset", "state"),
    [
        ({"power_kw": 4.0}, OperatingState.RUNNING),
        ({"power_kw": 0.0}, OperatingState.STANDBY),
        ({"power_kw": 0.0, "state": "fault"}, OperatingState.FAULT),
        ({"power_kw": 3.0, "state": "local"}, OperatingState.LOCAL),
        ({"state": "off"}, OperatingState.OFF),
    ],
)
async def test_the_state_is_told_or_seen_by_the_power(asset: Any, state: float) -> None:
    heard = Heard()
    heard.say("telemetry", TELEMETRY | {"assets": {"cp1": asset}})
    assert await heard.value(Quantity.STATE) == (state, Quality.GOOD)


async def test_a_slow_reader_gets_the_newest_and_memory_stays_bounded() -> None:
    heard = Heard()
    for n in range(1, 1001):
        heard.say(*telemetry(n))
    heard.say(*session(1))
    batches = await heard.drain()
    assert len(batches) == 33
    assert batches[0].sessions[CP1] is not None
    assert batches[-1].values[0] == 1000.0
    assert heard.hearing.counters.dropped == 1000 - 32


async def test_an_asset_that_the_message_leaves_out_is_not_missing() -> None:
    heard = Heard()
    heard.say("telemetry", TELEMETRY | {"assets": {"cp2": {"power_kw": 2}, "other": {}}})
    (batch,) = await heard.drain()
    assert {point.subject for point in batch.points} == {CP2}
    assert heard.hearing.counters.unknown_assets == 1


async def test_what_is_read_is_what_the_city_file_names_and_what_is_written() -> None:
    meter = Carried(subject=MeterId("m"), reads={Quantity.POWER_KW: 0})
    asset = Carried(subject=CP1, reads={Quantity.POWER_KW: 0}, writes=True)
    clock = HandClock()
    hearing = Hearing(
        replace(station_device(), carries=(meter, asset)),
        {CP1: charger(CP1)},
        Clocks(city=clock, wire=clock),
    )
    said = TELEMETRY | {"assets": {"cp1": {"power_kw": 1}, "m": {"power_kw": -3}}}
    hearing.take("telemetry", Incoming("t", json.dumps(said).encode(), retained=False))
    batch = await hearing.inbox.take()
    names = [str(point) for point in batch.points]
    assert names == [
        "m.power_kw",
        "cp1.power_kw",
        "cp1.setpoint_kw",
        "cp1.reversion_s",
        "cp1.state",
    ]
    assert batch.values[0] == -3.0
