"""A server on a local port that answers as it is told, byte by byte."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

NOON = datetime(2026, 6, 20, 12, 20, tzinfo=UTC)
MIDNIGHT = datetime(2026, 6, 20, tzinfo=UTC)
HOURS = 96
UNTIL_LEFT = -1.0
"""In place of a wait: until the client hangs up."""


def forecast(**changed: Any) -> dict[str, Any]:
    """What Open-Meteo answers, of four days; the radiation of the hour to n is 10 n."""
    count = HOURS
    columns: dict[str, list[Any]] = {
        "time": [int((MIDNIGHT + timedelta(hours=n)).timestamp()) for n in range(count)],
        "temperature_2m": [n / 4.0 for n in range(count)],
        "shortwave_radiation": [10.0 * n for n in range(count)],
        "diffuse_radiation": [4.0 * n for n in range(count)],
    }
    columns |= changed
    return {
        "latitude": 35.2,
        "longitude": 126.8,
        "utc_offset_seconds": 0,
        "timezone": "GMT",
        "hourly_units": {
            "time": "unixtime",
            "temperature_2m": "°C",
            "shortwave_radiation": "W/m²",
            "diffuse_radiation": "W/m²",
        },
        "hourly": columns,
    }


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


def good(**changed: Any) -> bytes:
    return answer(json.dumps(forecast(**changed)).encode())


class Server:
    """Gives its answers in turn, the last one again and again; each is parts with waits."""

    def __init__(self) -> None:
        self.answers: list[Sequence[bytes | float]] = [[good()]]
        self.asked: list[str] = []
        self.heard, self.left = asyncio.Event(), asyncio.Event()
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head.split(b"\r\n")[0].decode())
            self.heard.set()
            for part in self.answers[min(len(self.asked), len(self.answers)) - 1]:
                if part == UNTIL_LEFT:
                    await reader.read()
                    self.left.set()
                elif isinstance(part, float):
                    await asyncio.sleep(part)
                else:
                    writer.write(part)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has hung up, which is its right
        finally:
            writer.close()


@asynccontextmanager
async def local_server(*answers: Sequence[bytes | float] | bytes) -> AsyncIterator[Server]:
    server = Server()
    if answers:
        server.answers = [[one] if isinstance(one, bytes) else one for one in answers]
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        server.address = f"http://127.0.0.1:{port}/v1/forecast"
        yield server
