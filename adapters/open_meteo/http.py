"""One GET over HTTP/1.1, bounded in time and size, that follows nobody anywhere."""

import asyncio
import ssl
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, urlsplit

import h11

from vpp.domain.errors import WeatherUnavailable

MOST_BYTES = 1 << 18
"""Of a body; a forecast of four days has some five thousand."""
CHUNK = 1 << 14
USUAL_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server answered."""

    status: int
    retry_after_s: float | None
    """What it says of when to come again."""
    body: bytes


async def get(url: str, timeout_s: float) -> Reply:
    """Ask once.

    Raises:
        WeatherUnavailable: no whole answer within the time and the size; says what came.
    """
    parts = urlsplit(url)
    where = _server(parts)
    try:
        async with asyncio.timeout(timeout_s):
            return await _exchange(parts)
    except TimeoutError as late:
        raise WeatherUnavailable(f"{where} gave no whole answer within {timeout_s:g} s") from late
    except h11.RemoteProtocolError as wrong:
        raise WeatherUnavailable(f"{where} does not speak HTTP, or broke off: {wrong}") from wrong
    except (OSError, ValueError) as fault:
        raise WeatherUnavailable(f"{where} cannot be reached: {fault}") from fault


async def _exchange(parts: SplitResult) -> Reply:
    secure = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(
        parts.hostname,
        parts.port or USUAL_PORT[parts.scheme],
        ssl=await asyncio.to_thread(_trusting) if secure else None,
    )
    try:
        connection = h11.Connection(h11.CLIENT)
        target = f"{parts.path or '/'}?{parts.query}"
        headers = [
            ("Host", _host(parts)),
            ("Accept", "application/json"),
            ("User-Agent", "vpp-orchestrator"),
            ("Connection", "close"),
        ]
        request = h11.Request(method="GET", target=target, headers=headers)
        writer.write(connection.send(request) or b"")
        writer.write(connection.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        return await _reply(connection, reader, _server(parts))
    finally:
        writer.transport.abort()


async def _reply(connection: h11.Connection, reader: asyncio.StreamReader, where: str) -> Reply:
    status, retry_after_s, body = 0, None, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(CHUNK))
        elif isinstance(event, h11.Response):
            status = event.status_code
            retry_after_s = _seconds(dict(event.headers.raw_items()))
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_BYTES:
                raise WeatherUnavailable(f"{where} answered with more than {MOST_BYTES} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return Reply(status=status, retry_after_s=retry_after_s, body=bytes(body))
        elif isinstance(event, h11.ConnectionClosed):
            raise WeatherUnavailable(f"{where} hung up without an answer")


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _server(parts: SplitResult) -> str:
    """As it may stand in a log: without the secrets that an address may have."""
    return f"{parts.scheme}://{_host(parts)}"


def _seconds(headers: dict[bytes, bytes]) -> float | None:
    """Of ``Retry-After``, where it is a number; a date is left to our own pace."""
    for name, value in headers.items():
        if name.lower() == b"retry-after" and value.strip().isdigit():
            return float(value)
    return None


@cache
def _trusting() -> ssl.SSLContext:
    """The certificates that the system trusts; reading them takes a while."""
    return ssl.create_default_context()
