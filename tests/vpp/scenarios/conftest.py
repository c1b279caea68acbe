"""One day of the street, lived once for all tests that look at it."""

import asyncio

import looptime
import pytest

from tests.vpp.scenarios.day import Day, lived


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Lived on a loop whose clock jumps to the next timer."""
    loop: asyncio.AbstractEventLoop = looptime.new_event_loop(start=0, noop_cycles=0)
    try:
        return loop.run_until_complete(lived(tmp_path_factory.mktemp("day")))
    finally:
        loop.close()
