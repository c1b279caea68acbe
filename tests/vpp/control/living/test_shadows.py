"""A device in shadow in the whole control room: on record, and not one write."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.vpp.control.living.fakes import FakeBattery, LoopClock
from tests.vpp.control.living.rooms import rig
from tests.vpp.control.living.small_city import (
    battery,
    battery_device,
    battery_facts,
    city_of,
    decide,
)
from vpp.control.inputs import Decision, Rehearsed, TickInputs
from vpp.domain.audit import Event
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.points import OperatingState

pytestmark = pytest.mark.virtual_time
D1, B1 = DeviceId("d1"), AssetId("b1")


class Telling:
    """A rehearsal that tells one power a tick, the last one for ever."""

    def __init__(self, *powers_kw: float) -> None:
        self._powers_kw = list(powers_kw)

    def __call__(
        self, real: int, last: Rehearsed[int] | None, inputs: TickInputs
    ) -> Rehearsed[int] | None:
        if inputs.snapshot.devices[D1].authority is not Authority.SHADOW:
            return None
        power_kw = self._powers_kw[0] if len(self._powers_kw) == 1 else self._powers_kw.pop(0)
        found: list[Decision] = [decide(power_kw, now_s=inputs.snapshot.now_s)]
        return Rehearsed(state=0, assets=frozenset({B1}), commands=tuple(found))


class Failing:
    def __call__(self, real: int, last: Rehearsed[int] | None, inputs: TickInputs) -> None:
        raise ZeroDivisionError("a defect")


async def test_begin_and_end_are_on_record_with_what_was_measured(tmp_path: Path) -> None:
    port = FakeBattery(D1, B1, LoopClock(), battery_facts(), power_kw=-1.5)
    portfolio = city_of([battery()], [battery_device(authority=Authority.SHADOW)])
    told = Telling(*[5.0] * 20, *[3.0] * 20, 99.0)
    made = rig(portfolio, {"d1": port}, tmp_path, rehearse=told)
    async with made.room:
        await asyncio.sleep(30)
        assert made.room.shadows.setpoints[B1].lo_kw == 3.0
        await asyncio.sleep(90)
        assert made.room.shadows.setpoints == {}
    records = [(r.outcome, r.lo_kw) for r in made.audit.of(Event.SHADOW)]
    assert [one for one in records if one[0] != "would_refuse"] == [
        ("would_write", 5.0),
        ("meanwhile", 5.0),
        ("would_write", 3.0),
        ("meanwhile", 3.0),
    ]
    ends = [r for r in made.audit.of(Event.SHADOW) if r.outcome == "meanwhile"]
    assert [r.measured_kw for r in ends] == [-1.5, -1.5]
    assert ends[0].valid_s == pytest.approx(20.0, abs=3.0)
    refused = [r.why for r in made.audit.of(Event.SHADOW) if r.outcome == "would_refuse"]
    assert [why.partition(":")[0] for why in refused] == ["identified", "capability"]
    assert port.written == []


async def test_it_ends_with_the_authority(tmp_path: Path) -> None:
    port = FakeBattery(D1, B1, LoopClock(), battery_facts())
    portfolio = city_of([battery()], [battery_device(authority=Authority.SHADOW)])
    made = rig(portfolio, {"d1": port}, tmp_path, rehearse=Telling(5.0))
    async with made.room:
        await asyncio.sleep(10)
        made.room.authority.set(D1, Authority.OBSERVE, who="operator", why="enough")
        await asyncio.sleep(2)
        assert made.room.shadows.setpoints == {}
    assert made.audit.of(Event.SHADOW)[-1].why == "authority is observe"


async def test_a_rehearsal_that_fails_is_an_alarm_and_nothing_else(tmp_path: Path) -> None:
    port = FakeBattery(D1, B1, LoopClock(), battery_facts())
    portfolio = city_of([battery()], [battery_device()])
    made = rig(portfolio, {"d1": port}, tmp_path, rehearse=Failing())
    async with made.room:
        await asyncio.sleep(10)
        assert made.room.loop.view is not None
        assert {alarm.code for alarm in made.room.loop.view.alarms} == {"SHADOW_FAILED"}
        assert made.room.loop.view.failed == frozenset()
    assert made.room.loop.counters.failed == 0


async def test_under_local_control_nothing_is_cast_as_a_shadow(tmp_path: Path) -> None:
    port = FakeBattery(D1, B1, LoopClock(), battery_facts())
    portfolio = city_of([battery()], [battery_device(authority=Authority.SHADOW)])
    made = rig(portfolio, {"d1": port}, tmp_path, rehearse=Telling(5.0))
    async with made.room:
        await asyncio.sleep(5)
        assert B1 in made.room.shadows.setpoints
        port.state = OperatingState.LOCAL
        await asyncio.sleep(3)
        assert made.room.table.device(D1).authority is Authority.LOCAL
        assert made.room.shadows.setpoints == {}
        port.state = OperatingState.RUNNING
        await asyncio.sleep(3)
        assert B1 in made.room.shadows.setpoints
    assert port.written == []
    ends = [r.why for r in made.audit.of(Event.SHADOW) if r.outcome == "meanwhile"]
    assert ends[0] == "authority is local"


async def test_a_profile_that_was_changed_writes_nothing_until_somebody_looked(
    tmp_path: Path,
) -> None:
    for digest in ("one", "two"):
        facts = replace(battery_facts(), profile_digest=digest)
        port = FakeBattery(D1, B1, LoopClock(), facts)
        portfolio = city_of([battery()], [battery_device()])

        def told(inputs: TickInputs) -> list[Decision]:
            return [decide(5.0, now_s=inputs.snapshot.now_s)]

        made = rig(portfolio, {"d1": port}, tmp_path, decide=told)
        async with made.room:
            await asyncio.sleep(5)
        assert bool(port.written) is (digest == "one")
