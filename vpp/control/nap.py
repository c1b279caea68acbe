"""A wait of one task that another task may call off."""

import asyncio
from typing import Any

from vpp.ports.clock import Clock


class Nap:
    """Costs no task of its own: there is one in every period of every device."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sleeper: asyncio.Task[Any] | None = None

    async def take(self, seconds: float) -> bool:
        """Sleep for so long; False where it was called off before."""
        task = self._sleeper = asyncio.current_task()
        before = 0 if task is None else task.cancelling()
        try:
            await self._clock.sleep(seconds)
        except asyncio.CancelledError:
            if task is not None and self._sleeper is None and task.uncancel() <= before:
                return False
            raise
        finally:
            self._sleeper = None
        return True

    def call_off(self) -> None:
        """Wake the sleeper, if somebody sleeps."""
        sleeper, self._sleeper = self._sleeper, None
        if sleeper is not None:
            sleeper.cancel()
