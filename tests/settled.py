"""Waiting for what is on its way inside this process."""

import asyncio

TURNS = 20


async def settled() -> None:
    """Let what has been sent on loopback by now be received, however late the machine.

    Turns of the loop count, not time: a machine that stood still has taken no turn.
    """
    for _ in range(TURNS):
        await asyncio.sleep(0.005)
