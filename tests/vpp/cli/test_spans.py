from datetime import UTC, datetime

import pytest
import typer

from vpp.cli.spans import instant, seconds


@pytest.mark.parametrize(
    ("text", "meant"),
    [("60s", 60), ("30min", 1800), ("1h30min", 5400), ("2d", 172800), ("0.5h", 1800)],
)
def test_lengths_of_time(text: str, meant: float) -> None:
    assert seconds(text, "--for") == meant


@pytest.mark.parametrize("text", ["", "60", "1 h", "h", "-5s", "5s later", "0s", "0h0min"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="60s, 30min"):
        seconds(text, "--for")


def test_an_instant_without_an_offset_is_local_time_of_the_city() -> None:
    assert instant("2026-07-15T05:00", "--at", "Asia/Seoul") == datetime(
        2026, 7, 14, 20, tzinfo=UTC
    )
    given = instant("2026-07-15T05:00+00:00", "--at", "Asia/Seoul")
    assert given == datetime(2026, 7, 15, 5, tzinfo=UTC)


def test_where_there_is_no_city_an_instant_needs_its_offset() -> None:
    assert instant("2026-07-15T05:00:00+09:00", "--at") == datetime(2026, 7, 14, 20, tzinfo=UTC)
    for text in ("2026-07-15T05:00:00", "soon"):
        with pytest.raises(typer.BadParameter):
            instant(text, "--at")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+09:00", "9999-12-31T23:59:00+09:00"])
def test_an_instant_at_the_end_of_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="from 1900 to 2200"):
        instant(text, "--at")
