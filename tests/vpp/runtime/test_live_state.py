import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio as redis

from vpp.domain.errors import StoreUnavailable
from vpp.domain.ids import PortfolioId
from vpp.ports.store import LiveState
from vpp.runtime.live_state import MemoryLiveState, RedisLiveState
from vpp.runtime.mirror import Mirror

CITY = PortfolioId("city")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def redis_server(port: int, directory: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    server = await asyncio.create_subprocess_exec(
        "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir",
        str(directory), stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            while not _listens(port):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        yield server
    finally:
        if server.returncode is None:
            server.kill()
        await server.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def patient(url: str) -> RedisLiveState:
    """A store that a busy machine may keep waiting."""
    return RedisLiveState(url, CITY, patience_s=30.0)


Opened = Callable[[Path], AbstractAsyncContextManager[LiveState]]


@asynccontextmanager
async def memory(_: Path) -> AsyncIterator[LiveState]:
    async with MemoryLiveState() as state:
        yield state


@asynccontextmanager
async def in_redis(directory: Path) -> AsyncIterator[LiveState]:
    port = free_port()
    async with (
        redis_server(port, directory),
        patient(f"redis://127.0.0.1:{port}") as state,
    ):
        yield state


@pytest.mark.parametrize(
    "opened",
    [
        pytest.param(memory, id="memory"),
        pytest.param(in_redis, id="redis", marks=pytest.mark.needs("redis-server", "redis-server")),
    ],
)
async def test_fields_are_replaced_one_by_one_and_the_rest_stay(
    opened: Opened, tmp_path: Path
) -> None:
    async with opened(tmp_path) as state:
        assert await state.read() == {}
        await state.put({"pool": b"1", "site": b"2"})
        await state.put({"site": b"3"})
        await state.put({})
        assert await state.read() == {"pool": b"1", "site": b"3"}


@pytest.mark.needs("redis-server", "redis-server")
async def test_a_killed_store_is_a_fault_in_bounded_time_and_is_rebuilt_when_it_is_back(
    tmp_path: Path,
) -> None:
    port = free_port()
    count = 0

    def view() -> dict[str, object]:
        return {"tick": count}

    async with patient(f"redis://127.0.0.1:{port}") as state:
        mirror = Mirror(state, view)
        running = asyncio.create_task(mirror.run())
        async with redis_server(port, tmp_path) as server:
            mirror.touch()
            while not await state.read():  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.01)
            server.kill()
            await server.wait()
            async with asyncio.timeout(10):
                with pytest.raises(StoreUnavailable, match=str(port)):
                    await state.put({"pool": b"1"})
        mirror.touch()
        while not mirror.lost:  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.01)
        async with redis_server(port, tmp_path):
            count = 7
            while (await readable(state)).get("tick") != b"7":
                mirror.touch()
                await asyncio.sleep(0.05)
        running.cancel()
        assert mirror.failures >= 1


@pytest.mark.needs("redis-server", "redis-server")
async def test_what_somebody_else_puts_under_our_key_gives_way(tmp_path: Path) -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}"
    async with redis_server(port, tmp_path), patient(url) as state:
        async with redis.Redis.from_url(url) as stranger:
            await stranger.set("vpp:city", "no hash")
        with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
            await state.put({"pool": b"1"})
        await state.put({"pool": b"2"})
        assert await state.read() == {"pool": b"2"}


async def readable(state: LiveState) -> dict[str, bytes]:
    try:
        return dict(await state.read())
    except StoreUnavailable:
        return {}


@pytest.mark.parametrize("url", ["here", "http://127.0.0.1", "redis://h:99999999/0", "redis://[x"])
def test_what_is_no_address_is_refused_with_one_that_would_be(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="is no address of a Redis"):
        RedisLiveState(url, CITY)
