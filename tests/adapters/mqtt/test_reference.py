"""The reference page against the production code: its examples, its fields, its figures."""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, get_args

import msgspec
import pytest

from adapters.mqtt import hearing, messages, presence, standing
from adapters.mqtt.commands import Waiting, payload_of
from adapters.mqtt.messages import Format
from adapters.mqtt.topics import REMEMBERED, SPOKEN
from tests.adapters.mqtt.cities import CP1, CP2, HandClock, command
from tests.adapters.mqtt.heard import Heard
from tests.architecture.house import ROOT
from vpp.domain.capability import Form
from vpp.domain.ids import AssetId
from vpp.domain.points import Quantity
from vpp.domain.quality import Quality
from vpp.domain.setpoint import Setpoint

PAGE = (ROOT / "docs/reference/mqtt.md").read_text(encoding="utf-8")
FORMATS: dict[str, tuple[Format[Any], tuple[type[msgspec.Struct], ...]]] = {
    "meta": (messages.META, (messages.MetaMessage, messages.MetaAsset)),
    "status": (messages.STATUS, (messages.StatusMessage,)),
    "telemetry": (messages.TELEMETRY, (messages.TelemetryMessage, messages.TelemetryAsset)),
    "session": (messages.SESSION, (messages.SessionMessage, messages.SessionAsset)),
    "alarm": (messages.ALARM, (messages.AlarmMessage,)),
    "ack": (messages.ACK, (messages.AckMessage,)),
}
FOR_PEOPLE = {"phases"}
"""Keys of an example that the page says are not read."""


@dataclass(frozen=True)
class Example:
    topic: str
    suffix: str
    said: dict[str, Any]
    payload: bytes


def examples() -> Iterable[Example]:
    said = r"^`(vpp/1/[\w-]+/[\w-]+/(\w+))`[^\n]*:\n\n```json\n(.*?)```"
    found = re.findall(said, PAGE, re.M | re.S)
    for topic, suffix, text in found:
        yield Example(topic, suffix, json.loads(text), text.encode())


EXAMPLES = tuple(examples())
SPOKEN_EXAMPLES = [one for one in EXAMPLES if one.suffix != "cmd"]
COMMANDS = [one for one in EXAMPLES if one.suffix == "cmd"]


def section(suffix: str) -> str:
    return PAGE.partition(f"\n## `{suffix}`\n")[2].partition("\n## ")[0]


def test_every_payload_of_the_page_is_looked_at_and_every_message_has_one() -> None:
    assert len(EXAMPLES) == PAGE.count("```json")
    assert {one.suffix for one in EXAMPLES} == {*SPOKEN, "cmd"}


@pytest.mark.parametrize(
    "one", SPOKEN_EXAMPLES, ids=[f"{n}-{one.topic}" for n, one in enumerate(SPOKEN_EXAMPLES)]
)
def test_an_example_is_a_message_and_says_nothing_that_is_not_read(one: Example) -> None:
    read, structs = FORMATS[one.suffix]
    read.read(one.payload)
    known = {field.name for struct in structs for field in msgspec.structs.fields(struct)}
    inner = [v for v in one.said.get("assets", {}).values() if isinstance(v, dict)]
    keys = {key for said in (one.said, *inner) for key in said}
    assert keys - known <= FOR_PEOPLE


@pytest.mark.parametrize("suffix", SPOKEN)
def test_every_field_that_is_read_is_explained(suffix: str) -> None:
    explained = set(re.findall(r"`(\w+)`", "".join(_rows(section(suffix)))))
    fields = {f.name for struct in FORMATS[suffix][1] for f in msgspec.structs.fields(struct)}
    assert fields - {"assets"} <= explained


def _rows(text: str) -> Iterable[str]:
    return (line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))


def test_the_table_of_topics_says_what_is_retained() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+\| ([^|]+) \| (\w+) \|", PAGE, re.M)
    assert {suffix for suffix, _, _ in rows} == {*SPOKEN, "cmd"}
    assert {suffix for suffix, _, retained in rows if retained == "yes"} == REMEMBERED


async def test_the_day_of_the_station_in_the_examples_is_heard_as_the_page_says() -> None:
    heard = Heard()
    told = [one for one in SPOKEN_EXAMPLES if "/hub-1/" in one.topic and one.suffix != "ack"]
    wills = [one for one in told if one.said.get("online") is False]
    for one in told:
        if one not in wills:
            heard.say(one.suffix, one.payload, retained=one.suffix in REMEMBERED)
    counters = heard.hearing.counters
    assert (counters.received, counters.malformed, counters.unknown_assets) == (len(told) - 1, 0, 0)
    assert heard.hearing.here
    assert await heard.value(Quantity.POWER_KW) == (7.2, Quality.GOOD)
    assert await heard.value(Quantity.SETPOINT_KW) == (7.5, Quality.GOOD)
    assert math.isnan((await heard.value(Quantity.SETPOINT_KW, CP2))[0])
    assert (await heard.value(Quantity.ENERGY_IN_KWH, CP2))[1] is Quality.SUSPECT
    cars = {name: car for batch in heard.batches for name, car in batch.sessions.items()}
    car, none = cars[CP1], cars[CP2]
    assert none is None
    assert car is not None
    assert (car.need_kwh, car.min_kw, car.phases) == (18.0, 4.1, 3)
    alarms = [
        batch.alarms for batch in heard.batches if not batch.points and batch.alarms is not None
    ]
    assert [[alarm.id for alarm in standing] for standing in alarms if standing] == [["contactor"]]
    (will,) = wills
    heard.say("status", will.payload, retained=True)
    assert not heard.hearing.here


def setpoint_of(said: dict[str, Any], clock: HandClock) -> Setpoint:
    form = Form(said["form"])
    return Setpoint(
        asset=AssetId(said["asset"]),
        form=form,
        lo_kw=said.get("lo_kw", -math.inf),
        hi_kw=said.get("hi_kw", math.inf),
        expires_s=clock.monotonic() + said["valid_s"],
        owner="plan",
        reason=said["reason"],
    )


@pytest.mark.parametrize(
    "one", COMMANDS, ids=[f"{one.said['form']}-{one.said['asset']}" for one in COMMANDS]
)
def test_a_command_of_the_page_is_what_the_daemon_sends(one: Example) -> None:
    clock, said = HandClock(), one.said
    sent = command(
        clock,
        setpoint=setpoint_of(said, clock),
        command_id=said["id"],
        epoch=said["epoch"],
        seq=said["seq"],
    )
    assert json.loads(payload_of(sent, now=clock.now(), valid_s=said["valid_s"])) == said


def test_the_page_shows_every_form_and_explains_every_key_of_a_command() -> None:
    assert {one.said["form"] for one in COMMANDS} == {form.value for form in Form}
    explained = set(re.findall(r"`(\w+)`", "".join(_rows(section("cmd")))))
    assert {key for one in COMMANDS for key in one.said} <= explained


async def test_an_answer_of_the_page_belongs_to_a_command_of_the_page() -> None:
    clock, waiting = HandClock(), Waiting()
    told = {one.said["id"]: one.said for one in COMMANDS}
    for answer in (messages.ACK.read(one.payload) for one in EXAMPLES if one.suffix == "ack"):
        said = told[answer.id]
        base = command(clock, setpoint=setpoint_of(said, clock), command_id=answer.id)
        sent = waiting.expect(replace(base, seq=said["seq"]))
        assert waiting.match(answer) is sent


@pytest.mark.parametrize(
    "figure",
    [
        f"at most {messages.LARGEST_PAYLOAD // 1024} KiB",
        f"away for {hearing.RESTARTING_S:g} s",
        f"comes {presence.HOLD_OFF_S:g} s or later after a will",
        f"At most {standing.MOST} stand at once",
        f"`schema` | {messages.SCHEMA};",
    ],
)
def test_a_figure_of_the_page_is_that_of_the_code(figure: str) -> None:
    assert figure in PAGE


@pytest.mark.parametrize("word", [*get_args(messages.Trust), *get_args(messages.Working)])
def test_a_word_that_a_device_may_say_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in section("telemetry")
