"""The Open-Meteo client on real sockets: what it asks, believes and keeps, and bears."""

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from adapters.open_meteo.http import MOST_BYTES, get
from adapters.open_meteo.keeping import keep, kept
from adapters.open_meteo.reply import forecast_of
from adapters.open_meteo.source import EVERY_S, FILE, FIRST_S, OpenMeteo, least_s, open_source
from tests.adapters.open_meteo.server import (
    HOURS,
    MIDNIGHT,
    NOON,
    UNTIL_LEFT,
    answer,
    forecast,
    good,
    local_server,
)
from vpp.domain.errors import WeatherUnavailable
from vpp.domain.points import Quantity
from vpp.domain.weather import WEATHER, WeatherForecast
from vpp.ports import plugins
from vpp.ports.weather import WeatherRequest


class HandClock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed_s)

    def monotonic(self) -> float:
        return self.passed_s

    async def sleep(self, seconds: float) -> None:
        self.passed_s += seconds


def request(
    address: str, folder: Path, city: HandClock, wire: HandClock | None = None
) -> WeatherRequest:
    return WeatherRequest(
        latitude=35.16,
        longitude=126.85,
        address=address,
        folder=folder,
        city=city,
        wire=wire or city,
    )


def source(address: str, folder: Path, city: HandClock) -> OpenMeteo:
    return OpenMeteo(request(address, folder, city), draw=lambda: 1.0)


def made(issued_at: datetime = NOON) -> WeatherForecast:
    return forecast_of(json.dumps(forecast()).encode(), issued_at)


async def test_it_asks_for_the_place_and_the_hours_in_utc(tmp_path: Path) -> None:
    async with local_server() as server:
        await source(server.address, tmp_path, HandClock()).newest()
    (asked,) = server.asked
    for part in (
        "GET /v1/forecast?latitude=35.1600&longitude=126.8500&",
        "hourly=temperature_2m,shortwave_radiation,diffuse_radiation",
        "timeformat=unixtime",
    ):
        assert part in asked


async def test_means_of_the_hour_before_become_means_of_the_hour_from_its_beginning(
    tmp_path: Path,
) -> None:
    async with local_server() as server:
        found = await source(server.address, tmp_path, HandClock()).newest()
    assert (found.issued_at, found.start, found.hours) == (NOON, MIDNIGHT, HOURS - 1)
    np.testing.assert_allclose(
        found.values[Quantity.GHI_W_PER_M2][:3], [10.0, 20.0, 30.0], rtol=0, atol=0
    )
    assert found.values[Quantity.DHI_W_PER_M2][7] == 32.0
    assert found.values[Quantity.AIR_C][0] == 0.125


async def test_it_asks_once_an_hour(tmp_path: Path) -> None:
    clock = HandClock()
    async with local_server() as server:
        weather = source(server.address, tmp_path, clock)
        first = await weather.newest()
        clock.passed_s = EVERY_S - 1.0
        assert await weather.newest() is first
        clock.passed_s = EVERY_S
        assert (await weather.newest()).issued_at == clock.now()
    assert len(server.asked) == 2


async def test_many_who_ask_at_once_are_one_question(tmp_path: Path) -> None:
    async with local_server() as server:
        weather = source(server.address, tmp_path, HandClock())
        await asyncio.gather(*(weather.newest() for _ in range(5)))
    assert len(server.asked) == 1


async def test_nulls_are_unknown_and_not_zero(tmp_path: Path) -> None:
    ghi = [None if n == 30 else 5.0 for n in range(HOURS)]
    async with local_server(good(shortwave_radiation=ghi)) as server:
        found = await source(server.address, tmp_path, HandClock()).newest()
    assert np.flatnonzero(np.isnan(found.values[Quantity.GHI_W_PER_M2])).tolist() == [29]


UNITS_IN_F = forecast()
UNITS_IN_F["hourly_units"]["temperature_2m"] = "°F"
GOOD = json.dumps(forecast()).encode()
BAD = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a header without end": b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 1\r\n" * 20_000,
    "nothing at all": b"",
    "no JSON": answer(b"<html>proxy login</html>"),
    "bytes": answer(bytes(range(256))),
    "another JSON": answer(b'{"hourly": []}'),
    "not a number": answer(GOOD.replace(b"40.0", b"NaN", 1)),
    "text for a number": good(temperature_2m=["warm"] * HOURS),
    "other units": answer(json.dumps(UNITS_IN_F).encode()),
    "unlike lengths": good(diffuse_radiation=[1.0] * (HOURS - 1)),
    "a gap": good(time=[int(MIDNIGHT.timestamp()) + 7200 * n for n in range(HOURS)]),
    "absurd radiation": good(shortwave_radiation=[99_999.0] * HOURS),
    "absurd cold": good(temperature_2m=[-273.2] * HOURS),
    "nothing but nulls": good(shortwave_radiation=[None] * HOURS),
    "the past alone": good(
        time=[int((MIDNIGHT - timedelta(days=9)).timestamp()) + 3600 * n for n in range(HOURS)]
    ),
    "times beyond all": good(time=[36 * 10**14 + 3600 * n for n in range(HOURS)]),
    "cut off": good()[:-100],
    "too much": answer(b" " * (MOST_BYTES + 1)),
    "a redirect": answer(b"", "301 Moved", "Location: http://127.0.0.1:1/"),
    "a server fault": answer(b"", "500 Internal Server Error"),
    "too many requests": answer(b'{"error": true, "reason": "Minutely limit"}', "429 Too Many"),
}


@pytest.mark.parametrize("what", BAD)
async def test_what_cannot_be_is_refused_and_the_last_good_one_stays(
    what: str, tmp_path: Path
) -> None:
    clock = HandClock()
    async with local_server(good(), BAD[what], good()) as server:
        weather = source(server.address, tmp_path, clock)
        first = await weather.newest()
        clock.passed_s = EVERY_S
        with capture_logs() as logs:
            assert await weather.newest() is first
        assert [one["event"] for one in logs] == ["weather forecast lost"]
        assert logs[0]["last_good"] == first.issued_at.isoformat()
        clock.passed_s += FIRST_S
        assert (await weather.newest()).issued_at == clock.now()


async def test_without_any_it_says_why(tmp_path: Path) -> None:
    async with local_server(BAD["too many requests"]) as server:
        with pytest.raises(WeatherUnavailable, match="429: Minutely limit"):
            await source(server.address, tmp_path, HandClock()).newest()


async def test_nobody_there_is_bearable(tmp_path: Path) -> None:
    async with local_server() as server:
        address = server.address
    with pytest.raises(WeatherUnavailable, match="cannot be reached"):
        await source(address, tmp_path, HandClock()).newest()


async def test_no_secret_of_an_address_is_told(tmp_path: Path) -> None:
    async with local_server() as server:
        host = server.address.removeprefix("http://").partition("/")[0]
    address = f"http://user:s3cret@{host}/v1/forecast?apikey=k3y"
    with pytest.raises(WeatherUnavailable) as told:
        await source(address, tmp_path, HandClock()).newest()
    assert host in str(told.value)
    assert not any(secret in str(told.value) for secret in ("user", "s3cret", "k3y"))


async def test_failures_are_repeated_ever_less_often_and_logged_once(tmp_path: Path) -> None:
    clock = HandClock()
    asked_at: list[float] = []
    async with local_server(BAD["a server fault"]) as server:
        weather = source(server.address, tmp_path, clock)
        with capture_logs() as logs:
            for _ in range(4 * 60):
                before = len(server.asked)
                with pytest.raises(WeatherUnavailable):
                    await weather.newest()
                if len(server.asked) > before:
                    asked_at.append(clock.passed_s)
                clock.passed_s += 60.0
            server.answers = [[good()]]
            clock.passed_s += EVERY_S
            await weather.newest()
    assert np.diff(asked_at).tolist() == [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0, 3600.0]
    assert [one["event"] for one in logs] == ["weather forecast lost", "weather forecast back"]


async def test_who_is_told_to_stay_away_stays_away(tmp_path: Path) -> None:
    clock = HandClock()
    away = answer(b"", "429 Too Many Requests", "Retry-After: 7200")
    async with local_server(away, good()) as server:
        weather = source(server.address, tmp_path, clock)
        for clock.passed_s in (0.0, 7199.0):
            with pytest.raises(WeatherUnavailable):
                await weather.newest()
        assert len(server.asked) == 1
        clock.passed_s = 7200.0
        await weather.newest()


async def test_a_public_server_is_asked_once_an_hour_however_fast_the_city(tmp_path: Path) -> None:
    city, wire = HandClock(), HandClock()
    city.passed_s = 20 * EVERY_S
    wire.passed_s = 1.0
    async with local_server() as server:
        own = OpenMeteo(request(server.address, tmp_path, city, wire), made())
        assert (await own.newest()).issued_at == city.now()
        city.passed_s += EVERY_S
        await own.newest()
        assert len(server.asked) == 1
        wire.passed_s += 2.0
        await own.newest()
    assert len(server.asked) == 2
    assert least_s("") == EVERY_S


async def test_a_server_that_dribbles_is_left_in_bounded_time() -> None:
    dribble: list[bytes | float] = [good()[:200]]
    for _ in range(400):
        dribble += [0.05, b" "]
    async with local_server(dribble) as server:
        with pytest.raises(WeatherUnavailable, match=r"within 0\.3 s"):
            await get(server.address, 0.3)


async def test_the_loop_goes_on_while_a_server_is_silent() -> None:
    ticks = 0

    async def ticking() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async with local_server([1.0]) as server:
        beside = asyncio.create_task(ticking())
        with pytest.raises(WeatherUnavailable):
            await get(server.address, 0.4)
        beside.cancel()
    assert ticks > 1


async def test_whoever_is_cancelled_hangs_up(tmp_path: Path) -> None:
    async with local_server([good()[:-1], UNTIL_LEFT]) as server:
        asking = asyncio.create_task(source(server.address, tmp_path, HandClock()).newest())
        await server.heard.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await server.left.wait()


async def test_after_a_restart_without_a_network_the_last_good_one_is_there(
    tmp_path: Path,
) -> None:
    clock = HandClock()
    async with local_server() as server:
        async with open_source(request(server.address, tmp_path, clock)) as weather:
            first = await weather.newest()
        address = server.address
    clock.passed_s = 5 * EVERY_S
    async with open_source(request(address, tmp_path, clock)) as weather:
        again = await weather.newest()
    assert (again.issued_at, again.start) == (first.issued_at, first.start)
    for quantity in WEATHER:
        np.testing.assert_array_equal(again.values[quantity], first.values[quantity])


@pytest.mark.parametrize("spoilt", [b"", b"{", b'{"place": [1, 2]}', b"\x00" * 100])
async def test_a_damaged_file_is_no_forecast(spoilt: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(spoilt)
    async with local_server() as server, open_source(
        request(server.address, tmp_path, HandClock())
    ) as weather:  # fmt: skip
        assert (await weather.newest()).issued_at == NOON


def test_what_was_kept_of_another_place_is_of_no_use(tmp_path: Path) -> None:
    keep(tmp_path / FILE, (35.16, 126.85), made())
    assert kept(tmp_path / FILE, (35.16, 126.85)) is not None
    assert kept(tmp_path / FILE, (48.1, 11.6)) is None


async def test_what_a_clock_ahead_of_ours_has_kept_is_of_no_use(tmp_path: Path) -> None:
    keep(tmp_path / FILE, (35.16, 126.85), made(NOON + timedelta(hours=2)))
    async with local_server() as server, open_source(
        request(server.address, tmp_path, HandClock())
    ) as weather:  # fmt: skip
        assert (await weather.newest()).issued_at == NOON


async def test_a_disk_that_takes_nothing_loses_nothing_but_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    async with local_server() as server:
        with capture_logs() as logs:
            await source(server.address, tmp_path / "file", HandClock()).newest()
    assert [one["event"] for one in logs] == ["weather forecast not kept"]


def test_it_is_found_by_its_name() -> None:
    assert plugins.load(plugins.WEATHER, "open-meteo") is open_source
