"""``/healthz``, ``/readyz`` and ``/metrics``.

Healthy means that ticks complete; ready means that the portfolio is under control, or that what is
missing is named.
"""

from collections.abc import Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health(Protocol):
    """What the daemon says of itself."""

    def ills(self) -> Sequence[str]:
        """Why it is not healthy; empty while ticks complete in time."""
        ...

    def lacks(self) -> Sequence[str]:
        """What is missing before it is ready: devices not read, no tick yet; empty when ready."""
        ...

    def metrics(self) -> bytes:
        """Everything measured, as Prometheus text."""
        ...


def application(health: Health) -> Starlette:
    """The three routes over one daemon. They show state and change none."""

    async def healthz(_: Request) -> Response:
        return _verdict("healthy", health.ills())

    async def readyz(_: Request) -> Response:
        return _verdict("ready", health.lacks())

    async def metrics(_: Request) -> Response:
        return Response(health.metrics(), media_type=CONTENT_TYPE)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ]
    )


def _verdict(name: str, reasons: Sequence[str]) -> Response:
    return JSONResponse({name: not reasons, "because": list(reasons)}, 503 if reasons else 200)
