"""Waits that grow, and when a fight over a client id is over."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.mqtt.backoff import KICKS, LEAST_S, LONGEST_S, STEADY_S, Backoff, TakeoverWatch


def test_the_ceiling_doubles_to_a_bound() -> None:
    backoff = Backoff(draw=lambda: 1.0)
    waits = [backoff.next_s() for _ in range(9)]
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(waits) == LONGEST_S


def test_only_a_connection_that_lasted_makes_waits_short_again() -> None:
    backoff = Backoff(draw=lambda: 1.0)
    for _ in range(5):
        backoff.next_s()
    backoff.lasted(STEADY_S / 2)
    assert backoff.next_s() > 0.5
    backoff.lasted(STEADY_S)
    assert backoff.next_s() == 0.5


@given(st.floats(0, 1))
def test_no_wait_is_shorter_than_the_least(drawn: float) -> None:
    assert Backoff(draw=lambda: drawn).next_s() >= LEAST_S


def test_a_rival_kicks_a_connection_soon_and_every_time() -> None:
    watch = TakeoverWatch()
    assert [watch.lost(0.3) for _ in range(KICKS)] == [False] * (KICKS - 1) + [True]


def test_a_broker_that_refuses_in_between_is_no_rival() -> None:
    watch = TakeoverWatch()
    for _ in range(5 * KICKS):
        watch.not_connected()
        assert not watch.lost(0.3)


def test_a_connection_that_lasted_is_no_fight() -> None:
    watch = TakeoverWatch()
    assert not any(watch.lost(lasted_s) for lasted_s in (0.3, 0.3, STEADY_S, 0.3, 0.3))


def test_of_two_rivals_the_one_that_came_last_stops() -> None:
    incumbent, newcomer = TakeoverWatch(), TakeoverWatch()
    assert not incumbent.lost(3600.0)
    stopped = None
    while stopped is None:
        if newcomer.lost(0.3):
            stopped = newcomer
        elif incumbent.lost(0.3):
            stopped = incumbent
    assert stopped is newcomer
