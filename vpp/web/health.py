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
PATHS = {
    "/healthz": "whether ticks complete in time: 200, else 503 and why",
    "/readyz": "whether the portfolio is under control: 200, else 503 and what is missing",
    "/metrics": "everything measured, as Prometheus text",
}


class Health(Protocol):
    """What the daemon says of itself."""

    def ills(self) -> Sequence[str]:
        """Why it is not healthy; empty while ticks complete in time."""
        ...

    def lacks(self) -> Sequence[str]:
        """What is missing before it is ready; empty when ready.

        No tick yet, devices not heard, a record of writes that blocks them.
        """
        ...

    def metrics(self) -> bytes:
        """Everything measured, as Prometheus text."""
        ...


def application(health: Health) -> Starlette:
    """The three routes over one daemon, which ``/`` names. They show state and change none."""

    async def index(_: Request) -> Response:
        return JSONResponse({"paths": PATHS})

    async def healthz(_: Request) -> Response:
        return _verdict("healthy", health.ills())

    async def readyz(_: Request) -> Response:
        return _verdict("ready", health.lacks())

    async def metrics(_: Request) -> Response:
        return Response(health.metrics(), media_type=CONTENT_TYPE)

    return Starlette(
        routes=[
            Route("/", index),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ],
        exception_handlers={404: _nothing_there},
    )


async def _nothing_there(request: Request, _: Exception) -> Response:
    return JSONResponse({"error": f"there is no {request.url.path}", "paths": PATHS}, 404)


def _verdict(name: str, reasons: Sequence[str]) -> Response:
    return JSONResponse({name: not reasons, "because": list(reasons)}, 503 if reasons else 200)
