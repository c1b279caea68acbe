"""The city's own weather service, as a server that answers like Open-Meteo's.

It knows hourly temperature and radiation, and times as seconds since 1970.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import numpy as np

from simulators.city import City
from simulators.clock import CityClock
from simulators.inputs.forecast import HOUR_S, WeatherService
from simulators.inputs.noise import Floats

UNITS = {
    "temperature_2m": "°C",
    "shortwave_radiation": "W/m²",
    "diffuse_radiation": "W/m²",
}
MOST_DAYS = 16
LONGEST_HEAD = 8192
PATIENCE_S = 5.0
"""Wire seconds that a client gets to say what it wants."""


class WeatherServer:
    """`async with WeatherServer(...)` listens until the block ends; counts what it was asked."""

    def __init__(self, city: City, clock: CityClock, port: int) -> None:
        """``port``: of this host alone; 0 lets the system choose."""
        self._service, self._clock = WeatherService(city), clock
        self.port = port
        self._server: asyncio.Server | None = None
        self.asked = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, limit=LONGEST_HEAD
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
                self.asked += 1
                writer.write(self._answer(head))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a client that says nothing sensible gets nothing
        finally:
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        try:
            target = head.split(b" ", 2)[1].decode("ascii")
            said = self._forecast(parse_qs(urlsplit(target).query))
            status = "200 OK"
        except (IndexError, ValueError) as fault:
            said, status = {"error": True, "reason": str(fault)}, "400 Bad Request"
        body = json.dumps(said, ensure_ascii=False).encode()
        lines = (
            f"HTTP/1.1 {status}",
            "Content-Type: application/json; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Connection: close",
            "",
            "",
        )
        return "\r\n".join(lines).encode() + body

    def _forecast(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        """From midnight UTC of the city's day on.

        Radiation stands at the end of its hour, temperature at its instant: here the mean of the
        hours before and after it.
        """
        names = ",".join(asked.get("hourly", [])).split(",")
        if unknown := [name for name in names if name not in UNITS]:
            raise ValueError(f"hourly has {', '.join(unknown)}; known: {', '.join(UNITS)}")
        if asked.get("timeformat") != ["unixtime"]:
            raise ValueError("timeformat has to be unixtime")
        days = int(asked.get("forecast_days", ["7"])[0])
        if not 1 <= days <= MOST_DAYS:
            raise ValueError(f"forecast_days has to be 1 to {MOST_DAYS}")
        now = self._clock.now.astimezone(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        columns = self._columns(midnight, now, 24 * days)
        times = [int((midnight + timedelta(hours=n)).timestamp()) for n in range(24 * days)]
        return {
            "latitude": float(asked["latitude"][0]) if "latitude" in asked else 0.0,
            "longitude": float(asked["longitude"][0]) if "longitude" in asked else 0.0,
            "utc_offset_seconds": 0,
            "timezone": "GMT",
            "hourly_units": {"time": "unixtime", **{name: UNITS[name] for name in names}},
            "hourly": {"time": times, **{name: columns[name].tolist() for name in names}},
        }

    def _columns(self, midnight: datetime, now: datetime, hours: int) -> dict[str, Floats]:
        first_s = midnight.timestamp() - HOUR_S
        begin_s = first_s + HOUR_S * np.arange(hours + 1)
        ahead_h = np.maximum(begin_s - now.timestamp(), 0.0) / HOUR_S
        told = self._service.of(first_s, ahead_h)
        return {
            "temperature_2m": np.round((told.air_c[:-1] + told.air_c[1:]) / 2.0, 1),
            "shortwave_radiation": np.round(told.ghi_w_m2[:-1], 1),
            "diffuse_radiation": np.round(told.dhi_w_m2[:-1], 1),
        }
