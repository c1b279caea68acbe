import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from tests.vpp.control.living.fakes import BEGIN, FakeBattery, FakeStation, LoopClock, pace
from tests.vpp.control.living.small_city import (
    battery,
    battery_device,
    battery_facts,
    city_of,
    device_of,
)
from vpp.control.inputs import Timing
from vpp.control.poll_grid import SLOT_S, next_due_s
from vpp.control.sensing import Sensing
from vpp.control.state_table import StateTable
from vpp.domain.assets import EvCharger
from vpp.domain.devices import Authority, Carried, Identity
from vpp.domain.errors import ConnectionLost
from vpp.domain.ids import AssetId, DeviceId, SiteId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.session import EvSession
from vpp.ports.device import DevicePort

pytestmark = pytest.mark.virtual_time


@dataclass
class Seen:
    """Who answered, in order."""

    identities: list[tuple[DeviceId, Identity]] = field(default_factory=list)

    def seen(self, device: DeviceId, identity: Identity) -> None:
        self.identities.append((device, identity))


@dataclass
class SensingRig:
    sensing: Sensing
    table: StateTable
    seen: Seen


@asynccontextmanager
async def sensing_rig(
    portfolio: Portfolio, ports: Mapping[str, DevicePort]
) -> AsyncIterator[SensingRig]:
    by_id = {DeviceId(device): port for device, port in ports.items()}
    facts = {device: port.facts for device, port in by_id.items()}
    table = StateTable(portfolio, facts, Timing(), lambda _: Authority.AUTO)
    seen = Seen()
    sensing = Sensing(
        devices=portfolio.devices, ports=by_id, table=table, identities=seen, pace=pace()
    )
    with capture_logs():
        async with sensing:
            yield SensingRig(sensing, table, seen)


def two() -> tuple[Portfolio, dict[str, FakeBattery]]:
    portfolio = city_of(
        [battery("b1"), battery("b2")], [battery_device(), battery_device("d2", "b2")]
    )
    ports = {
        f"d{i}": FakeBattery(
            DeviceId(f"d{i}"), AssetId(f"b{i}"), LoopClock(), battery_facts(f"b{i}")
        )
        for i in (1, 2)
    }
    return portfolio, ports


def test_due_times_are_a_grid_of_slots_spread_over_the_period() -> None:
    dues = [next_due_s(DeviceId(f"d{i}"), 100.0, 1.0) for i in range(1000)]
    assert all(100.0 < due <= 101.0 + 1e-6 for due in dues)
    assert all(abs(due / SLOT_S - round(due / SLOT_S)) < 1e-6 for due in dues)
    assert len({round(due / SLOT_S) for due in dues}) > 95  # of 100 slots
    one = DeviceId("d1")
    first = next_due_s(one, 100.0, 1.0)
    assert next_due_s(one, first, 1.0) == pytest.approx(first + 1.0)
    assert next_due_s(one, first + 5.3, 1.0) == pytest.approx(first + 6.0)  # missed ones are gone


async def test_a_dead_or_hung_device_delays_nobody() -> None:
    portfolio, ports = two()
    ports["d1"].reads_hang = True
    async with sensing_rig(portfolio, ports) as made:
        await asyncio.sleep(60)
        assert len(ports["d2"].reads) in (59, 60)
        assert max(made.sensing.lateness_s) < 0.01
        states = made.table.freeze(1, BEGIN, 60.0).devices
    assert (states[DeviceId("d1")].online, states[DeviceId("d2")].online) == (False, True)
    assert states[DeviceId("d1")].trouble == "nothing came within 1.5 s"


async def test_who_waits_for_his_turn_hurries_when_the_city_goes_faster() -> None:
    portfolio, ports = two()
    speed = 0.1  # a round every 10 s
    by_id = {DeviceId(device): port for device, port in ports.items()}
    facts = {device: port.facts for device, port in by_id.items()}
    table = StateTable(portfolio, facts, Timing(), lambda _: Authority.AUTO)
    slow_then_fast = replace(pace(), speed=lambda: speed)
    sensing = Sensing(
        devices=portfolio.devices, ports=by_id, table=table, identities=Seen(), pace=slow_then_fast
    )
    async with sensing:
        await asyncio.sleep(21)
        before = len(ports["d1"].reads)
        assert before <= 3
        speed = 1.0
        sensing.hurry()
        await asyncio.sleep(5)
        assert len(ports["d1"].reads) >= before + 4


async def test_it_tells_how_long_most_rounds_take_and_leaves_out_who_does_not_answer() -> None:
    portfolio, ports = two()
    async with sensing_rig(portfolio, ports) as made:
        await asyncio.sleep(3)
        assert made.sensing.slow_s == pytest.approx(0.01)
        ports["d1"].reads_take_s = ports["d2"].reads_take_s = 0.3
        await asyncio.sleep(3)
        assert made.sensing.slow_s == pytest.approx(0.3)
        ports["d1"].reads_take_s, ports["d2"].reads_hang = 0.01, True
        await asyncio.sleep(10)
        assert made.sensing.slow_s == pytest.approx(0.01)


async def test_three_failed_rounds_are_offline_and_the_first_already_stops_writing() -> None:
    portfolio, ports = two()
    async with sensing_rig(portfolio, ports) as made:
        await asyncio.sleep(5)
        assert made.table.device(DeviceId("d1")).read_back
        ports["d1"].answers = False
        await asyncio.sleep(1.0)
        state = made.table.device(DeviceId("d1"))
        assert (state.online, state.identified, state.read_back) == (True, False, False)
        await asyncio.sleep(8)
        state = made.table.device(DeviceId("d1"))
        assert (state.online, state.trouble) == (False, "connection refused")
        assert [alarm.code for alarm in made.table.alarms()] == ["OFFLINE"]
        ports["d1"].answers = True
        await asyncio.sleep(70)
        assert made.table.device(DeviceId("d1")).read_back
        assert made.table.alarms() == ()
        assert ports["d1"].identified == 2  # once per connection
        assert made.sensing.counters[DeviceId("d1")].failures >= 3


async def test_a_flapping_device_is_tried_ever_less() -> None:
    portfolio, ports = two()
    ports["d1"].answers = False
    async with sensing_rig(portfolio, ports) as made:
        await asyncio.sleep(600)
        assert made.sensing.counters[DeviceId("d1")].failures < 25


async def test_another_device_at_the_address_is_neither_read_nor_writable() -> None:
    stated = Identity(maker="Acme", serial="A1")
    portfolio = city_of([battery()], [battery_device(identity=stated)])
    port = FakeBattery(
        DeviceId("d1"),
        AssetId("b1"),
        LoopClock(),
        battery_facts(),
        identity=Identity(maker="Acme", serial="B2"),
    )
    async with sensing_rig(portfolio, {"d1": port}) as made:
        await asyncio.sleep(10)
        state = made.table.device(DeviceId("d1"))
        assert (state.online, state.identified) == (False, False)
        assert "serial is 'B2', expected 'A1'" in state.trouble
        assert [alarm.code for alarm in made.table.alarms()] == ["WRONG_DEVICE"]
        assert port.reads == []
        assert made.seen.identities == []
        port.identity = stated
        await asyncio.sleep(120)
        assert made.table.device(DeviceId("d1")).read_back
        assert made.seen.identities == [(DeviceId("d1"), stated)]


def station() -> tuple[Portfolio, FakeStation]:
    charger = EvCharger(id=AssetId("c1"), site=SiteId("s1"), max_kw=11.0)
    reads = {Quantity.POWER_KW: 0, Quantity.SETPOINT_KW: 0}
    device = device_of("d1", Carried(subject=charger.id, reads=reads, writes=True))
    return city_of([charger], [device]), FakeStation(
        DeviceId("d1"), charger.id, LoopClock(), battery_facts("c1")
    )


SESSION = EvSession(id="e1", asset=AssetId("c1"), arrival=datetime(2026, 6, 1, tzinfo=UTC))


async def test_what_a_station_said_before_it_was_identified_is_used_afterwards() -> None:
    portfolio, port = station()
    async with sensing_rig(portfolio, {"d1": port}) as made:
        await asyncio.sleep(5)
        port.say(3.0, SESSION)
        port.say(4.0, SESSION)
        await asyncio.sleep(1)
        snapshot = made.table.freeze(1, BEGIN, 6.0)
        assert snapshot.asset(AssetId("c1"), Quantity.POWER_KW) is None
        port.connected = True
        await asyncio.sleep(3)
        snapshot = made.table.freeze(2, BEGIN, 9.0)
        assert snapshot.asset(AssetId("c1"), Quantity.POWER_KW) == 4.0
        assert snapshot.sessions == {AssetId("c1"): SESSION}
        assert snapshot.devices[DeviceId("d1")].read_back


async def test_a_station_that_leaves_is_offline_at_once_and_identified_anew() -> None:
    portfolio, port = station()
    port.connected = True
    async with sensing_rig(portfolio, {"d1": port}) as made:
        await asyncio.sleep(3)
        port.say(3.0, None)
        await asyncio.sleep(1)
        assert made.table.device(DeviceId("d1")).online
        port.connected = False
        await asyncio.sleep(1.5)
        state = made.table.device(DeviceId("d1"))
        assert (state.online, state.identified, state.trouble) == (False, False, "has not called")
        port.trouble = "another client uses our id"
        await asyncio.sleep(1.5)
        assert made.table.device(DeviceId("d1")).trouble == "another client uses our id"
        port.connected = True
        await asyncio.sleep(1.5)
        assert made.table.device(DeviceId("d1")).identified
        assert not made.table.device(DeviceId("d1")).read_back
    assert port.identified == 2


class Reserved(FakeStation):
    """Tells nobody who it is, until asked so many times."""

    shy_for = 6
    dialled = 0

    async def identify(self) -> Identity:
        self.shy_for -= 1
        if self.shy_for >= 0:
            raise ConnectionLost("nothing is retained")
        return await super().identify()

    def reconnect(self) -> None:
        self.dialled += 1


async def test_who_leaves_asks_a_station_again_at_once_and_lets_its_adapter_hurry() -> None:
    portfolio, plain = station()
    port = Reserved(plain.device, plain.asset, plain.clock, plain.facts, connected=True)
    async with sensing_rig(portfolio, {"d1": port}) as made:
        await asyncio.sleep(20)
        assert not made.table.device(DeviceId("d1")).identified
        assert port.shy_for > 0
        made.sensing.leave()
        await asyncio.sleep(2)
        assert made.table.device(DeviceId("d1")).identified
    assert port.dialled == 1


async def test_a_port_that_can_be_neither_polled_nor_heard_is_refused() -> None:
    class Mute:
        facts = battery_facts()

        async def identify(self) -> Identity:
            return Identity()

    portfolio = city_of([battery()], [battery_device()])
    with pytest.raises(TypeError, match="neither be polled nor listened to"):
        async with sensing_rig(portfolio, {"d1": Mute()}):
            pass
