"""Waiting for something to become true, and collecting what a port streams."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from vpp.domain.batch import Batch
from vpp.ports.device import Streaming


async def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    """Fails with a TimeoutError where it does not become true in time."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def collecting(port: Streaming) -> AsyncIterator[list[Batch]]:
    """What the port streams during the block, as it comes."""
    batches: list[Batch] = []

    async def collect() -> None:
        async for batch in port.batches():
            batches.append(batch)

    task = asyncio.create_task(collect())
    try:
        yield batches
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (fault := task.exception()):
            raise fault
