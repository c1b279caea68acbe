"""Commands through the embedded broker: what they say, and how they are answered."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import aiomqtt
import numpy as np
import pytest

from adapters.mqtt.port import MqttPort
from tests.adapters.mqtt.cities import CP1, command, plain
from tests.adapters.mqtt.stations import META, Station
from tests.adapters.mqtt.waiting import collecting, until
from vpp.domain.capability import Form
from vpp.domain.command import WriteClass
from vpp.domain.errors import NoAnswer, Refused
from vpp.domain.points import Point, Quantity
from vpp.domain.quality import Quality
from vpp.runtime.clocks import CityClock, WireClock

CITY = CityClock(WireClock())


async def test_a_command_says_all_that_the_convention_asks_for(
    station: Station, port: MqttPort
) -> None:
    answer = await port.send(command(CITY, 7.0, command_id="c-7", epoch=3, seq=42, valid_s=60))
    assert answer.echoed
    ((told, retained),) = station.received
    assert not retained
    issued = datetime.fromisoformat(told.pop("ts"))
    assert abs(datetime.now(UTC) - issued) < timedelta(seconds=5)
    assert 55 < told.pop("valid_s") <= 60
    assert told == {
        "id": "c-7", "epoch": 3, "seq": 42, "asset": "cp1", "form": "ceiling", "power_kw": 7.0,
        "hi_kw": 7.0, "reason": "surplus",
    }  # fmt: skip


async def test_the_life_of_a_command_that_waited_is_what_is_left_of_it(
    station: Station, port: MqttPort
) -> None:
    waited = command(CITY, valid_s=60)
    late = command(CITY, setpoint=waited.setpoint)
    await asyncio.sleep(0.3)
    left_s = waited.setpoint.expires_s - CITY.monotonic()
    await port.send(late)
    at_least_s = waited.setpoint.expires_s - CITY.monotonic()
    assert at_least_s - 0.001 <= station.received[0][0]["valid_s"] <= left_s + 0.001


async def test_stop_and_release_name_no_other_power(station: Station, port: MqttPort) -> None:
    for form in (Form.STOP, Form.RELEASE):
        setpoint = plain(form, CITY.monotonic() + 60)
        await port.send(command(CITY, setpoint=setpoint, command_id=form))
    stop, release = (told for told, _ in station.received)
    assert (stop["form"], stop["power_kw"]) == ("stop", 0.0)
    assert release["form"] == "release"
    assert not {"power_kw", "lo_kw", "hi_kw"} & release.keys()


async def test_a_refresh_is_the_same_command_with_a_higher_number(
    station: Station, port: MqttPort
) -> None:
    await port.send(command(CITY, seq=1))
    await port.send(command(CITY, seq=2, write_class=WriteClass.REFRESH))
    assert [(told["id"], told["seq"]) for told, _ in station.received] == [("c-1", 1), ("c-1", 2)]


async def test_a_lower_epoch_is_refused_by_the_device(station: Station, port: MqttPort) -> None:
    await port.send(command(CITY, command_id="new", epoch=8))
    with pytest.raises(Refused, match="epoch 8"):
        await port.send(command(CITY, command_id="old", epoch=7, seq=2))


async def test_a_command_that_the_device_finds_expired_is_refused(
    station: Station, port: MqttPort
) -> None:
    station.answer = lambda told: {"state": "expired", "reason": "too old"}
    with pytest.raises(Refused, match="expired: too old"):
        await port.send(command(CITY))


async def test_an_expired_command_does_not_even_leave(station: Station, port: MqttPort) -> None:
    with pytest.raises(Refused, match="not sent: it expired"):
        await port.send(command(CITY, valid_s=-1))
    assert station.received == []


async def test_without_an_answer_the_outcome_is_unknown_and_it_was_sent_once(
    station: Station, port: MqttPort
) -> None:
    station.answer = lambda told: None
    with pytest.raises(NoAnswer, match="unknown"):
        await port.send(command(CITY))
    await asyncio.sleep(0.5)
    assert len(station.received) == 1
    async with collecting(port) as batches:
        await station.telemetry()
        await until(lambda: bool(batches))
        await station.say("ack", {"id": "c-1", "state": "applied", "power_kw": 7.0})
        await station.telemetry()
        await until(lambda: len(batches) == 2)
    assert setpoint_of(batches[0].points, batches[0].values, batches[0].quality)[1] is (
        Quality.MISSING
    )
    assert setpoint_of(batches[1].points, batches[1].values, batches[1].quality) == (
        7.0,
        Quality.GOOD,
    )


def setpoint_of(
    points: tuple[Point, ...], values: np.ndarray, quality: np.ndarray
) -> tuple[float, Quality]:
    index = points.index(Point(subject=CP1, quantity=Quantity.SETPOINT_KW))
    return float(values[index]), Quality(int(quality[index]))


async def test_an_answer_to_something_else_answers_nothing(
    station: Station, port: MqttPort
) -> None:
    station.answer = lambda told: {"id": "another", "state": "applied"}
    with pytest.raises(NoAnswer):
        await port.send(command(CITY))
    assert port.counters.unmatched_acks == 1


async def test_a_command_is_not_retained_for_who_comes_later(
    station: Station, port: MqttPort, broker: int
) -> None:
    await port.send(command(CITY))
    async with aiomqtt.Client("127.0.0.1", broker, identifier="late") as late:
        await late.subscribe(f"{station.root}/cmd", qos=1)
        await late.subscribe(f"{station.root}/meta", qos=1)
        async with asyncio.timeout(5):
            first = await anext(aiter(late.messages))
    assert first.topic.value.endswith("/meta")
    assert json.loads(first.payload if isinstance(first.payload, bytes) else b"") == META
