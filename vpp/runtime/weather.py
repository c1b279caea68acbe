"""Opens the city's weather source, found by name, and keeps what it says on record."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from vpp.control.supervision import Health, Supervisor
from vpp.control.weather_keeping import WeatherKeeping
from vpp.domain.portfolio import Portfolio
from vpp.ports import plugins
from vpp.ports.clock import Clocks
from vpp.ports.store import History
from vpp.ports.weather import WeatherFactory, WeatherRequest

FOLDER = "weather"
"""Within the state directory."""


@asynccontextmanager
async def kept_weather(
    portfolio: Portfolio, history: History, clocks: Clocks, state_dir: Path
) -> AsyncIterator[None]:
    """While entered, forecasts go on record as they come, if the city names who makes them.

    Raises:
        ConfigurationError: the source is not installed.
    """
    if portfolio.weather is None:
        yield
        return
    factory = cast("WeatherFactory", plugins.load(plugins.WEATHER, portfolio.weather.source))
    request = WeatherRequest(
        latitude=portfolio.latitude,
        longitude=portfolio.longitude,
        address=portfolio.weather.address,
        folder=state_dir / FOLDER,
        city=clocks.city,
        wire=clocks.wire,
    )
    async with factory(request) as source, Supervisor(clocks.wire) as tasks:
        keeping = WeatherKeeping(source, history, clocks.city)

        async def work(health: Health) -> None:
            while True:
                await keeping.look()
                health.good()
                await keeping.pause()

        tasks.watch("weather", work)
        yield
