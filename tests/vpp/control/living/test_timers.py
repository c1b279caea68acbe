"""A device's own timer: a wrong one is noticed, one that only our own delays make wrong is not."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.vpp.control.living.loops import D1
from tests.vpp.control.living.rooms import rig
from tests.vpp.control.living.small_city import battery, battery_facts, city_of, device_of
from tests.vpp.control.living.timed import TIMED, StallingClock, TimedBattery
from vpp.control.control_room import OnExit
from vpp.control.inputs import Decision, TickInputs
from vpp.domain.audit import Event
from vpp.domain.command import WriteClass
from vpp.domain.devices import Carried
from vpp.domain.ids import AssetId
from vpp.domain.setpoint import target

pytestmark = pytest.mark.virtual_time
B1 = AssetId("b1")


async def alarms_of(tmp_path: Path, states: Mapping[float, Mapping[str, Any]]) -> set[str]:
    """All that was raised in 90 s of a held setpoint; ``states`` of the device, by when."""
    clock = StallingClock()
    port = TimedBattery(D1, B1, clock, battery_facts(), loop=clock)
    device = device_of("d1", Carried(subject=B1, reads=TIMED, writes=True))
    told: list[float] = []

    def held(inputs: TickInputs) -> tuple[Decision, ...]:
        now_s = inputs.snapshot.now_s
        if not inputs.snapshot.devices[D1].read_back or (told and now_s - told[-1] < 10.0):
            return ()
        setpoint = target(B1, 5.0, expires_s=now_s + 60.0, owner="plan", reason="surplus")
        kind = WriteClass.REFRESH if told else WriteClass.COMMAND
        told.append(now_s)
        return (Decision(asset=B1, device=D1, setpoint=setpoint, write_class=kind),)

    made = rig(city_of([battery()], [device]), {"d1": port}, tmp_path, decide=held, clock=clock)
    made.room.on_exit = OnExit.RELEASE
    async with made.room:
        for second in range(90):
            for name, value in states.get(second, {}).items():
                setattr(port, name, value)
            await asyncio.sleep(1)
    assert len(told) > 5
    return {record.why.partition(":")[0] for record in made.audit.of(Event.ALARM)}


@pytest.mark.parametrize(
    "states",
    [
        {15.0: {"read_stall_s": 12.0}, 16.0: {"read_stall_s": 0.0}},
        {15.0: {"read_stall_s": 12.0}, 25.0: {"read_stall_s": 0.0}},
        {15.0: {"write_stall_s": 25.0}, 26.0: {"write_stall_s": 0.0}},
        {15.0: {"deaf": 1}},
        {15.0: {"deaf": 2}, 40.0: {"write_stall_s": 8.0, "read_stall_s": 4.0}},
    ],
    ids=["one late reading", "late readings", "late writes", "a lost refresh", "all of it"],
)
async def test_a_stall_is_no_wrong_timer(
    tmp_path: Path, states: Mapping[float, Mapping[str, Any]]
) -> None:
    assert "TIMER_MISMATCH" not in await alarms_of(tmp_path, states)


@pytest.mark.parametrize("wrong", [{"timer_stuck": True}, {"timer_least_s": 3600.0}])
@pytest.mark.parametrize("stalls", [{}, {"read_stall_s": 3.0, "write_stall_s": 3.0}])
async def test_a_timer_that_is_wrong_is_an_alarm_also_where_everything_is_late(
    tmp_path: Path, wrong: Mapping[str, Any], stalls: Mapping[str, Any]
) -> None:
    assert "TIMER_MISMATCH" in await alarms_of(tmp_path, {0.0: {**wrong, **stalls}})
