"""The city's weather service answers as Open-Meteo does, at the city's own time."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulators.city_file import parse_city
from simulators.clock import CityClock
from simulators.entry import CityError
from simulators.wire.weather import WeatherServer
from tests.simulators.sample import TEXT, sample_city

START = datetime(2026, 7, 15, 3, 20, tzinfo=UTC)
HOURLY = "hourly=temperature_2m,shortwave_radiation,diffuse_radiation"


async def asked(port: int, request: str) -> tuple[int, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return (int(head.split()[1]), json.loads(body)) if head else (0, None)


def get(query: str) -> str:
    return f"GET /v1/forecast?{query} HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_it_tells_of_the_days_from_midnight_on() -> None:
    query = f"latitude=35.16&longitude=126.85&{HOURLY}&timeformat=unixtime&forecast_days=2"
    async with WeatherServer(sample_city(), CityClock(START, 0.0), 0) as server:
        status, said = await asked(server.port, get(query))
    assert status == 200
    times = said["hourly"]["time"]
    midnight = START.replace(hour=0, minute=0)
    assert times == [int((midnight + timedelta(hours=n)).timestamp()) for n in range(48)]
    assert said["hourly_units"]["shortwave_radiation"] == "W/m²"
    assert {len(column) for column in said["hourly"].values()} == {48}
    ghi = said["hourly"]["shortwave_radiation"]
    assert ghi[11] > 0.0  # the sun sets in Gwangju at 10:45 UTC: the hour to eleven has some of it
    assert ghi[12] == 0.0


@pytest.mark.parametrize(
    "query",
    [
        "hourly=moonlight&timeformat=unixtime",
        "hourly=temperature_2m",
        f"{HOURLY}&timeformat=unixtime&forecast_days=99",
        f"{HOURLY}&timeformat=unixtime&forecast_days=many",
    ],
)
async def test_what_it_does_not_know_it_refuses_with_a_reason(query: str) -> None:
    async with WeatherServer(sample_city(), CityClock(START, 0.0), 0) as server:
        status, said = await asked(server.port, get(query))
    assert (status, said["error"]) == (400, True)
    assert said["reason"]


async def test_nonsense_hurts_nobody() -> None:
    async with WeatherServer(sample_city(), CityClock(START, 0.0), 0) as server:
        assert await asked(server.port, "x" * 20_000 + "\r\n\r\n") == (0, None)
        status, _ = await asked(server.port, "\x01\r\n\r\n")
        assert status == 400
        status, _ = await asked(server.port, get(f"{HOURLY}&timeformat=unixtime"))
        assert status == 200


def test_the_city_file_says_where_it_listens() -> None:
    own = f"{TEXT}weather: {{source: open-meteo, port_offset: 7}}\n"
    assert parse_city(own, base_port=20000).weather_port == 20007
    assert parse_city(f"{TEXT}weather: {{source: open-meteo}}\n").weather_port is None
    assert parse_city(TEXT).weather_port is None
    with pytest.raises(CityError, match="no port"):
        parse_city(own, base_port=65535)
