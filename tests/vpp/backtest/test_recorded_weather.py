"""Weather forecasts beside a record: read as they stood, and never seen before they were made."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.backtest.weather import as_known, read_weather
from vpp.domain.errors import ConfigurationError
from vpp.domain.points import Quantity
from vpp.domain.weather import WEATHER, WeatherRecord

START = datetime(2026, 6, 1, tzinfo=UTC)
HEADING = "timestamp_utc,lead_h,air_c,ghi_w_per_m2,dhi_w_per_m2\n"
LEADS_H = (0, 3, 12)
HOURS = 60


def written(folder: Path, *rows: str) -> Path:
    (folder / "weather_hourly.csv").write_text(HEADING + "".join(f"{row}\n" for row in rows))
    return folder


def test_a_folder_without_weather_has_none(tmp_path: Path) -> None:
    assert read_weather(tmp_path) is None


def test_what_was_known_stands_in_the_row_of_its_lead(tmp_path: Path) -> None:
    found = read_weather(
        written(
            tmp_path,
            "2026-06-01T02:00:00Z,0,-3.5,400,120",
            "2026-06-01T02:00:00Z,24,-1,300,150",
            "2026-06-01T03:00:00Z,0,,500,",
        )
    )
    assert found is not None
    assert (found.start, found.leads_h) == (START + timedelta(hours=2), (0, 24))
    np.testing.assert_array_equal(found.values[Quantity.AIR_C], [[-3.5, np.nan], [-1.0, np.nan]])
    np.testing.assert_array_equal(
        found.values[Quantity.GHI_W_PER_M2], [[400.0, 500.0], [300.0, np.nan]]
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2026-06-01T02:30:00Z,0,1,1,1", "full hour"),
        ("2026-06-01T02:00:00Z,0.5,1,1,1", "whole number"),
        ("2026-06-01T02:00:00Z,0,1,-1,1", "0 or more"),
        ("2026-06-01T02:00:00Z,0,warm,1,1", "a number"),
        ("2026-06-01T04:00:00Z,0,1,1,1", "twice"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_weather(written(tmp_path, "2026-06-01T04:00:00Z,0,1,1,1", row))


@given(hour=st.integers(13, 40), noise=st.integers(0, 2**32 - 1))
def test_what_became_known_later_changes_nothing(hour: int, noise: int) -> None:
    """Scramble everything that was told after the issue: what is known at the issue stays."""
    random = np.random.default_rng(noise)
    at = START + timedelta(hours=hour)
    told = random.uniform(0.0, 900.0, (len(LEADS_H), HOURS))
    became_known_h = np.arange(HOURS) - np.array(LEADS_H)[:, None]
    other = np.where(became_known_h > hour, random.uniform(0.0, 900.0, told.shape), told)
    one, two = (
        as_known(
            WeatherRecord(
                start=START, leads_h=LEADS_H, values=dict.fromkeys(WEATHER, rows), age_s=0.0
            ),
            START,
            at,
            at + timedelta(hours=18),
        )
        for rows in (told, other)
    )
    for quantity in WEATHER:
        np.testing.assert_array_equal(one.values[quantity], two.values[quantity])
    ghi = one.values[Quantity.GHI_W_PER_M2]
    assert np.isfinite(ghi[:, hour : hour + 12]).all()
    assert np.isnan(ghi[:, hour + 13 :]).all()
