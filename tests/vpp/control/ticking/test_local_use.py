"""The ledger of local use: what side goals may give up, and for how long an excess counts."""

from vpp.control.ledger import FORGIVEN_DAYS, side_weight
from vpp.control.state import Ledger, LedgerDay

IMPORT_KWH = 300.0
"""Of each day."""
ALLOWANCE = 0.001


def ledger(days: int, given_up: dict[int, float]) -> Ledger:
    return Ledger(
        days=tuple(
            LedgerDay(day=day, given_up_kwh=given_up.get(day, 0.0), import_kwh=IMPORT_KWH)
            for day in range(days)
        )
    )


def held(days: int, given_up: dict[int, float], allowance: float = ALLOWANCE) -> bool:
    return side_weight(ledger(days, given_up), allowance, 0.0) == 1.0


def test_a_young_record_may_give_up_what_three_months_may() -> None:
    assert held(5, {3: 90 * IMPORT_KWH * ALLOWANCE})
    assert not held(5, {3: 91 * IMPORT_KWH * ALLOWANCE})


def test_the_worst_day_ends_the_side_goals_for_a_month_and_not_for_a_year() -> None:
    blow = {7: 150.0}
    assert not held(8, blow)
    assert not held(7 + FORGIVEN_DAYS, blow)
    assert held(8 + FORGIVEN_DAYS, blow)


def test_a_second_one_is_not_forgiven() -> None:
    assert not held(200, {7: 150.0, 40: 150.0})


def test_what_was_gained_is_not_lost_to_forgiving() -> None:
    assert held(100, dict.fromkeys(range(100), -1.0))
    assert not held(100, {99: 100.0})
