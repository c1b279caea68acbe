"""Alarms of a device: what stands is told with every batch, whoever came late."""

import pytest

from tests.adapters.mqtt.heard import Heard, online, telemetry
from vpp.domain.batch import Batch
from vpp.domain.device_alarm import DeviceAlarm

DOOR = {"id": "door", "severity": "warning", "text": "open", "active": True}
FAN = {"id": "fan", "severity": "info", "active": True}
OPEN = DeviceAlarm(id="door", severity="warning", text="open")


def told(batches: list[Batch]) -> list[tuple[DeviceAlarm, ...] | None]:
    return [batch.alarms for batch in batches]


async def test_an_alarm_is_told_when_it_comes_and_when_it_goes_and_not_between() -> None:
    heard = Heard()
    for active in (False, True, True, False, False):
        heard.say("alarm", DOOR | {"active": active})
    assert told(await heard.drain()) == [(OPEN,), ()]


async def test_one_that_ends_leaves_the_others() -> None:
    heard = Heard()
    for said in (FAN, DOOR, FAN | {"active": False}):
        heard.say("alarm", said)
    assert told(await heard.drain())[-1] == (OPEN,)


async def test_an_alarm_that_is_worded_anew_is_told_anew() -> None:
    heard = Heard()
    heard.say("alarm", DOOR)
    heard.say("alarm", DOOR | {"severity": "critical"})
    assert [one.severity for one in told(await heard.drain())[-1] or ()] == ["critical"]


async def test_every_telemetry_tells_it_again_for_a_reader_that_came_late() -> None:
    heard = Heard()
    heard.say("alarm", DOOR)
    heard.hearing.inbox.begin()
    heard.say(*telemetry(1))
    assert told(await heard.drain()) == [(OPEN,)]


async def test_a_new_life_begins_without_alarms() -> None:
    heard = Heard()
    heard.say(*online(1))
    heard.say("alarm", DOOR)
    heard.say(*online(2))
    heard.say(*telemetry(1))
    assert told(await heard.drain()) == [(OPEN,), ()]


@pytest.mark.parametrize("again", [DOOR, FAN | {"id": "a-0", "text": "worse"}], ids=["new", "old"])
async def test_a_device_that_cries_without_end_is_bounded(again: dict[str, object]) -> None:
    heard = Heard()
    for n in range(1000):
        heard.say("alarm", FAN | {"id": f"a-{n}"})
    heard.say("alarm", again)
    last = told(await heard.drain())[-1] or ()
    assert len(last) == 64
    assert ("worse" in {one.text for one in last}) == (again is not DOOR)
