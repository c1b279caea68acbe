"""Waiting for something that holds after a tick of a real loop."""

import asyncio
from collections.abc import Callable
from typing import Any

from vpp.control.control_room import ControlRoom


async def ticked_until(
    room: ControlRoom[Any], true: Callable[[], bool], what: str, within_s: float
) -> None:
    """Wait wire seconds at most; AssertionError names what did not come."""
    ticked = asyncio.Event()
    room.loop.on_tick(lambda _: ticked.set())
    try:
        async with asyncio.timeout(within_s):
            await ticked.wait()
            while not true():
                ticked.clear()
                await ticked.wait()
    except TimeoutError as error:
        raise AssertionError(f"in vain waited for: {what}") from error
