"""The setpoint that a device holds: by its telemetry, else by what it has acknowledged."""

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.adapters.mqtt.cities import command, plain
from tests.adapters.mqtt.heard import Heard, online, telemetry
from vpp.domain.capability import Form
from vpp.domain.points import Quantity
from vpp.domain.quality import Quality


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
