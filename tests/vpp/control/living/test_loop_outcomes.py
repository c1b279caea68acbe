"""What becomes of commands reaches the next tick, the operator and the record."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.vpp.control.living.fakes import FakeBattery, LoopClock
from tests.vpp.control.living.loops import D1, holding, now, room
from tests.vpp.control.living.small_city import battery_facts, decide
from vpp.control.inputs import Decision, TickInputs
from vpp.domain.audit import Event
from vpp.domain.capability import Form
from vpp.domain.command import WriteClass
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId
from vpp.domain.outcome import Outcome

pytestmark = pytest.mark.virtual_time


async def test_news_wait_for_a_tick_that_completes(tmp_path: Path) -> None:
    made = room(tmp_path, decide=holding(5.0))
    async with made.room:
        await asyncio.sleep(1.5)
        made.step.fails = True
        with capture_logs():
            await asyncio.sleep(5)
        made.step.fails = False
        asked = len(made.step.asked)
        await asyncio.sleep(1)
    outcomes = [one.outcome for one in made.step.asked[asked].news]
    assert outcomes[-1] is Outcome.FOLLOWED
    assert all(inputs.news == () for inputs in made.step.asked[asked + 1 :])


async def test_a_foreign_writer_is_one_alarm_and_the_device_only_observed(tmp_path: Path) -> None:
    port = FakeBattery(D1, AssetId("b1"), LoopClock(), battery_facts())
    made = room(tmp_path, port, holding(5.0))
    async with made.room:
        await asyncio.sleep(6)
        port.setpoint_kw = -8.0
        written = len(port.written)
        await asyncio.sleep(60)
        assert made.room.authority.of(D1) is Authority.OBSERVE
        assert len(port.written) == written
        assert made.room.loop.view is not None
        assert [alarm.code for alarm in made.room.loop.view.alarms] == ["FOREIGN_WRITER"]
        made.room.authority.set(D1, Authority.AUTO, who="operator", why="cable removed")
        await asyncio.sleep(3)
        assert made.room.loop.view.alarms == ()
    foreign = [r for r in made.audit.of(Event.ALARM) if r.why.startswith("FOREIGN")]
    assert [record.outcome for record in foreign] == ["raised", "cleared"]
    assert made.audit.of(Event.AUTHORITY)[0].who == "daemon"


async def test_a_setpoint_lost_in_a_reboot_is_told_and_the_next_refresh_is_a_command(
    tmp_path: Path,
) -> None:
    port = FakeBattery(D1, AssetId("b1"), LoopClock(), battery_facts())
    made = room(tmp_path, port, holding(5.0))
    async with made.room:
        await asyncio.sleep(6)
        port.setpoint_kw = float("nan")
        await asyncio.sleep(3)
        news = [one.outcome for inputs in made.step.asked for one in inputs.news]
        assert news[-1] is Outcome.UNKNOWN
        await asyncio.sleep(10)
    classes = [command.write_class for _, command in port.written]
    assert classes == [WriteClass.COMMAND, WriteClass.COMMAND]
    assert len(made.audit.of(Event.INTENT)) == 2


async def test_what_is_not_applied_is_an_alarm_and_news(tmp_path: Path) -> None:
    port = FakeBattery(D1, AssetId("b1"), LoopClock(), battery_facts(), ignores=True)
    port.setpoint_kw = 0.0
    made = room(tmp_path, port, holding(5.0, refresh_s=100.0))
    async with made.room:
        await asyncio.sleep(12)
        assert made.room.loop.view is not None
        assert [alarm.code for alarm in made.room.loop.view.alarms] == ["NOT_OBEYING"]
    news = [one.outcome for inputs in made.step.asked for one in inputs.news]
    assert news == [Outcome.ACCEPTED, Outcome.NOT_OBEYING]
    assert [record.outcome for record in made.audit.of(Event.OUTCOME)] == ["not_obeying"]


def release() -> Decision:
    told = decide(0.0, now_s=now())
    form, free = Form.RELEASE, math.inf
    return replace(told, setpoint=replace(told.setpoint, form=form, lo_kw=-free, hi_kw=free))


@pytest.mark.parametrize("freed", [True, False])
async def test_who_is_told_nothing_more_no_longer_disobeys(tmp_path: Path, freed: bool) -> None:
    port = FakeBattery(D1, AssetId("b1"), LoopClock(), battery_facts(), ignores=True)
    port.setpoint_kw = 0.0
    made = room(tmp_path, port, holding(5.0, refresh_s=100.0))
    async with made.room:
        await asyncio.sleep(12)
        assert made.room.loop.view is not None
        assert [alarm.code for alarm in made.room.loop.view.alarms] == ["NOT_OBEYING"]
        port.ignores = not freed
        once = iter([release()] if freed else [])
        made.step.decide = lambda _: list(once)
        await asyncio.sleep(10 if freed else 60)
        assert made.room.loop.view.alarms == ()


async def test_a_full_disk_blocks_commands_under_one_alarm_until_it_has_room(
    tmp_path: Path,
) -> None:
    made = room(tmp_path, decide=holding(5.0))
    made.audit.broken = True
    async with made.room:
        await asyncio.sleep(5)
        view = made.room.loop.view
        assert view is not None
        assert [(one.code, one.subject) for one in view.alarms] == [("AUDIT_BLOCKED", "audit")]
        made.audit.broken = False
        await asyncio.sleep(15)
        assert made.room.loop.view is not None
        assert made.room.loop.view.alarms == ()


async def test_what_our_own_gate_holds_back_is_no_disobedience_of_the_device(
    tmp_path: Path,
) -> None:
    powers = iter([11.0] * 6 + [4.0])  # beyond its rating, time and again

    def decided(inputs: TickInputs) -> Sequence[Decision]:
        if not inputs.snapshot.devices[D1].read_back:
            return ()
        return [decide(power_kw, now_s=now()) for power_kw in (next(powers, None),) if power_kw]

    made = room(tmp_path, decide=decided)
    async with made.room:
        await asyncio.sleep(5.5)
        assert made.room.loop.view is not None
        alarms = made.room.loop.view.alarms
        assert [(one.code, one.subject) for one in alarms] == [("HELD_BACK", "asset:b1")]
        assert [one for inputs in made.step.asked for one in inputs.news] == []
        await asyncio.sleep(10)
        assert made.room.loop.view.alarms == ()
    news = [one.outcome for inputs in made.step.asked for one in inputs.news]
    assert news == [Outcome.ACCEPTED, Outcome.FOLLOWED]


async def test_a_held_back_command_alarms_no_longer_than_it_would_have_lived(
    tmp_path: Path,
) -> None:
    def once(inputs: TickInputs) -> Sequence[Decision]:
        return [decide(11.0, now_s=now(), life_s=15.0)] if inputs.snapshot.tick == 4 else ()

    made = room(tmp_path, decide=once)
    async with made.room:
        await asyncio.sleep(10)
        assert made.room.loop.view is not None
        assert [one.code for one in made.room.loop.view.alarms] == ["HELD_BACK"]
        await asyncio.sleep(10)
        assert made.room.loop.view.alarms == ()


async def test_a_refusal_by_the_device_is_news_and_an_alarm(tmp_path: Path) -> None:
    port = FakeBattery(D1, AssetId("b1"), LoopClock(), battery_facts(), refuses=True)
    made = room(tmp_path, port, holding(5.0, refresh_s=100.0))
    async with made.room:
        await asyncio.sleep(8)
        assert made.room.loop.view is not None
        assert [one.code for one in made.room.loop.view.alarms] == ["REFUSING"]
    news = [one.outcome for inputs in made.step.asked for one in inputs.news]
    assert news == [Outcome.REFUSED]


async def test_every_intent_has_exactly_one_outcome(tmp_path: Path) -> None:
    port = FakeBattery(D1, AssetId("b1"), LoopClock(), battery_facts())
    powers = iter([1.0, 2.0, 11.0, 3.0, 4.0, -5.0, 6.0] * 20)

    def restless(_: TickInputs) -> Sequence[Decision]:
        return [decide(next(powers), now_s=now(), life_s=15.0)]

    made = room(tmp_path, port, restless)
    async with made.room:
        await asyncio.sleep(60)
        made.step.decide = lambda _: ()
        await asyncio.sleep(30)
    intents = [record.command for record in made.audit.of(Event.INTENT)]
    outcomes = [record.command for record in made.audit.of(Event.OUTCOME)]
    assert len(intents) > 8
    assert sorted(outcomes) == sorted(set(intents))


async def test_a_battery_called_back_on_its_way_is_not_blamed_for_the_way(tmp_path: Path) -> None:
    """It was read at rest when it was called back, and had begun to move."""
    facts, battery = battery_facts(), AssetId("b1")
    slow = {battery: replace(facts.capabilities[battery], ramp_kw_per_s=2.0)}
    facts = replace(facts, capabilities=slow)
    port = FakeBattery(D1, battery, LoopClock(), facts, holds_but_idles=True)
    told = [0.0, -10.0]

    def decided(inputs: TickInputs) -> Sequence[Decision]:
        ready = told and inputs.snapshot.devices[D1].read_back
        return [decide(told.pop(), now_s=now())] if ready else ()

    made = room(tmp_path, port, decided)
    async with made.room:
        await asyncio.sleep(6.2)  # writes are 5 s apart
        assert len(port.written) == 2
        port.power_kw = -8.0
        await asyncio.sleep(7.5)  # 1 s, 5 s of ramp from -10 kW, two rounds
        assert Outcome.NOT_OBEYING not in heard(made.step.asked)
        await asyncio.sleep(3.0)
        assert Outcome.NOT_OBEYING in heard(made.step.asked)


def heard(asked: Sequence[TickInputs]) -> set[Outcome]:
    return {one.outcome for inputs in asked for one in inputs.news}
