"""The Modbus server itself: frames, exceptions, clients."""

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest

from simulators.wire import SimulatedCity
from tests.settled import settled
from tests.simulators.wire.cities import house
from tests.simulators.wire.clients import RawClient, modbus, read, read_pdu, request, write_pdu


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedCity]:
    async with SimulatedCity(house(without_stations=True), speed=0) as sim:
        yield sim


@pytest.fixture
def port(sim: SimulatedCity) -> int:
    return sim.ports["bus"].number


async def test_pymodbus_reads_the_marker_by_both_functions(port: int) -> None:
    async with modbus(port) as client:
        held = await read(client, 40000, 2)
        answer = await client.read_input_registers(40000, count=2, device_id=1)
    assert held == [0x5375, 0x6E53]
    assert answer.registers == held


@pytest.mark.parametrize(
    ("pdu", "code"),
    [
        (bytes((7,)), 1),
        (bytes((23, 0, 0)), 1),
        (read_pdu(0, 1), 2),
        (read_pdu(39999, 2), 2),
        (write_pdu(40000, [1]), 2),
        (write_pdu(40004, [1]), 2),
        (read_pdu(40000, 0), 3),
        (read_pdu(40000, 126), 3),
        (struct.pack(">BHHB", 16, 40000, 124, 248) + bytes(248), 3),
        (struct.pack(">BHHB", 16, 40000, 2, 2) + bytes(2), 3),
        (struct.pack(">BH", 3, 40000), 3),
    ],
)
async def test_what_it_cannot_do_is_answered_by_the_right_exception(
    port: int, pdu: bytes, code: int
) -> None:
    async with RawClient.to(port) as client:
        _, _, reply = await client.ask(pdu)
    assert reply == bytes((pdu[0] | 0x80, code))


async def test_an_absent_unit_is_answered_by_the_gateway(port: int) -> None:
    async with RawClient.to(port) as client:
        _, unit, reply = await client.ask(read_pdu(40000, 2), unit=9)
    assert (unit, reply) == (9, bytes((0x83, 11)))


async def test_units_on_one_port_are_different_devices(port: int) -> None:
    async with modbus(port) as client:
        models = {unit: (await read(client, 40070, 1, unit))[0] for unit in (1, 2, 3, 4)}
    assert models == {1: 701, 2: 701, 3: 103, 4: 203}


async def test_a_frame_in_pieces_and_frames_in_one_piece_are_answered_in_order(port: int) -> None:
    async with RawClient.to(port) as client:
        whole = b"".join(request(read_pdu(40000, n), transaction=n) for n in range(1, 9))
        await client.send(whole[:5])
        await asyncio.sleep(0.02)
        await client.send(whole[5:17])
        await asyncio.sleep(0.02)
        await client.send(whole[17:])
        replies = [await client.frame() for _ in range(8)]
    assert [(transaction, len(pdu)) for transaction, _, pdu in replies] == [
        (n, 2 + 2 * n) for n in range(1, 9)
    ]


async def test_bytes_that_are_no_modbus_end_the_connection(port: int) -> None:
    async with RawClient.to(port) as client:
        await client.send(b"GET / HTTP/1.1\r\n")
        assert await client.reader.read() == b""


async def test_reads_may_cross_models_unless_the_device_is_strict() -> None:
    city = house(without_stations=True, devices={"ess": {"strict_blocks": True}})
    async with SimulatedCity(city, speed=0) as sim, RawClient.to(sim.ports["bus"].number) as client:
        _, _, strict = await client.ask(read_pdu(40000, 4), unit=1)
        _, _, lenient = await client.ask(read_pdu(40000, 4), unit=2)
    assert strict == bytes((0x83, 2))
    assert lenient[:2] == bytes((3, 8))


async def test_a_second_client_is_turned_away_where_one_is_the_most(sim: SimulatedCity) -> None:
    number = sim.ports["hybrid-link"].number
    async with RawClient.to(number) as first, RawClient.to(number) as second:
        assert await second.reader.read() == b""
        _, _, reply = await first.ask(read_pdu(40000, 2))
        assert reply == bytes((3, 4)) + b"SunS"


async def test_the_place_of_a_client_that_left_is_free_again(sim: SimulatedCity) -> None:
    number = sim.ports["hybrid-link"].number
    async with RawClient.to(number) as first:
        await first.ask(read_pdu(40000, 2))
    await settled()
    async with RawClient.to(number) as second:
        _, _, reply = await second.ask(read_pdu(40000, 2))
    assert reply[0] == 3


async def test_requests_right_after_connecting_are_lost_where_the_device_is_not_ready() -> None:
    city = house(without_stations=True, devices={"hybrid": {"ready_after_s": 0.5}})
    async with (
        SimulatedCity(city, speed=0) as sim,
        RawClient.to(sim.ports["hybrid-link"].number) as client,
    ):
        await client.send(request(read_pdu(40000, 2), transaction=1))
        await settled()  # it is taken
        await asyncio.sleep(0.5)
        transaction, _, _ = await client.ask(read_pdu(40000, 2), transaction=2)
    assert transaction == 2


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not() -> None:
    city = house(without_stations=True, devices={"hybrid": {"idle_close_s": 1.0, "max_clients": 2}})
    async with SimulatedCity(city, speed=0) as sim:
        number = sim.ports["hybrid-link"].number
        async with RawClient.to(number) as idle, RawClient.to(number) as busy:
            closed = asyncio.create_task(idle.reader.read())
            while not closed.done():
                await asyncio.sleep(0.05)
                await busy.ask(read_pdu(40000, 2))
            assert closed.result() == b""
            await busy.ask(read_pdu(40000, 2))


async def test_writes_are_logged_with_what_became_of_them(sim: SimulatedCity, port: int) -> None:
    await sim.advance(90)
    async with RawClient.to(port) as client:
        await client.ask(write_pdu(40300, [1, 2]))
        await client.ask(write_pdu(0, [7]))
    taken, refused = sim.write_log
    assert (taken.where, taken.values, taken.accepted) == (40300, (1, 2), False)
    assert refused.device == "ess"
    assert refused.city == "2026-07-15T11:01:30+09:00"
    assert "no 1 registers at 0" in refused.reason
