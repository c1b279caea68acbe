"""One HTTP connection: few at a time, none for long, so that devices always find a socket left."""

import asyncio
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 64
"""Connections at a time; the next is cut."""
LONGEST_S = 30.0
"""Wire seconds after which a connection is ended; one that is used meanwhile comes again."""


class BoundedConnection(H11Protocol):
    """A client that asks slowly, or never, holds one of the few connections, and not for ever."""

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        full = len(self.connections) >= MOST
        super().connection_made(cast("asyncio.Transport", transport))
        if full:
            self.transport.abort()
        else:
            self._end = self.loop.call_later(LONGEST_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)
