from datetime import UTC, datetime

import pytest
import typer

from vpp.cli.spans import local, moment, seconds


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


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-07-15T05:00", 20), ("2026-07-15T05:00+08:00", 21), ("2026-07-14T20:00Z", 20)],
)
def test_an_instant_without_an_offset_is_local_time(text: str, hour: int) -> None:
    assert local(moment(text, "--at"), "Asia/Seoul", "--at") == datetime(
        2026, 7, 14, hour, tzinfo=UTC
    )


def test_what_is_no_instant_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="write 2026-07-15T05:30"):
        moment("soon", "--at")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+09:00", "9999-12-31T23:59:00+09:00"])
def test_an_instant_at_the_end_of_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="from 1900 to 2200"):
        moment(text, "--at")


def test_a_time_that_the_clocks_skip_is_refused_with_both_its_neighbours() -> None:
    with pytest.raises(typer.BadParameter) as refused:
        local(moment("2026-03-29T02:30", "--from"), "Europe/Berlin", "--from")
    assert "2026-03-29T01:30+01:00 or 2026-03-29T03:30+02:00" in str(refused.value)
    assert refused.value.param_hint == "'--from'"


def test_of_a_time_that_the_clocks_show_twice_it_is_the_first() -> None:
    shown = local(moment("2026-10-25T02:30", "--at"), "Europe/Berlin", "--at")
    assert shown == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    second = local(moment("2026-10-25T02:30+01:00", "--at"), "Europe/Berlin", "--at")
    assert second == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_a_day_whose_midnight_is_skipped_begins_where_the_clocks_go_on() -> None:
    begin = local(moment("2026-04-24", "--from"), "Africa/Cairo", "--from")
    assert begin == datetime(2026, 4, 23, 22, 0, tzinfo=UTC)
