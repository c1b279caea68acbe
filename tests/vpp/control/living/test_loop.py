import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.vpp.control.living.fakes import BeatingBattery, FakeBattery, LoopClock
from tests.vpp.control.living.loops import D1, holding, now, room
from tests.vpp.control.living.rooms import rig
from tests.vpp.control.living.small_city import (
    battery,
    battery_device,
    battery_facts,
    city_of,
    decide,
)
from vpp.control.control_room import OnExit
from vpp.control.inputs import Alarm, Decision, TickInputs, Timing
from vpp.control.loop import TickView
from vpp.domain.audit import Event
from vpp.domain.command import WriteClass
from vpp.domain.ids import AssetId, DeviceId, PoolId
from vpp.domain.proposal import Proposal, Rank, Scope, ScopeKind

pytestmark = pytest.mark.virtual_time


async def test_ticks_are_a_second_apart_and_numbered(tmp_path: Path) -> None:
    made = room(tmp_path)
    async with made.room:
        await asyncio.sleep(10.5)
    snapshots = [inputs.snapshot for inputs in made.step.asked]
    assert [snapshot.tick for snapshot in snapshots] == list(range(1, 12))
    gaps = _gaps([snapshot.now_s for snapshot in snapshots])
    assert gaps == pytest.approx([1.0] * 10)


async def test_skipped_ticks_are_counted_and_never_made_up_for(tmp_path: Path) -> None:
    clock = SlowClock()
    slow = rig(
        city_of([battery()], [battery_device()]),
        {"d1": FakeBattery(D1, AssetId("b1"), LoopClock(), battery_facts())},
        tmp_path,
        decide=clock.stall,
        clock=clock,
    )
    slow.room.on_exit = OnExit.RELEASE
    late_s = list[float]()
    slow.room.loop.on_tick(lambda view: late_s.append(view.late_s))
    async with slow.room:
        await asyncio.sleep(20)
    ticks = [inputs.snapshot.now_s for inputs in slow.step.asked]
    assert slow.room.loop.counters.skipped == 4
    assert max(late_s) == pytest.approx(4.0)  # after the first one skipped was due
    assert sum(one > 0.5 for one in late_s) == 1
    gaps = _gaps(ticks)
    assert sorted(gaps)[-2:] == pytest.approx([1.0, 5.0])
    assert all(gap >= 1.0 - 1e-6 for gap in gaps)
    stalls = [r for r in slow.audit.of(Event.ALARM) if r.why.startswith("LOOP_STALL")]
    assert [record.outcome for record in stalls] == ["raised", "cleared"]


@dataclass
class SlowClock(LoopClock):
    """A process that stands still for 4.5 s in its fifth tick."""

    lost_s: float = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.lost_s

    def stall(self, inputs: TickInputs) -> Sequence[Decision]:
        if inputs.snapshot.tick == 5:
            self.lost_s = 4.5
        return ()


async def test_an_observer_that_fails_disturbs_neither_loop_nor_other_observers(
    tmp_path: Path,
) -> None:
    made, views = room(tmp_path), list[TickView[int]]()

    def broken(_: TickView[int]) -> None:
        raise RuntimeError("a defect")

    made.room.loop.on_tick(broken)
    made.room.loop.on_tick(views.append)
    with capture_logs() as lines:
        async with made.room:
            await asyncio.sleep(5.5)
    assert len(views) == 6
    assert [line["event"] for line in lines].count("observer failed") == 1
    assert made.room.loop.counters.observer_failures == 6


async def test_a_step_that_fails_decides_nothing_and_is_an_alarm_until_it_works(
    tmp_path: Path,
) -> None:
    made = room(tmp_path, decide=holding(5.0))
    async with made.room:
        await asyncio.sleep(5.5)
        made.step.fails = True
        with capture_logs():
            await asyncio.sleep(3)
        view = made.room.loop.view
        assert view is not None
        assert view.failed == {PoolId("feeder")}
        assert [alarm.code for alarm in view.alarms] == ["TICK_FAILED"]
        made.step.fails = False
        await asyncio.sleep(1)
        assert made.room.loop.view is not None
        assert made.room.loop.view.alarms == ()


async def test_alarms_are_raised_once_and_cleared_once(tmp_path: Path) -> None:
    made = room(tmp_path)
    made.step.alarms = (Alarm(code="CONFLICT", subject="b1", text="two want it"),)
    async with made.room:
        await asyncio.sleep(5)
        made.step.alarms = ()
        await asyncio.sleep(5)
    changes = [(record.subject, record.outcome) for record in made.audit.of(Event.ALARM)]
    assert changes == [("b1", "raised"), ("b1", "cleared")]


@dataclass
class FakeSource:
    given: list[Proposal] = field(default_factory=list)
    broken: bool = False

    def proposals(self) -> Sequence[Proposal]:
        if self.broken:
            raise OSError("no file")
        return self.given


async def test_a_failing_source_keeps_its_last_word_until_that_expires(tmp_path: Path) -> None:
    wish = Proposal(
        id="p1",
        scope=Scope(kind=ScopeKind.ASSET, id="b1"),
        owner="op",
        rank=Rank.OVERRIDE,
        wish_kw=3.0,
        reason="test",
        valid_until_s=10.0,
    )
    source = FakeSource([wish])
    port = FakeBattery(D1, AssetId("b1"), LoopClock(), battery_facts())
    made = rig(
        city_of([battery()], [battery_device()]), {"d1": port}, tmp_path, sources={"f": source}
    )
    with capture_logs():
        async with made.room:
            await asyncio.sleep(3.5)
            source.broken = True
            await asyncio.sleep(10)
    by_tick = [inputs.proposals for inputs in made.step.asked]
    assert by_tick[2] == (wish,)
    assert by_tick[6] == (replace(wish, alive=False),), "a last word is no sign of life"
    assert by_tick[-1] == ()


async def test_a_tick_decides_by_what_the_device_said_when_it_was_identified(
    tmp_path: Path,
) -> None:
    port = FakeBattery(D1, AssetId("b1"), LoopClock(), battery_facts(), answers=False)
    made = room(tmp_path, port)
    async with made.room:
        await asyncio.sleep(2)
        narrower = battery_facts(rating_kw=4.0)
        port.facts, port.answers = narrower, True
        await asyncio.sleep(10)
    models = [inputs.model for inputs in made.step.asked]
    assert models[0].facts[D1].capabilities[AssetId("b1")].allowed.hi_kw == 10.0
    assert models[-1].facts[D1] == narrower
    assert models[-1].compiled.most_kw[0] == 4.0
    assert len({id(model) for model in models}) == 2  # compiled anew once, not every tick


async def test_the_first_tick_after_a_stall_may_refresh_again(tmp_path: Path) -> None:
    port = FakeBattery(D1, AssetId("b1"), LoopClock(), battery_facts())
    made = room(tmp_path, port, holding(5.0))
    async with made.room:
        await asyncio.sleep(8.5)
        made.step.fails = True
        with capture_logs():
            await asyncio.sleep(6)
        made.step.fails = False
        await asyncio.sleep(2)
    assert [command.write_class for _, command in port.written] == [
        WriteClass.COMMAND,
        WriteClass.REFRESH,
    ]


async def test_heartbeats_start_with_a_setpoint_and_stop_when_ticks_stop(tmp_path: Path) -> None:
    facts = battery_facts(heartbeat_s=4.0)
    port = BeatingBattery(D1, AssetId("b1"), LoopClock(), facts)
    made = room(tmp_path, port, holding(5.0))
    async with made.room:
        await asyncio.sleep(20)
        beats = list(port.beats)
        assert all(gap < 4.0 for gap in _gaps(beats))
        assert len(beats) >= 7
        made.step.fails = True
        with capture_logs():
            await asyncio.sleep(30)
        assert len(port.beats) <= len(beats) + 2
    notes = [record.outcome for record in made.audit.of(Event.HEARTBEAT)]
    assert notes == ["started", "stopped"]


def _gaps(times: Sequence[float]) -> list[float]:
    return [b - a for a, b in pairwise(times)]


async def test_a_hung_write_delays_neither_ticks_nor_other_devices(tmp_path: Path) -> None:
    ports = {
        f"d{i}": FakeBattery(
            DeviceId(f"d{i}"), AssetId(f"b{i}"), LoopClock(), battery_facts(f"b{i}")
        )
        for i in (1, 2)
    }
    ports["d1"].writes_hang = True
    portfolio = city_of(
        [battery("b1"), battery("b2")], [battery_device(), battery_device("d2", "b2")]
    )

    def both(inputs: TickInputs) -> Sequence[Decision]:
        if inputs.snapshot.tick % 6:
            return ()
        return [
            decide(float(inputs.snapshot.tick % 5), now_s=now(), asset=f"b{i}", device=f"d{i}")
            for i in (1, 2)
        ]

    made = rig(portfolio, ports, tmp_path, decide=both)
    made.room.on_exit = OnExit.RELEASE
    async with made.room:
        await asyncio.sleep(60)
    assert made.room.loop.counters.skipped == 0
    assert len(ports["d2"].written) >= 9
    assert max(ports["d2"].written[i][0] % 1.0 for i in range(9)) < 0.1
    assert ports["d1"].most_in_flight == 1


async def test_a_tick_of_a_slow_speed_city_is_longer(tmp_path: Path) -> None:
    port = FakeBattery(D1, AssetId("b1"), LoopClock(), battery_facts())
    made = rig(
        city_of([battery()], [battery_device()]),
        {"d1": port},
        tmp_path,
        timing=Timing(tick_s=5.0),
    )
    async with made.room:
        began = time.monotonic()
        await asyncio.sleep(50.5)
        assert time.monotonic() - began < 30
    assert 10 <= len(made.step.asked) <= 12
    assert len(port.reads) <= 13  # no faster than the tick
