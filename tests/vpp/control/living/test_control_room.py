import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.vpp.control.living.fakes import FakeBattery, LoopClock
from tests.vpp.control.living.rooms import Rig, rig
from tests.vpp.control.living.small_city import (
    battery,
    battery_device,
    battery_facts,
    city_of,
    decide,
)
from vpp.control.control_room import OnExit
from vpp.control.inputs import Decision, TickInputs
from vpp.control.parting import Ending
from vpp.domain.audit import Event
from vpp.domain.batch import Batch
from vpp.domain.capability import Form
from vpp.domain.command import Answer, Command, WriteClass
from vpp.domain.devices import Authority, SafeState
from vpp.domain.errors import ConnectionLost
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import Outcome
from vpp.domain.proposal import Ending as EndOf
from vpp.domain.proposal import Proposal, Rank, Scope, ScopeKind
from vpp.domain.quality import Quality

pytestmark = pytest.mark.virtual_time


def fake(name: str = "d1", asset: str = "b1", **said: Any) -> FakeBattery:
    return FakeBattery(DeviceId(name), AssetId(asset), LoopClock(), battery_facts(asset), **said)


def hold(power_kw: float) -> list[Decision]:
    return [decide(power_kw, now_s=asyncio.get_running_loop().time())]


def outcomes(made: Rig) -> dict[str, list[str]]:
    """By command whose intent is on record: what is told of its end."""
    found: dict[str, list[str]] = {record.command: [] for record in made.audit.of(Event.INTENT)}
    for record in made.audit.of(Event.OUTCOME):
        found[record.command].append(record.outcome)
    return found


async def test_a_value_goes_from_the_device_through_the_step_and_back(tmp_path: Path) -> None:
    port = fake(soc=0.4)
    sent: list[float] = []

    def once(inputs: TickInputs) -> list[Decision]:
        soc = inputs.snapshot.asset(AssetId("b1"), next(iter(inputs.snapshot.assets)))
        if soc is None or sent:
            return []
        sent.append(inputs.snapshot.now_s)
        return hold(5.0)

    made = rig(city_of([battery()], [battery_device()]), {"d1": port}, tmp_path, decide=once)
    async with made.room:
        await asyncio.sleep(12)
        news = [one.outcome for inputs in made.step.asked for one in inputs.news]
        assert news == [Outcome.ACCEPTED, Outcome.FOLLOWED]
        made.room.on_exit = OnExit.RELEASE
    assert [command.setpoint.lo_kw for _, command in port.written] == [5.0]
    intent, outcome = made.audit.of(Event.INTENT)[0], made.audit.of(Event.OUTCOME)[0]
    assert intent.command == outcome.command
    assert (intent.epoch, intent.who, outcome.outcome) == (7, "plan", "followed")


async def test_nothing_is_written_before_the_device_was_identified_and_read_back(
    tmp_path: Path,
) -> None:
    port = fake(answers=False)

    def always(_: TickInputs) -> list[Decision]:
        return hold(5.0)

    made = rig(city_of([battery()], [battery_device()]), {"d1": port}, tmp_path, decide=always)
    async with made.room:
        await asyncio.sleep(20)
        assert port.written == []
        first_read = len(port.reads)
        port.answers = True
        await asyncio.sleep(120)
        assert len(port.reads) > first_read
        assert port.written[0][0] > port.reads[first_read]
    refused = made.audit.of(Event.GATE_REFUSED)
    assert len(refused) == 1  # once, although every tick was refused


async def test_observing_writes_nothing_also_on_the_way_out(tmp_path: Path) -> None:
    port = fake()
    portfolio = city_of([battery()], [battery_device()])
    made = rig(portfolio, {"d1": port}, tmp_path, decide=lambda _: hold(5.0), observe=True)
    async with made.room:
        await asyncio.sleep(30)
        left = await made.room.stop(OnExit.SAFE)
    assert port.written == []
    assert [one.ending for one in left] == [Ending.NOT_WRITTEN]
    assert made.step.asked[-1].snapshot.devices[DeviceId("d1")].authority is Authority.OBSERVE


async def test_leaving_safe_stops_and_reads_back_every_device(tmp_path: Path) -> None:
    port = fake()
    portfolio = city_of([battery()], [battery_device()])
    made = rig(portfolio, {"d1": port}, tmp_path, decide=lambda _: hold(5.0))
    async with made.room:
        await asyncio.sleep(10)
        left = await made.room.stop(OnExit.SAFE)
        assert [one.ending for one in left] == [Ending.READ_BACK]
    assert port.written[-1][1].setpoint.form is Form.STOP
    assert port.written[-1][1].write_class is WriteClass.PROTECTION
    assert port.power_kw == 0.0
    *_, (last,) = outcomes(made).values()
    assert last in ("accepted", "followed")


class DatedBack(FakeBattery):
    """Its clock is a few seconds behind, too little to be noticed."""

    async def read(self) -> Batch:
        batch = await super().read()
        return replace(batch, measured_s=batch.measured_s - 4.0)


async def test_a_clock_a_little_behind_keeps_nobody_from_being_read_back(tmp_path: Path) -> None:
    port = DatedBack(DeviceId("d1"), AssetId("b1"), LoopClock(), battery_facts("b1"))
    portfolio = city_of([battery()], [battery_device()])
    made = rig(portfolio, {"d1": port}, tmp_path, decide=lambda _: hold(5.0))
    async with made.room:
        await asyncio.sleep(10)
        assert port.power_kw == 5.0
        left = await made.room.stop(OnExit.SAFE)
    assert [one.ending for one in left] == [Ending.READ_BACK]


async def test_a_hung_device_does_not_keep_the_others_from_their_safe_state(
    tmp_path: Path,
) -> None:
    ports = {f"d{i}": fake(f"d{i}", f"b{i}", power_kw=3.0 * i) for i in (1, 2, 3)}
    ports["d2"].writes_hang = True
    portfolio = city_of(
        [battery(f"b{i}") for i in (1, 2, 3)],
        [
            battery_device("d1", "b1"),
            battery_device("d2", "b2"),
            battery_device("d3", "b3", safe=SafeState.AUTONOMOUS),
        ],
    )
    made = rig(portfolio, ports, tmp_path)
    async with made.room:
        await asyncio.sleep(10)
        began = asyncio.get_running_loop().time()
        left = {one.device: one.ending for one in await made.room.stop(OnExit.SAFE)}
    assert asyncio.get_running_loop().time() - began < 5.0
    assert left == {"d1": Ending.READ_BACK, "d2": Ending.UNKNOWN, "d3": Ending.READ_BACK}
    assert ports["d3"].written[-1][1].setpoint.form is Form.RELEASE
    assert ports["d1"].written[-1][0] < ports["d3"].written[-1][0]  # decreases first
    assert all(len(told) == 1 for told in outcomes(made).values())


async def test_who_comes_back_while_the_daemon_leaves_is_left_safe(tmp_path: Path) -> None:
    ports = {f"d{i}": fake(f"d{i}", f"b{i}", power_kw=3.0, answers=False) for i in (1, 2)}
    portfolio = city_of(
        [battery(f"b{i}") for i in (1, 2)], [battery_device(f"d{i}", f"b{i}") for i in (1, 2)]
    )
    made = rig(portfolio, ports, tmp_path)
    async with made.room:
        await asyncio.sleep(200)  # nobody is looked for more often than once a minute
        began_s = asyncio.get_running_loop().time()
        asyncio.get_running_loop().call_later(3.0, setattr, ports["d2"], "answers", True)
        left = {str(one.device): one for one in await made.room.stop(OnExit.SAFE)}
        assert 4.0 < asyncio.get_running_loop().time() - began_s < 5.0
    assert left["d1"].ending is Ending.NOT_WRITTEN
    assert left["d1"].detail == "connection refused"
    assert left["d2"].ending is Ending.READ_BACK
    assert ports["d2"].reads[0] < ports["d2"].written[0][0]


@pytest.mark.parametrize("after_s", [0.0, 0.3, 1.0])
async def test_a_stop_right_after_the_start_waits_for_nobodys_turn(
    after_s: float, tmp_path: Path
) -> None:
    facts = replace(battery_facts("b1"), poll_period_s=30.0)
    port = FakeBattery(DeviceId("d1"), AssetId("b1"), LoopClock(), facts, power_kw=3.0)
    made = rig(city_of([battery()], [battery_device()]), {"d1": port}, tmp_path)
    async with made.room:
        await asyncio.sleep(after_s)
        left = await made.room.stop(OnExit.SAFE)
    assert [one.ending for one in left] == [Ending.READ_BACK]
    assert port.power_kw == 0.0


async def test_a_lost_device_that_is_not_ours_to_write_is_not_waited_for(tmp_path: Path) -> None:
    ports = {"d1": fake(), "d2": fake("d2", "b2", answers=False)}
    observed = replace(battery_device("d2", "b2"), authority=Authority.OBSERVE)
    portfolio = city_of([battery(), battery("b2")], [battery_device(), observed])
    made = rig(portfolio, ports, tmp_path)
    async with made.room:
        await asyncio.sleep(10)
        began_s = asyncio.get_running_loop().time()
        left = {one.device: one.ending for one in await made.room.stop(OnExit.SAFE)}
        assert asyncio.get_running_loop().time() - began_s < 1.0
    assert left == {"d1": Ending.READ_BACK, "d2": Ending.NOT_WRITTEN}


class Deaf(FakeBattery):
    """Does not get the first write."""

    deaf = True

    async def send(self, command: Command) -> Answer:
        if self.deaf:
            self.deaf = False
            self.written.append((self.clock.monotonic(), command))
            raise ConnectionLost("not sent: the connection was lost")
        return await super().send(command)


async def test_what_did_not_arrive_as_read_back_is_told_again(tmp_path: Path) -> None:
    port = Deaf(DeviceId("d1"), AssetId("b1"), LoopClock(), battery_facts("b1"), power_kw=3.0)
    made = rig(city_of([battery()], [battery_device()]), {"d1": port}, tmp_path)
    async with made.room:
        await asyncio.sleep(10)
        left = await made.room.stop(OnExit.SAFE)
    assert [one.ending for one in left] == [Ending.READ_BACK]
    assert len(port.written) == 2
    assert port.power_kw == 0.0
    assert all(len(told) == 1 for told in outcomes(made).values())


class Reticent(FakeBattery):
    """Shows no setpoint before it was told one."""

    async def read(self) -> Batch:
        batch = await super().read()
        quality = batch.quality.copy()
        quality[2] = Quality.GOOD if self.written else Quality.MISSING
        return replace(batch, quality=quality)


async def test_who_is_heard_but_shows_no_setpoint_is_told_on_the_way_out_alone(
    tmp_path: Path,
) -> None:
    port = Reticent(DeviceId("d1"), AssetId("b1"), LoopClock(), battery_facts("b1"), power_kw=3.0)
    portfolio = city_of([battery()], [battery_device()])
    made = rig(portfolio, {"d1": port}, tmp_path, decide=lambda _: hold(5.0))
    async with made.room:
        await asyncio.sleep(10)
        assert port.written == []
        left = await made.room.stop(OnExit.SAFE)
    assert [one.ending for one in left] == [Ending.READ_BACK]
    assert [one.setpoint.form for _, one in port.written] == [Form.STOP]


@pytest.mark.parametrize("hangs", [False, True])
async def test_whatever_the_devices_do_the_way_out_takes_at_most_five_seconds(
    tmp_path: Path, hangs: bool
) -> None:
    port = fake()
    portfolio = city_of([battery()], [battery_device()])
    made = rig(portfolio, {"d1": port}, tmp_path, decide=lambda _: hold(5.0))
    async with made.room:
        await asyncio.sleep(10)
        port.writes_hang = hangs
        began_s = asyncio.get_running_loop().time()
        left = await made.room.stop(OnExit.SAFE)
        took_s = asyncio.get_running_loop().time() - began_s
    assert (left[0].ending is Ending.READ_BACK) is not hangs
    assert 0 < took_s <= 5.0


async def test_releasing_writes_nothing_on_the_way_out(tmp_path: Path) -> None:
    port = fake()
    portfolio = city_of([battery()], [battery_device()])
    made = rig(portfolio, {"d1": port}, tmp_path, decide=lambda _: hold(5.0))
    async with made.room:
        await asyncio.sleep(10)
        before = len(port.written)
        assert await made.room.stop(OnExit.RELEASE) == ()
        await asyncio.sleep(20)
        assert len(port.written) == before
    assert set(map(tuple, outcomes(made).values())) == {("followed",)}


async def test_what_was_sent_just_before_the_end_has_an_outcome_on_record(tmp_path: Path) -> None:
    port = fake()
    portfolio = city_of([battery()], [battery_device()])
    made = rig(portfolio, {"d1": port}, tmp_path, decide=lambda _: hold(5.0))
    async with made.room:
        await asyncio.sleep(1.5)
        await made.room.stop(OnExit.RELEASE)
    assert list(outcomes(made).values()) == [["accepted"]]


async def test_what_never_gets_an_answer_is_unknown_on_record(tmp_path: Path) -> None:
    port = fake(writes_hang=True)
    portfolio = city_of([battery()], [battery_device()])
    made = rig(portfolio, {"d1": port}, tmp_path, decide=lambda _: hold(5.0))
    async with made.room:
        await asyncio.sleep(120)
        made.room.on_exit = OnExit.RELEASE
    found = outcomes(made)
    assert found
    assert all(len(ends) == 1 for ends in found.values())


async def test_a_limit_above_the_pools_that_ended_before_the_start_holds_its_failsafe(
    tmp_path: Path,
) -> None:
    scope = Scope(kind=ScopeKind.PORTFOLIO, id="test")
    limit = Proposal(
        id="city", scope=scope, owner="dso", rank=Rank.GRID_OPERATOR, hi_kw=30.0, reason="works",
        valid_until_s=-60.0, ending=EndOf.FAILSAFE, failsafe_hi_kw=5.0,
    )  # fmt: skip
    city = city_of([battery()], [battery_device()])
    made = rig(city, {"d1": fake()}, tmp_path, limits={"city": limit})
    async with made.room:
        await asyncio.sleep(2)
        view = made.room.loop.view
    assert view is not None
    assert ("GRID_FAILSAFE", "portfolio:test") in {(one.code, one.subject) for one in view.alarms}
    assert made.step.asked[-1].handed.hi_kw == 5.0
