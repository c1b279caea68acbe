"""Every way in which an answer can be wrong: what is raised, how soon, and how often was asked."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import uvloop

from adapters.modbus.connection import Connection
from adapters.modbus.pdu import read_request, write_request
from tests.adapters.modbus.faulty_server import (
    FaultyServer,
    Reply,
    Request,
    faulty_server,
    frame,
    good,
    registers,
)
from vpp.domain.errors import ConnectionLost, DeviceError, NoAnswer, ProtocolViolation, Refused

TIMEOUT_S = 0.3
"""For what never comes."""
PATIENCE_S = 30.0
"""For what does come, however late the machine: whoever waited for it to pass would be seen."""
READ = read_request(100, 10)
WRITE = write_request(200, [1, 2])


@pytest.fixture
async def server() -> AsyncIterator[FaultyServer]:
    async with faulty_server() as faulty:
        yield faulty


@pytest.fixture
async def connection(server: FaultyServer) -> AsyncIterator[Connection]:
    opened = await Connection.open("127.0.0.1", server.port, PATIENCE_S)
    yield opened
    await opened.close()


def other_transaction(request: Request) -> bytes:
    return frame(request.transaction + 5, request.unit, good(request)[7:])


def transaction_zero(request: Request) -> bytes:
    return frame(0, request.unit, good(request)[7:])


def other_unit(request: Request) -> bytes:
    return frame(request.transaction, request.unit + 1, good(request)[7:])


def other_function(request: Request) -> bytes:
    pdu = good(request)[7:]
    return frame(request.transaction, request.unit, bytes((pdu[0] ^ 7,)) + pdu[1:])


def short_reply(request: Request) -> bytes:
    if request.pdu[0] != 3:
        return frame(request.transaction, request.unit, request.pdu[:4])
    return frame(request.transaction, request.unit, b"\x03\x02" + registers(1))


def wrong_byte_count(request: Request) -> bytes:
    pdu = good(request)[7:]
    return frame(request.transaction, request.unit, pdu[:1] + b"\x05" + pdu[2:])


def long_reply(request: Request) -> bytes:
    return frame(request.transaction, request.unit, good(request)[7:] + b"\0\0")


def wrong_echo(request: Request) -> bytes:
    pdu = request.pdu
    return frame(request.transaction, request.unit, pdu[:2] + bytes((pdu[2] + 1,)) + pdu[3:5])


def garbage(request: Request) -> bytes:
    return b"\xde\xad\xbe\xef" * 8


def no_function(request: Request) -> bytes:
    return frame(request.transaction, request.unit, b"\x7e\x01")


def bad_exception(request: Request) -> bytes:
    return frame(request.transaction, request.unit, bytes((request.pdu[0] | 0x80, 2, 2)))


@pytest.mark.parametrize(
    "reply",
    [
        other_transaction, transaction_zero, other_unit, other_function, short_reply,
        wrong_byte_count, long_reply, wrong_echo, garbage, no_function, bad_exception,
    ],
)  # fmt: skip
@pytest.mark.parametrize("request_pdu", [READ, WRITE], ids=["read", "write"])
async def test_a_wrong_reply_is_a_violation_at_once_and_ends_the_connection(
    server: FaultyServer, connection: Connection, reply: Reply, request_pdu: bytes
) -> None:
    server.reply = reply
    with pytest.raises(ProtocolViolation, match="unit 1: "):
        await connection.ask(1, request_pdu, PATIENCE_S)

    assert len(server.requests) == 1
    assert connection.lost is not None
    with pytest.raises(ConnectionLost, match="not sent"):
        await connection.ask(1, request_pdu, PATIENCE_S)
    assert len(server.requests) == 1


@pytest.mark.parametrize("end", ["reset", "half_close"])
@pytest.mark.parametrize("request_pdu", [READ, WRITE], ids=["read", "write"])
async def test_the_end_of_the_connection_is_known_at_once(
    server: FaultyServer, connection: Connection, end: str, request_pdu: bytes
) -> None:
    server.end = end
    with pytest.raises(ConnectionLost):
        await connection.ask(1, request_pdu, PATIENCE_S)

    assert len(server.requests) == 1


@pytest.mark.parametrize("request_pdu", [READ, WRITE], ids=["read", "write"])
async def test_silence_is_known_after_the_time_out_and_nothing_is_repeated(
    server: FaultyServer, connection: Connection, request_pdu: bytes
) -> None:
    server.reply = lambda _: None
    before = time.monotonic()
    async with asyncio.timeout(10 * TIMEOUT_S):
        with pytest.raises(NoAnswer, match="registers at"):
            await connection.ask(1, request_pdu, TIMEOUT_S)
    took_s = time.monotonic() - before
    await asyncio.sleep(2 * TIMEOUT_S)

    assert took_s >= TIMEOUT_S
    assert len(server.requests) == 1


async def test_an_exception_is_a_refusal_with_its_code(
    server: FaultyServer, connection: Connection
) -> None:
    server.reply = lambda r: frame(r.transaction, r.unit, bytes((r.pdu[0] | 0x80, 2)))

    with pytest.raises(Refused, match="illegal address") as caught:
        await connection.ask(1, READ, PATIENCE_S)
    assert caught.value.code == 2
    assert connection.lost is None


async def test_a_late_reply_is_dropped_and_the_next_one_counts(
    server: FaultyServer, connection: Connection
) -> None:
    late = iter([TIMEOUT_S + 0.1, 0.0])
    server.reply = lambda request: [next(late), good(request)]
    with pytest.raises(NoAnswer):
        await connection.ask(1, READ, TIMEOUT_S)

    assert await connection.ask(1, READ, PATIENCE_S) == registers(10)
    assert connection.lost is None


async def test_a_stream_of_late_replies_ends_the_connection_at_the_second(
    server: FaultyServer, connection: Connection
) -> None:
    server.reply = lambda request: [TIMEOUT_S + 0.1, good(request) * 2]
    with pytest.raises(NoAnswer):
        await connection.ask(1, READ, TIMEOUT_S)
    with pytest.raises(ProtocolViolation, match="for which none is awaited"):
        await connection.ask(1, READ, PATIENCE_S)

    assert connection.lost is not None


async def test_bytes_that_never_become_a_reply_are_no_sign_of_life(
    server: FaultyServer, connection: Connection
) -> None:
    longest = frame(1, 1, bytes(253))
    server.reply = lambda _: [longest[:20], 0.02, longest[20:30], 0.02, longest[30:40]]
    for _ in range(2):
        with pytest.raises(NoAnswer):
            await connection.ask(1, READ, 0.1)

    assert connection.lost is not None


async def test_a_connection_that_stays_silent_is_given_up(
    server: FaultyServer, connection: Connection
) -> None:
    server.reply = lambda _: None
    for _ in range(2):
        with pytest.raises(NoAnswer):
            await connection.ask(1, READ, 0.05)

    assert connection.lost is not None


async def test_a_reply_in_pieces_is_put_together(
    server: FaultyServer, connection: Connection
) -> None:
    def piecewise(request: Request) -> list[bytes | float]:
        whole = good(request)
        parts: list[bytes | float] = []
        for byte in whole:
            parts += [bytes((byte,)), 0.001]
        return parts

    server.reply = piecewise
    assert await connection.ask(1, READ, PATIENCE_S) == registers(10)


async def test_merged_replies_are_taken_apart(server: FaultyServer, connection: Connection) -> None:
    held: list[bytes] = []

    def merged(request: Request) -> bytes | None:
        held.append(good(request))
        return b"".join(held) if len(held) == 3 else None

    server.reply = merged
    requests = [read_request(0, count) for count in (1, 2, 3)]
    replies = await asyncio.gather(*(connection.ask(1, r, PATIENCE_S) for r in requests))

    assert replies == [registers(1), registers(2), registers(3)]


async def test_a_cancelled_request_does_not_disturb_the_next(
    server: FaultyServer, connection: Connection
) -> None:
    server.reply = lambda request: [0.1, good(request)]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connection.ask(1, read_request(0, 3), PATIENCE_S), 0.02)

    assert await connection.ask(1, READ, PATIENCE_S) == registers(10)


async def test_a_closed_port_is_connection_lost() -> None:
    async with faulty_server() as faulty:
        port = faulty.port
    with pytest.raises(ConnectionLost, match=str(port)):
        await Connection.open("127.0.0.1", port, PATIENCE_S)


def test_the_same_faults_are_known_on_uvloop() -> None:
    async def faults() -> list[type[DeviceError]]:
        seen: list[type[DeviceError]] = []
        async with faulty_server() as server:
            for reply, end in ((garbage, ""), (good, "reset"), (good, "half_close"), (None, "")):
                server.reply, server.end = reply or (lambda _: None), end
                connection = await Connection.open("127.0.0.1", server.port, PATIENCE_S)
                try:
                    await connection.ask(1, WRITE, PATIENCE_S if reply else TIMEOUT_S)
                except DeviceError as fault:
                    seen.append(type(fault))
                await connection.close()
            assert len(server.requests) == 4
        return seen

    assert uvloop.run(faults()) == [ProtocolViolation, ConnectionLost, ConnectionLost, NoAnswer]
