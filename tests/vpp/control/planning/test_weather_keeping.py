"""Weather forecasts on record: read back as they stood, whoever came later."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vpp.control.weather_keeping import AHEAD, WeatherKeeping, recorded_weather
from vpp.control.weather_watch import PATIENCE, WeatherWatch
from vpp.domain.errors import WeatherUnavailable
from vpp.domain.points import Quantity
from vpp.domain.weather import HOUR_S, LEADS_H, STALE_S, WEATHER, WeatherForecast, WeatherRecord
from vpp.runtime.clocks import WireClock
from vpp.runtime.history_sqlite import SqliteHistory

START = datetime(2026, 6, 1, tzinfo=UTC)
HOURS = 72


class Told:
    """A source whose forecasts are given by hand."""

    def __init__(self) -> None:
        self.forecast: WeatherForecast | None = None

    async def newest(self) -> WeatherForecast:
        if self.forecast is None:
            raise WeatherUnavailable("nobody is there")
        return self.forecast


def forecast(issued_at: datetime, number: int) -> WeatherForecast:
    """Its values say which it is; one in seven is missing."""
    column = np.full(HOURS, float(number))
    column[np.arange(HOURS) % 7 == number % 7] = np.nan
    start = issued_at.replace(hour=0, minute=0, second=0)
    return WeatherForecast(issued_at=issued_at, start=start, values=dict.fromkeys(WEATHER, column))


async def kept(folder: Path, made: Sequence[WeatherForecast], until: datetime) -> WeatherRecord:
    """Looked at twice each, as happens between two forecasts."""
    source = Told()
    async with SqliteHistory(folder / "history.db") as history:
        keeping = WeatherKeeping(source, history, WireClock())
        await keeping.look()
        for source.forecast in made:
            await keeping.look()
            await keeping.look()
        return await recorded_weather(history, START, until)


@settings(max_examples=20)
@given(minutes=st.lists(st.integers(0, 60 * 40), min_size=1, max_size=5, unique=True))
def test_every_hour_is_read_back_as_it_was_known_before_it_began(minutes: list[int]) -> None:
    made = [
        forecast(START + timedelta(minutes=minute), number)
        for number, minute in enumerate(sorted(minutes), start=1)
    ]
    until = made[-1].issued_at.replace(minute=0) + timedelta(hours=1)
    with TemporaryDirectory() as folder:
        record = asyncio.run(kept(Path(folder), made, until))
    ghi = record.values[Quantity.GHI_W_PER_M2]
    assert record.age_s == (until - made[-1].issued_at).total_seconds()
    for hour in range(ghi.shape[1]):
        begins = record.start + timedelta(hours=hour)
        for row, lead_h in enumerate(LEADS_H):
            before = begins - timedelta(hours=0 if begins >= until else lead_h)
            said = (said_of(one, begins) for one in reversed(made) if one.issued_at <= before)
            expected = next((value for value in said if np.isfinite(value)), np.nan)
            np.testing.assert_equal(ghi[row, hour], expected)


def said_of(one: WeatherForecast, begins: datetime) -> float:
    place = round((begins - one.start).total_seconds() / HOUR_S)
    return float(one.values[Quantity.GHI_W_PER_M2][place]) if 0 <= place < one.hours else np.nan


async def test_without_any_forecast_its_age_is_infinite(tmp_path: Path) -> None:
    record = await kept(tmp_path, [], START + timedelta(hours=3, minutes=15))
    assert record.age_s == np.inf
    assert record.values[Quantity.AIR_C].shape == (len(LEADS_H), 3 + AHEAD / timedelta(hours=1))
    assert np.isnan(record.values[Quantity.AIR_C]).all()


def record(age_s: float) -> WeatherRecord:
    values = dict.fromkeys(WEATHER, np.zeros((1, 1)))
    return WeatherRecord(start=START, leads_h=(0,), values=values, age_s=age_s)


def test_a_forecast_that_is_too_old_is_an_alarm_that_says_how_old() -> None:
    watch, now = WeatherWatch(), START + timedelta(hours=40)
    watch.observe(record(STALE_S), now)
    assert watch.alarms() == ()
    watch.observe(record(14 * HOUR_S), now)
    (alarm,) = watch.alarms()
    assert (alarm.code, alarm.subject) == ("WEATHER_LOST", "weather")
    assert "14 h old (2026-06-02 02:00 UTC)" in alarm.text
    watch.observe(record(60.0), now)
    assert watch.alarms() == ()


def test_a_source_that_says_nothing_gets_a_quarter_hour() -> None:
    watch = WeatherWatch()
    watch.observe(record(np.inf), START)
    assert watch.alarms() == ()
    watch.observe(record(np.inf), START + PATIENCE)
    assert "no weather forecast has come" in watch.alarms()[0].text


def test_a_city_that_wants_no_weather_misses_none() -> None:
    watch = WeatherWatch()
    for hours in (0, 30):
        watch.observe(None, START + timedelta(hours=hours))
        assert watch.alarms() == ()
