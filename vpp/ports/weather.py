"""Who forecasts the weather."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vpp.domain.weather import WeatherForecast
from vpp.ports.clock import Clock


class WeatherSource(Protocol):
    """Entry-point group ``vpp.weather``, opened by ``WeatherFactory``."""

    async def newest(self) -> WeatherForecast:
        """The newest forecast there is; its ``issued_at`` says how old it is.

        May be asked at any time: the source asks its server only as often as that allows, tries
        again by itself, and gives the last good one meanwhile. Takes bounded time and never blocks
        the loop.

        Raises:
            WeatherUnavailable: there is none at all yet; the message says why.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherRequest:
    """What a source gets when it is opened."""

    latitude: float
    longitude: float
    address: str
    """Of its server; empty: the usual one."""
    folder: Path
    """Where it may keep the last good forecast; need not exist."""
    city: Clock
    wire: Clock


class WeatherFactory(Protocol):
    """The factory behind an entry point."""

    def __call__(self, request: WeatherRequest) -> AbstractAsyncContextManager[WeatherSource]: ...
