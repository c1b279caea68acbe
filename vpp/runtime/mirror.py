"""Keeps the live-state store up to date from the newest view; no tick ever waits for it."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
import structlog

from vpp.domain.errors import StoreUnavailable
from vpp.ports.store import LiveState

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class Mirror:
    """The newest view wins: while one write is under way, later views replace each other."""

    def __init__(self, store: LiveState, view: Callable[[], Mapping[str, object]]) -> None:
        self._store, self._view = store, view
        self._due = asyncio.Event()
        self.failures = 0
        self.lost = False

    def touch(self) -> None:
        """There is something new; cheap, called after each tick."""
        self._due.set()

    async def run(self) -> None:
        """Write whenever there is something new, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            fields = {name: _encode(value) for name, value in self._view().items()}
            try:
                await self._store.put(fields)
            except StoreUnavailable as fault:
                self.failures += 1
                if not self.lost:
                    _log.warning("live-state store lost; control goes on", why=str(fault))
                self.lost = True
                await asyncio.sleep(1.0)
            else:
                if self.lost:
                    _log.info("live-state store is back")
                self.lost = False
