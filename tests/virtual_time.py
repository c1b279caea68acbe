"""A loop on which a day passes in seconds, and in the same way on a slow machine."""

import asyncio

import looptime


def virtual_loop() -> asyncio.AbstractEventLoop:
    """Its clock jumps to the next timer when all tasks wait, and stands while a thread works."""
    return looptime.new_event_loop(start=0, noop_cycles=0, idle_step=0)
