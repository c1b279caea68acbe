"""Beats that keep a device's watchdog quiet, through the gate."""

import asyncio

import pytest

from tests.vpp.control.living.fakes import BeatingBattery, LoopClock
from tests.vpp.control.living.gates import D1, gate_rig
from tests.vpp.control.living.small_city import battery_facts
from tests.vpp.control.living.telling import now, rule_of, tell
from vpp.domain.ids import AssetId

pytestmark = pytest.mark.virtual_time


async def beating(within_s: float = 10.0) -> BeatingBattery:
    facts = battery_facts(heartbeat_s=within_s)
    return BeatingBattery(D1, AssetId("b1"), LoopClock(), facts)


async def test_a_heartbeat_needs_a_live_setpoint_and_a_deciding_tick() -> None:
    port = await beating()
    async with gate_rig(port=port, facts=port.facts) as made:
        assert rule_of(await made.gate.beat(D1)) == "setpoint"
        made.gate.submit(tell(5.0))
        await asyncio.sleep(1)
        assert rule_of(await made.gate.beat(D1)) == "undecided"
        made.gate.completed(frozenset({D1}))
        assert await made.gate.beat(D1) is None
        made.lease.until_s = now()
        assert rule_of(await made.gate.beat(D1)) == "lease"
        made.lease.until_s = now() + 1e6
        await asyncio.sleep(60)
        made.gate.completed(frozenset({D1}))
        assert rule_of(await made.gate.beat(D1)) == "setpoint"
    assert len(port.beats) == 2  # the first went before the command


async def test_a_device_that_may_have_given_us_up_hears_a_beat_before_its_command() -> None:
    port = await beating(within_s=20.0)
    async with gate_rig(port=port, facts=port.facts) as made:
        for power_kw, pause_s in ((5.0, 55.0), (4.0, 6.0), (3.0, 1.0)):
            made.gate.submit(tell(power_kw))
            await asyncio.sleep(pause_s)
    assert made.sent_kw == [5.0, 4.0, 3.0]
    (first_s, _), (second_s, _), _ = port.written
    assert port.beats == pytest.approx([first_s, second_s], abs=0.01)
    assert port.beats[0] <= first_s
    assert port.beats[1] <= second_s


async def test_a_beat_that_fails_keeps_no_command_back() -> None:
    port = await beating()
    port.hears_beats = False
    async with gate_rig(port=port, facts=port.facts) as made:
        made.gate.submit(tell(5.0))
        await asyncio.sleep(1)
    assert made.sent_kw == [5.0]


async def test_a_device_without_heartbeat_gets_none() -> None:
    async with gate_rig() as made:
        assert rule_of(await made.gate.beat(D1)) == "writer"
