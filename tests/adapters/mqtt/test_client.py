"""A connection to a broker that takes it and then says too little."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.mqtt.client import Broker, connect
from tests.adapters.mqtt.brokers import free_port
from vpp.control.supervision import end_all
from vpp.domain.errors import ConnectionLost

CONNECTED = b"\x20\x02\x00\x00"
HANGS_S, PATIENCE_S = 300.0, 20.0


@asynccontextmanager
async def says_only(word: bytes) -> AsyncIterator[tuple[Broker, asyncio.Event]]:
    """A broker that answers a connection with ``word``, and nothing ever after."""
    heard = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(word)
        heard.set()
        await reader.read()
        writer.close()

    port = free_port()
    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield Broker(host="127.0.0.1", port=port, client_id="us", timeout_s=HANGS_S), heard


async def test_a_broker_that_says_nothing_is_left_at_once() -> None:
    async def stay() -> None:
        async with connect(broker, lambda _: None):
            raise AssertionError("it said nothing")

    async with says_only(b"") as (broker, heard):
        staying = asyncio.create_task(stay())
        await heard.wait()
        staying.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([staying])
    assert staying.cancelled()


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port whose connections nobody takes up: its queue is full, and more is not answered."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield int(full.getsockname()[1])


async def test_an_address_that_says_nothing_holds_up_neither_the_link_nor_the_process(
    black_hole: int,
) -> None:
    async def stay() -> None:
        async with connect(broker, lambda _: None):
            raise AssertionError("nobody is there")

    broker = Broker(host="127.0.0.1", port=black_hole, client_id="us", timeout_s=HANGS_S)
    staying = asyncio.create_task(stay())
    await asyncio.wait([staying], timeout=0.3)
    staying.cancel()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.wait([staying])
        await asyncio.get_running_loop().shutdown_default_executor()
    assert staying.cancelled()


async def test_an_address_that_says_nothing_in_time_is_no_connection(black_hole: int) -> None:
    broker = Broker(host="127.0.0.1", port=black_hole, client_id="us", timeout_s=0.05)
    with pytest.raises(ConnectionLost, match=f"no connection to the broker at .*:{black_hole}"):
        async with connect(broker, lambda _: None):
            pass


async def test_a_command_that_comes_with_the_end_of_the_connection_leaves_nothing_behind() -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    publishing: list[asyncio.Task[None]] = []

    async def publish_twice() -> None:
        try:
            await session.publish("cmd", b"1")
        except asyncio.CancelledError:  # which cuts the connection
            publishing.append(asyncio.create_task(session.publish("cmd", b"2")))

    async with says_only(CONNECTED) as (broker, _), connect(broker, lambda _: None) as session:
        first = asyncio.create_task(publish_twice())
        await asyncio.sleep(0)
        first.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await session.ended()
    await end_all(publishing)
    assert not faults
