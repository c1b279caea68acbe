"""What a device says, in any order, twice, late or wrong, without a broker."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.mqtt.client import Incoming
from adapters.mqtt.hearing import Hearing
from adapters.mqtt.messages import LARGEST_PAYLOAD
from adapters.mqtt.topics import SPOKEN
from tests.adapters.mqtt.cities import (
    CP1,
    CP2,
    START,
    HandClock,
    charger,
    command,
    plain,
    station_device,
)  # fmt: skip
from tests.adapters.mqtt.stations import META, now_text
from vpp.domain.batch import Batch
from vpp.domain.capability import Form
from vpp.domain.devices import Carried
from vpp.domain.ids import AssetId, MeterId
from vpp.domain.points import OperatingState, Point, Quantity
from vpp.domain.quality import Quality
from vpp.ports.clock import Clocks

Said = tuple[str, Any]
TELEMETRY = {"ts": now_text(START), "seq": 1, "assets": {"cp1": {"power_kw": 1.0}}}


class Heard:
    """One device and everything that has come of it."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.hearing = Hearing(
            station_device(),
            {asset: charger(asset) for asset in (CP1, CP2)},
            Clocks(city=self.clock, wire=self.clock),
        )
        self.batches: list[Batch] = []

    def say(self, suffix: str, said: Any, *, retained: bool = False) -> None:
        payload = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.hearing.take(suffix, Incoming(f"vpp/1/mall/hub-1/{suffix}", payload, retained))

    async def drain(self) -> list[Batch]:
        inbox = self.hearing.inbox
        while inbox._filled.is_set():  # noqa: SLF001 - what is in it now, without waiting
            self.batches.append(await inbox.take())
        return self.batches

    async def value(
        self, quantity: Quantity, asset: AssetId | MeterId = CP1
    ) -> tuple[float, Quality]:
        """The newest one."""
        point = Point(subject=asset, quantity=quantity)
        batch = next(b for b in reversed(await self.drain()) if point in b.points)
        index = batch.points.index(point)
        return float(batch.values[index]), Quality(int(batch.quality[index]))

    async def state(self) -> tuple[Any, ...]:
        """What it all comes to."""
        await self.drain()
        sessions: dict[AssetId, Any] = {}
        for batch in self.batches:
            sessions.update(batch.sessions)
        power = await self.value(Quantity.POWER_KW)
        presence = self.hearing.presence
        return power, sessions, presence.online, presence.boot


def at(seconds: float) -> str:
    return now_text(START + timedelta(seconds=1000 + seconds))


def telemetry(n: int, **asset: Any) -> Said:
    return "telemetry", {"ts": at(n), "seq": n, "assets": {"cp1": {"power_kw": float(n)} | asset}}


def session(n: int) -> Said:
    car = {"id": f"s-{n}", "plugged": True, "arrival": at(n), "max_kw": 11}
    return "session", {"ts": at(n), "assets": {"cp1": car if n % 2 else {"plugged": False}}}


def online(boot: int) -> Said:
    return "status", {"online": True, "boot": boot, "ts": at(boot)}


def will(boot: int) -> Said:
    return "status", {"online": False, "boot": boot}


STREAM: tuple[Said, ...] = (
    online(1),
    *(telemetry(n) for n in range(1, 7)),
    *(session(n) for n in range(1, 5)),
    will(1),
)


@settings(max_examples=200, deadline=None)
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


async def test_a_setpoint_that_the_telemetry_tells_is_taken_from_there() -> None:
    heard = Heard()
    heard.say(*telemetry(1, setpoint_kw=6.5, reversion_s=12.0))
    assert await heard.value(Quantity.SETPOINT_KW) == (6.5, Quality.GOOD)
    assert await heard.value(Quantity.REVERSION_S) == (12.0, Quality.GOOD)
    heard.say(*telemetry(2, setpoint_kw=None))
    value, quality = await heard.value(Quantity.SETPOINT_KW)
    assert math.isnan(value)
    assert quality is Quality.GOOD


async def acked(heard: Heard, n: int, form: Form = Form.CEILING, **ack: Any) -> None:
    """A command goes, its answer comes, telemetry follows."""
    city = heard.clock
    setpoint = None if form is Form.CEILING else plain(form, city.monotonic() + 60)
    heard.hearing.waiting.expect(command(city, setpoint=setpoint, command_id=f"c-{n}", seq=n))
    heard.say("ack", {"id": f"c-{n}", "state": "applied"} | ack)
    heard.say(*telemetry(n))


async def test_a_setpoint_is_what_was_acknowledged_until_it_expires() -> None:
    heard = Heard()
    heard.say(*telemetry(1))
    assert (await heard.value(Quantity.SETPOINT_KW))[1] is Quality.GOOD
    await acked(heard, 2, power_kw=6.9)
    assert await heard.value(Quantity.SETPOINT_KW) == (6.9, Quality.GOOD)
    assert await heard.value(Quantity.REVERSION_S) == (60.0, Quality.GOOD)
    heard.clock.seconds += 60
    heard.say(*telemetry(62))
    value, quality = await heard.value(Quantity.SETPOINT_KW)
    assert math.isnan(value)
    assert quality is Quality.GOOD


@pytest.mark.parametrize("how", ["release", "restart"])
async def test_a_release_or_a_restart_leaves_no_setpoint(how: str) -> None:
    heard = Heard()
    heard.say(*online(1))
    await acked(heard, 1)
    assert (await heard.value(Quantity.SETPOINT_KW))[0] == 7.0
    if how == "release":
        await acked(heard, 2, Form.RELEASE, power_kw=4.1)
    else:
        heard.say(*online(2))
        heard.say(*telemetry(2))
    assert math.isnan((await heard.value(Quantity.SETPOINT_KW))[0])


async def test_a_late_answer_to_an_older_command_does_not_hide_the_newer() -> None:
    heard = Heard()
    heard.hearing.waiting.expect(command(heard.clock, 5.0, command_id="old"))
    await acked(heard, 2, power_kw=8.0)
    heard.say("ack", {"id": "old", "state": "applied", "power_kw": 5.0})
    heard.say(*telemetry(3))
    assert (await heard.value(Quantity.SETPOINT_KW))[0] == 8.0


async def test_a_rejected_command_leaves_what_was_held() -> None:
    heard = Heard()
    await acked(heard, 1, power_kw=8.0)
    await acked(heard, 2, state="rejected", reason="busy")
    assert (await heard.value(Quantity.SETPOINT_KW))[0] == 8.0


async def test_a_told_number_must_be_that_of_the_refresh() -> None:
    heard = Heard()
    first = command(heard.clock, seq=1)
    heard.hearing.waiting.expect(first)
    sent = heard.hearing.waiting.expect(replace(first, seq=2))
    heard.say("ack", {"id": first.id, "state": "applied", "seq": 1})
    assert not sent.answered
    heard.say("ack", {"id": first.id, "state": "applied", "seq": 2})
    assert sent.answered


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


# What must not harm


def mutated(said: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps(said | changes).encode()


CORPUS: Sequence[tuple[str, bytes]] = (
    ("telemetry", b""),
    ("telemetry", b"\xff\xfe\x00"),
    ("telemetry", b"null"),
    ("telemetry", b"[]"),
    ("telemetry", b'"' + b"x" * 1000),
    ("telemetry", b"[" * 60_000),
    ("telemetry", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    ("telemetry", mutated(TELEMETRY, extra=None)[:-2]),
    ("telemetry", mutated(TELEMETRY, ts="2026-07-15T09:00:00")),
    ("telemetry", mutated(TELEMETRY, ts=1752570000)),
    ("telemetry", mutated(TELEMETRY, ts="9999-99-99T00:00:00Z")),
    ("telemetry", mutated(TELEMETRY, seq=-1)),
    ("telemetry", mutated(TELEMETRY, seq="1")),
    ("telemetry", mutated(TELEMETRY, seq=10**30)),
    ("telemetry", mutated(TELEMETRY, assets=[])),
    ("telemetry", mutated(TELEMETRY, assets={f"a{n}": {} for n in range(300)})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"power_kw": "7"}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"power_kw": True}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"power_kw": math.nan}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"power_kw": math.inf}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"power_kw": 1e9}})),
    ("telemetry", b'{"ts":"2026-07-15T09:00:00Z","seq":1,"assets":{"cp1":{"power_kw":1e999}}}'),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"soc": 55}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"energy_in_kwh": -1}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"quality": {"power_kw": "fine"}}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"state": 3}})),
    ("meta", b"{}"),
    ("meta", mutated(META, schema="1")),
    ("meta", mutated(META, maker="x" * 5000)),
    ("meta", mutated(META, assets={"cp1": {"allowed": [[1, 2, 3]]}})),
    ("status", b"online"),
    ("status", b'{"online":"true","boot":1}'),
    ("status", b'{"online":true}'),
    ("status", b'{"online":true,"boot":-1}'),
    ("status", b'{"online":true,"boot":1.5}'),
    ("session", b'{"assets":{"cp1":{}}}'),
    ("session", b'{"assets":{"cp1":{"plugged":true}}}'),
    ("session", mutated({}, assets={"cp1": {"plugged": True, "id": "s", "arrival": "noon"}})),
    (
        "session",
        mutated({}, assets={"cp1": {"plugged": True, "id": "s", "arrival": at(0), "min_kw": 9}}),
    ),
    (
        "session",
        mutated(
            {},
            assets={
                "cp1": {"plugged": True, "id": "s", "arrival": at(9), "departure": at(1)}
            },
        ),
    ),
    (
        "session",
        mutated(
            {},
            assets={
                "cp1": {"plugged": True, "id": "s", "arrival": "0001-01-01T00:00:00+14:00"}
            },
        ),
    ),
    ("session", mutated({}, assets={"cp1": {"plugged": False, "provenance": {"id": "god"}}})),
    ("alarm", b'{"id":1,"severity":"x","active":true}'),
    ("ack", b'{"id":"c","state":"done"}'),
    ("ack", b'{"state":"applied"}'),
)  # fmt: skip


@pytest.mark.parametrize(("suffix", "payload"), CORPUS)
async def test_malformed_input_is_counted_and_dropped(suffix: str, payload: bytes) -> None:
    heard = Heard()
    heard.say(suffix, payload)
    assert heard.hearing.counters.malformed == 1
    assert await heard.drain() == []
    assert heard.hearing.meta is None
    assert not heard.hearing.presence.online
    heard.say(*telemetry(7))
    assert (await heard.value(Quantity.POWER_KW))[0] == 7.0


async def test_a_payload_beyond_the_cap_is_not_even_read() -> None:
    heard = Heard()
    fits = json.dumps(TELEMETRY).encode().ljust(LARGEST_PAYLOAD)
    heard.say("telemetry", fits + b" ")
    assert await heard.drain() == []
    assert heard.hearing.counters.oversized == 1
    heard.say("telemetry", fits)
    assert len(await heard.drain()) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
KEYS = sorted({key for said in (META, TELEMETRY) for key in said} | {"online", "boot", "id"})


@settings(max_examples=500, deadline=None)
@given(
    suffix=st.sampled_from(SPOKEN),
    retained=st.booleans(),
    payload=st.binary(max_size=200)
    | json_values.map(lambda v: json.dumps(v).encode())
    | st.dictionaries(st.sampled_from(KEYS), json_values).map(lambda v: json.dumps(v).encode()),
)
async def test_nothing_that_comes_raises(suffix: str, payload: bytes, *, retained: bool) -> None:
    heard = Heard()
    heard.say(suffix, payload, retained=retained)
    for batch in await heard.drain():
        assert all(math.isfinite(v) or math.isnan(v) for v in batch.values)


def test_bad_input_is_told_once_until_something_good_comes() -> None:
    heard = Heard()
    with capture_logs() as logs:
        for _ in range(3):
            heard.say("telemetry", b"x")
        heard.say(*telemetry(1))
        heard.say("telemetry", b"x")
    assert [one["event"] for one in logs] == ["bad input", "bad input"]
    assert heard.hearing.counters.malformed == 4


def test_an_alarm_is_told_once_when_it_comes_and_once_when_it_goes() -> None:
    heard = Heard()
    door = {"id": "door", "severity": "warning", "text": "open", "active": True}
    with capture_logs() as logs:
        for active in (True, True, False, False):
            heard.say("alarm", door | {"active": active})
    assert [one["event"] for one in logs] == ["device alarm", "device alarm over"]


@pytest.mark.parametrize("suffix", ["telemetry", "alarm", "ack"])
def test_what_the_convention_does_not_retain_is_dropped_when_retained(suffix: str) -> None:
    heard = Heard()
    heard.say(suffix, {}, retained=True)
    assert heard.hearing.counters.retained == 1
    assert heard.hearing.counters.malformed == 0
