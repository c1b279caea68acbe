"""An alarm that comes and goes many times a minute is one that stands, until it rests."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vpp.control.living.fakes import BEGIN, FakeAudit
from vpp.control.alarms import AlarmBoard
from vpp.control.chatter import SPAN_S, SPAN_TICKS, TIMES
from vpp.control.inputs import Alarm
from vpp.domain.audit import Event

LOOSE = Alarm(code="OFFLINE", subject="d1", text="connection refused")
STEADY = Alarm(code="STALE_METER", subject="m1", text="nothing heard")


def shown(
    holds: Sequence[bool], tick_s: float = 1.0, audit: FakeAudit | None = None
) -> list[list[str]]:
    """Texts of the loose alarm, tick by tick, where it holds or not."""
    board = AlarmBoard(audit or FakeAudit())
    found = list[list[str]]()
    for tick, here in enumerate(holds):
        at = BEGIN + timedelta(seconds=tick * tick_s)
        standing = board.show([STEADY, LOOSE] if here else [STEADY], at)
        found.append([alarm.text for alarm in standing if alarm.code == LOOSE.code])
    return found


def changes(audit: FakeAudit) -> list[str]:
    return [r.outcome for r in audit.of(Event.ALARM) if r.subject == LOOSE.subject]


def test_one_that_comes_and_goes_all_the_time_stands_with_its_count_and_is_told_a_few_times() -> (
    None
):
    audit = FakeAudit()
    texts = shown([True, False] * 300, audit=audit)
    assert all(texts[2 * TIMES - 2 :])
    assert texts[-1] == ["connection refused (comes and goes: 300 times)"]
    assert changes(audit) == ["raised", "cleared"] * (TIMES - 1) + ["raised"]


def test_it_ends_once_it_has_rested_and_begins_anew() -> None:
    audit = FakeAudit()
    rest = [False] * int(SPAN_S + 2)
    texts = shown([*[True, False] * TIMES, *rest, True, False], audit=audit)
    assert texts[2 * TIMES + int(SPAN_S) - 4]
    assert texts[-3:] == [[], ["connection refused"], []]
    assert changes(audit) == ["raised", "cleared"] * (TIMES + 1)


def test_one_that_comes_now_and_then_is_told_each_time() -> None:
    audit = FakeAudit()
    texts = shown([True, *[False] * int(SPAN_S)] * 5, audit=audit)
    assert {text for one in texts for text in one} == {"connection refused"}
    assert changes(audit) == ["raised", "cleared"] * 5


def test_where_a_tick_takes_a_minute_ten_of_them_count() -> None:
    texts = shown([True, False] * 20, tick_s=60.0)
    assert texts[-1] == ["connection refused (comes and goes: 20 times)"]
    assert shown([*[True, False] * 20, *[False] * (SPAN_TICKS + 1)], tick_s=60.0)[-1] == []


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_set_lets_it_rest_as_well(hours: int) -> None:
    board = AlarmBoard(FakeAudit())
    for tick in range(2 * TIMES):
        board.show([LOOSE] if tick % 2 else [], BEGIN + timedelta(seconds=tick))
    rest_ticks = int(SPAN_S) + SPAN_TICKS + 1
    rest = [board.show([], BEGIN + timedelta(hours=hours, seconds=n)) for n in range(rest_ticks)]
    assert rest[-1] == ()


@given(st.lists(st.booleans(), max_size=200))
def test_what_holds_is_always_shown(holds: list[bool]) -> None:
    texts = shown(holds)
    assert all(len(text) == 1 for text, here in zip(texts, holds, strict=True) if here)
    assert all(len(text) <= 1 for text in texts)
