"""The store dies in mid-run; the battery does not notice."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.processes import simulated, until, vpp
from tests.vpp.runtime.test_live_state import free_port, redis_server
from vpp.cli import exits
from vpp.config.examples import example_city
from vpp.domain.errors import StoreUnavailable
from vpp.domain.ids import PortfolioId
from vpp.runtime.live_state import RedisLiveState


@pytest.mark.needs("redis-server", "redis-server")
async def test_killing_redis_in_mid_run_does_not_disturb_dispatch(tmp_path: Path) -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}"
    with simulated(example_city("one-house"), tmp_path) as city:
        asked = ["run", city.file, "--base-port", city.base_port, "--http", "off", "--redis", url]
        async with redis_server(port, tmp_path) as store:
            with vpp(tmp_path, asked) as daemon:
                await asyncio.to_thread(until, city.writes, "a write to the battery")
                await seen_in(url)
                store.kill()
                await store.wait()
                before = len(city.writes())
                await asyncio.to_thread(
                    until, lambda: len(city.writes()) > before + 3, "more writes without the store"
                )
                ended = await asyncio.to_thread(daemon.terminate)
    assert ended.code == exits.OK, ended.err
    lost, back = (ended.err.count(f"live-state store {word}") for word in ("lost", "is back"))
    assert lost == back + 1, "a busy machine's store may be late, and back, before it is killed"
    assert "1 of 1 assets read back in their safe state" in ended.out


async def seen_in(url: str) -> None:
    """Wait until the daemon has mirrored its state."""
    async with RedisLiveState(url, PortfolioId("one-house")) as state:
        for _ in range(200):
            try:
                if "portfolio" in await state.read():
                    return
            except StoreUnavailable:
                pass
            await asyncio.sleep(0.1)
    pytest.fail("nothing was mirrored")
