"""Serves an HTTP application on the daemon's own loop, for as long as it is entered."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from vpp.domain.errors import VppError
from vpp.web.connection import BoundedConnection

GRACE_S = 0.5
"""What answers on their way get when the server is left."""


class _Server(uvicorn.Server):
    """Leaves signals to the daemon, which has devices to make safe first."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def hang_up(self) -> None:
        """End every connection, whatever is still on its way to a client."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def require_free(host: str, port: int) -> None:
    """See that an address can be served at, before there is anything to serve.

    Raises:
        VppError: it is taken or not ours.
    """
    _listening(host, port).close()


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        why = f"cannot serve HTTP at {host}:{port}: {error.strerror}"
        raise VppError(f"{why}; --http names another address, or off") from error


@asynccontextmanager
async def serving(application: ASGIApp, host: str, port: int) -> AsyncIterator[int]:
    """Serve until left; gives the port, which the system chooses where 0 is asked for.

    Leaving is bounded: a client that does not read its answer keeps nobody waiting.

    Raises:
        VppError: the address is taken or not ours.
    """
    config = uvicorn.Config(
        application, http=BoundedConnection, log_config=None, access_log=False, lifespan="off"
    )
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # below it, clients write our log
    server = _Server(config)
    with _listening(host, port) as listening:
        serves = asyncio.create_task(server.serve([listening]), name="http")
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await asyncio.wait([serves], timeout=GRACE_S)
            server.hang_up()
            await serves
