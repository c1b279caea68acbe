"""Entry point ``open-meteo``: asked once an hour, patient with failures, never without the last."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from adapters.open_meteo.http import Reply, get
from adapters.open_meteo.keeping import keep, kept
from adapters.open_meteo.reply import USUAL_ADDRESS, forecast_of, forecast_url, refusal_of
from vpp.domain.errors import WeatherUnavailable
from vpp.domain.weather import WeatherForecast
from vpp.ports.weather import WeatherRequest

EVERY_S = 3600.0
"""City seconds from one good forecast to the next question."""
PUBLIC_LEAST_S, OWN_LEAST_S = 3600.0, 1.0
"""Wire seconds between two good answers, of the public server and of one's own: a city whose time
runs faster does not ask the public one any more often."""
TIMEOUT_S = 20.0
FIRST_S, LONGEST_S = 60.0, 3600.0
"""Wire seconds until the first and the later repetitions after a failure."""
LONGEST_ORDER_S = 24 * 3600.0
"""Longest that a server may tell us to stay away."""
FILE = "open-meteo.json"
OK = 200
_log = structlog.get_logger(__name__)


class OpenMeteo:
    """``vpp.ports.weather.WeatherSource``."""

    def __init__(
        self,
        request: WeatherRequest,
        last: WeatherForecast | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """``last``: good, from before a restart."""
        self._city, self._wire, self._draw = request.city, request.wire, draw
        self._place = (request.latitude, request.longitude)
        self._url = forecast_url(request.address or USUAL_ADDRESS, *self._place)
        self._least_s = least_s(request.address)
        self._file = request.folder / FILE
        self._last = last
        self._failures = 0
        self._not_before_s = -float("inf")
        self._why = ""
        self._one = asyncio.Lock()

    async def newest(self) -> WeatherForecast:
        async with self._one:
            if self._due():
                await self._ask()
        if self._last is None:
            raise WeatherUnavailable(self._why)
        return self._last

    def _due(self) -> bool:
        if self._wire.monotonic() < self._not_before_s:
            return False
        if self._last is None:
            return True
        age = self._city.now() - self._last.issued_at
        return not timedelta(0) <= age < timedelta(seconds=EVERY_S)

    async def _ask(self) -> None:
        began_s = self._wire.monotonic()
        # Whoever is cancelled here has asked: the next question waits all the same.
        self._not_before_s = began_s + min(FIRST_S, self._least_s)
        try:
            reply = await get(self._url, TIMEOUT_S)
            _require_ok(reply)
            made = forecast_of(reply.body, self._city.now())
        except WeatherUnavailable as fault:
            self._failed(fault)
            return
        self._not_before_s = began_s + self._least_s
        if self._failures:
            _log.info("weather forecast back", after=self._failures)
        self._failures, self._last = 0, made
        try:
            await asyncio.to_thread(keep, self._file, self._place, made)
        except OSError as fault:
            _log.warning("weather forecast not kept", file=str(self._file), why=str(fault))

    def _failed(self, fault: WeatherUnavailable) -> None:
        ordered_s = fault.retry_after_s or 0.0
        wait_s = min(FIRST_S * 2.0 ** min(self._failures, 10), LONGEST_S)
        wait_s = max(wait_s * (0.5 + 0.5 * self._draw()), min(ordered_s, LONGEST_ORDER_S))
        self._not_before_s = self._wire.monotonic() + wait_s
        self._why = str(fault)
        if not self._failures:
            last = None if self._last is None else self._last.issued_at.isoformat()
            _log.warning("weather forecast lost", why=self._why, last_good=last)
        self._failures += 1


def least_s(address: str) -> float:
    """Wire seconds between two good answers of a server; empty is the public one."""
    return OWN_LEAST_S if address else PUBLIC_LEAST_S


def _require_ok(reply: Reply) -> None:
    if reply.status == OK:
        return
    moved = "; redirects are not followed" if 300 <= reply.status < 400 else ""
    why = refusal_of(reply.body)
    raise WeatherUnavailable(
        f"the server answered {reply.status}{moved}{f': {why}' if why else ''}",
        retry_after_s=reply.retry_after_s,
    )


@asynccontextmanager
async def open_source(request: WeatherRequest) -> AsyncIterator[OpenMeteo]:
    """Nothing is asked before the first ``newest``."""
    place = (request.latitude, request.longitude)
    last = await asyncio.to_thread(kept, request.folder / FILE, place)
    if last is not None and last.issued_at > request.city.now():
        last = None  # of a clock that went ahead of ours
    yield OpenMeteo(request, last)
