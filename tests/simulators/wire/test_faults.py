"""Every kind of fault does what it says, and no more, and ends."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from simulators.entry import Entry
from simulators.fault_script import read_fault
from simulators.faults import Fault
from simulators.physics.battery import BatteryUnit
from simulators.wire import SimulatedCity
from tests.settled import settled
from tests.simulators.wire.cities import house
from tests.simulators.wire.clients import RawClient, read_pdu, request, write_pdu

SOC = read_pdu(40348, 1)  # model 713 at 40344, SoC at offset 4
POWER = read_pdu(40080, 1)  # model 701 at 40070, W at offset 10
HEARTBEAT = write_pdu(40372, [7])  # model 802 at 40353, CtrlHb at offset 19


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedCity]:
    async with SimulatedCity(house(without_stations=True), speed=0) as sim:
        yield sim


@pytest.fixture
async def client(sim: SimulatedCity) -> AsyncIterator[RawClient]:
    async with RawClient.to(sim.ports["bus"].number) as client:
        yield client


@pytest.fixture
def battery(sim: SimulatedCity) -> BatteryUnit:
    unit = sim.world.asset["bat"]
    assert isinstance(unit, BatteryUnit)
    return unit


async def silence(client: RawClient) -> bool:
    """Whether nothing comes, after everything on its way has arrived."""
    await client.send(request(SOC))
    await settled()
    with contextlib.suppress(TimeoutError):
        await client.frame(within_s=0.05)
        return False
    return True


async def answers(client: RawClient) -> bool:
    return (await client.ask(SOC))[2][0] == 3


async def test_silent(sim: SimulatedCity, client: RawClient) -> None:
    await sim.faults.inject("ess", "silent")
    assert await silence(client)
    _, _, other = await client.ask(read_pdu(40000, 2), unit=2)
    assert other[0] == 3
    await sim.faults.clear("ess")
    assert await answers(client)


async def test_a_silent_device_does_not_act_on_writes(
    sim: SimulatedCity, client: RawClient
) -> None:
    await sim.faults.inject("ess", "silent")
    await client.send(request(HEARTBEAT))
    await settled()
    assert [(w.accepted, w.reason) for w in sim.write_log] == [(False, "silent")]


async def test_refuse(sim: SimulatedCity, client: RawClient) -> None:
    number = sim.ports["bus"].number
    await sim.faults.inject("ess", "refuse", for_s=60)
    with pytest.raises(ConnectionError):
        await client.ask(SOC)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", number)
    await sim.advance(61)
    async with RawClient.to(number) as again:
        assert await answers(again)


async def test_reset(sim: SimulatedCity, client: RawClient) -> None:
    await sim.faults.inject("ess", "reset")
    with pytest.raises(ConnectionResetError):
        await client.ask(SOC)


async def test_half_open_is_dead_for_good_and_only_for_those_connected(
    sim: SimulatedCity, client: RawClient
) -> None:
    await sim.faults.inject("ess", "half_open", for_s=10)
    await sim.advance(20)
    assert await silence(client)
    async with RawClient.to(sim.ports["bus"].number) as newcomer:
        assert await answers(newcomer)


async def test_slow_answers_late_and_in_order(sim: SimulatedCity, client: RawClient) -> None:
    await sim.faults.inject("ess", "slow", seconds=0.3)
    began = asyncio.get_running_loop().time()
    for transaction in (1, 2, 3):
        await client.send(request(SOC, transaction=transaction))
    await asyncio.sleep(0.05)
    await sim.faults.clear()
    await client.send(request(SOC, transaction=4))
    order = [(await client.frame())[0] for _ in range(4)]
    assert order == [1, 2, 3, 4]
    assert asyncio.get_running_loop().time() - began >= 0.29


@pytest.mark.parametrize(("kind", "transaction"), [("wrong_tid", 105), ("zero_tid", 0)])
async def test_transaction_ids(
    sim: SimulatedCity, client: RawClient, kind: str, transaction: int
) -> None:
    await sim.faults.inject("ess", kind)
    answered, _, pdu = await client.ask(SOC, transaction=100)
    assert (answered, pdu[0]) == (transaction, 3)


async def test_wrong_function(sim: SimulatedCity, client: RawClient) -> None:
    await sim.faults.inject("ess", "wrong_function")
    _, _, pdu = await client.ask(SOC)
    assert pdu[0] == 4


async def test_short_reply(sim: SimulatedCity, client: RawClient) -> None:
    _, _, whole = await client.ask(read_pdu(40000, 60))
    await sim.faults.inject("ess", "short_reply")
    _, _, pdu = await client.ask(read_pdu(40000, 60))
    assert pdu == bytes((3, 2)) + whole[2:4]


async def test_wrong_echo_though_the_write_is_done(sim: SimulatedCity, client: RawClient) -> None:
    await sim.faults.inject("ess", "wrong_echo")
    _, _, pdu = await client.ask(HEARTBEAT)
    assert struct.unpack(">BHH", pdu) == (16, 40373, 1)
    assert sim.write_log[0].where == 40372


async def test_garbage(sim: SimulatedCity, client: RawClient) -> None:
    await sim.faults.inject("ess", "garbage")
    await client.send(request(SOC))
    assert (await client.reader.readexactly(28))[:4] == b"\xde\xad\xbe\xef"


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6])
async def test_exception(sim: SimulatedCity, client: RawClient, code: int) -> None:
    await sim.faults.inject("ess", "exception", code=code)
    assert (await client.ask(SOC))[2] == bytes((0x83, code))
    assert (await client.ask(HEARTBEAT))[2] == bytes((0x90, code))
    assert not sim.write_log[0].accepted


async def charge(client: RawClient, watts: int) -> bytes:
    """Model 704 at 40277: WSetEna, WSetMod, WSet in one write, W_SF 1."""
    words = struct.unpack(">HH", struct.pack(">i", -watts // 10))
    _, _, pdu = await client.ask(write_pdu(40299, [1, 1, *words]))
    return pdu


async def test_ack_and_ignore(sim: SimulatedCity, client: RawClient, battery: BatteryUnit) -> None:
    await sim.faults.inject("ess", "ack_and_ignore")
    assert (await charge(client, 20_000))[0] == 16
    await sim.advance(30)
    assert battery.power_w == 0
    assert [(w.accepted, w.reason) for w in sim.write_log] == [(True, "ack_and_ignore")]
    await sim.faults.clear()
    await charge(client, 20_000)
    await sim.advance(30)
    assert battery.power_w == pytest.approx(20_000)


async def test_frozen_values_stop_and_writes_still_act(
    sim: SimulatedCity, client: RawClient, battery: BatteryUnit
) -> None:
    await sim.faults.inject("ess", "frozen")
    await charge(client, 20_000)
    await sim.advance(60)
    assert battery.power_w == pytest.approx(20_000)
    assert (await client.ask(POWER))[2] == bytes((3, 2, 0, 0))
    await sim.faults.clear()
    assert (await client.ask(POWER))[2] == bytes((3, 2)) + struct.pack(">h", -2_000)


async def test_sentinel(sim: SimulatedCity, client: RawClient) -> None:
    await sim.faults.inject("ess", "sentinel", point="SoC")
    assert (await client.ask(SOC))[2] == bytes((3, 2, 0xFF, 0xFF))
    await sim.faults.inject("ess", "sentinel", point="W")
    assert (await client.ask(POWER))[2] == bytes((3, 2, 0x80, 0x00))
    await sim.faults.clear()
    assert (await client.ask(SOC))[2] == bytes((3, 2)) + struct.pack(">H", 400)


async def test_sentinel_of_the_hybrid_is_not_a_number(sim: SimulatedCity) -> None:
    await sim.faults.inject("hybrid", "sentinel", point="soe")
    async with RawClient.to(sim.ports["hybrid-link"].number) as client:
        _, _, pdu = await client.ask(read_pdu(57732, 2))
    assert pdu[2:] == b"\x00\x00\x7f\xc0"


async def test_sign_flip_turns_measured_power_alone(
    sim: SimulatedCity, client: RawClient, battery: BatteryUnit
) -> None:
    await sim.faults.inject("ess", "sign_flip")
    await charge(client, 20_000)
    await sim.advance(30)
    assert battery.power_w == pytest.approx(20_000)
    assert (await client.ask(POWER))[2] == bytes((3, 2)) + struct.pack(">h", 2_000)
    assert (await client.ask(read_pdu(40301, 2)))[2][2:] == struct.pack(">i", -2_000)


async def test_reboot_drops_connections_and_loses_the_command(
    sim: SimulatedCity, client: RawClient, battery: BatteryUnit
) -> None:
    await charge(client, 20_000)
    await sim.advance(30)
    await sim.faults.inject("ess", "reboot")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await client.ask(SOC)
    await sim.advance(30)
    assert battery.power_w == 0
    async with RawClient.to(sim.ports["bus"].number) as again:
        assert (await again.ask(read_pdu(40299, 1)))[2] == bytes((3, 2, 0, 0))


async def serial(sim: SimulatedCity, link: str) -> bytes:
    async with RawClient.to(sim.ports[link].number) as client:
        _, _, pdu = await client.ask(read_pdu(40052, 16))
    return pdu[2:].rstrip(b"\0")


async def test_swap_puts_each_device_at_the_other_s_address(sim: SimulatedCity) -> None:
    assert await serial(sim, "bus") == b"HB-1"
    await sim.faults.inject("ess", "swap", other="bms", for_s=60)
    assert (await serial(sim, "bus"), await serial(sim, "bms-link")) == (b"BMS-1", b"HB-1")
    await sim.advance(61)
    assert (await serial(sim, "bus"), await serial(sim, "bms-link")) == (b"HB-1", b"BMS-1")


async def test_the_script_of_the_city_file_begins_and_ends_by_the_city_s_clock() -> None:
    script = [
        {"device": "ess", "kind": "exception", "code": 6,
         "at": "2026-07-15T11:10:00+09:00", "for_min": 5},
    ]  # fmt: skip
    city = house(without_stations=True, faults=script)
    async with SimulatedCity(city, speed=0) as sim, RawClient.to(sim.ports["bus"].number) as client:
        heard = []
        for minutes in (9, 2, 5):
            await sim.advance(60 * minutes)
            heard.append((await client.ask(SOC))[2][0])
    assert heard == [3, 0x83, 3]


@pytest.mark.parametrize(
    "entry",
    [
        {"device": "ess", "kind": "explodes"},
        {"device": "ess", "kind": "drop"},
        {"device": "nobody", "kind": "silent"},
        {"device": "ess", "kind": "silent", "loudness": 3},
    ],
)
def test_a_script_that_makes_no_sense_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"kind|means nothing|no device|not understood"):
        SimulatedCity(house(without_stations=True, faults=[entry]), speed=0)


def test_times_of_a_script_count_from_the_start_in_force() -> None:
    start = datetime(2026, 7, 15, 3, tzinfo=UTC)
    entry = {"device": "ess", "kind": "slow", "at": start + timedelta(minutes=2), "for_s": 30}
    fault = read_fault(Entry(entry, "city.yaml"), ["ess"]).since(start)
    assert (fault.at_s, fault.until_s) == (120, 150)
    assert Fault("ess", "slow").until_s == float("inf")
