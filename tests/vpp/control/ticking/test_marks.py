"""What is marked of a tick."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from tests.vpp.control.planning.cities import snapshot, two_sites
from vpp.control.inputs import Alarm, Reason, TickResult
from vpp.control.marks import Marker
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.ladder import Rung
from vpp.domain.points import Quantity
from vpp.domain.proposal import Scope, ScopeKind

PORTFOLIO = two_sites()
POOL, BATTERY = PoolId("street"), AssetId("home-bat")
SURPLUS = ("pool", "street", "surplus stored")


def result(*bindings: tuple[str, str, str], rung: Rung = Rung.FRESH_PLAN) -> TickResult[Any]:
    reasons: Sequence[Reason] = [
        Reason(scope=Scope(kind=ScopeKind(kind), id=name), rung=rung, binding=binding, text="")
        for kind, name, binding in bindings
    ]
    return TickResult(
        state=None,
        commands=(),
        wanted_kw=cast("Any", None),
        decided=frozenset(),
        reasons=tuple(reasons),
        rungs={BATTERY: rung},
        alarms=(),
    )


def marked(
    of: TickResult[Any], authority: Authority = Authority.AUTO, *alarms: Alarm
) -> frozenset[tuple[str, Quantity]]:
    seen = snapshot(PORTFOLIO, {}, authority={"home-ess": authority})
    return Marker(PORTFOLIO).marks(seen, {POOL: of}, alarms)


def test_nothing_is_marked_while_all_is_well() -> None:
    assert marked(result(SURPLUS)) == frozenset()


@pytest.mark.parametrize("authority", [one for one in Authority if one is not Authority.AUTO])
def test_a_battery_under_another_authority_is_in_somebodys_hands(authority: Authority) -> None:
    assert marked(result(SURPLUS), authority) == {(BATTERY, Quantity.BY_HAND)}


def test_one_that_does_not_obey_is_that_and_nothing_else() -> None:
    alarm = Alarm(code="SIGN_SUSPECT", subject="asset:home-bat", text="")
    found = marked(result(SURPLUS, rung=Rung.SAFE_STATE), Authority.OBSERVE, alarm)
    assert found == {(BATTERY, Quantity.NOT_OBEYING)}


def test_a_safe_state_for_any_other_reason_is_blind() -> None:
    assert marked(result(SURPLUS, rung=Rung.SAFE_STATE)) == {(BATTERY, Quantity.BLIND)}


@pytest.mark.parametrize(
    ("bindings", "limited"),
    [
        ([SURPLUS, ("pool", "street", "a node above")], True),
        ([("pool", "street", "charging limit"), ("node", "street", "operator's cap")], True),
        ([SURPLUS, ("node", "street", "operator's cap")], False),
        ([("pool", "street", "charging limit")], False),
    ],
)
def test_a_limit_counts_where_it_leaves_less_than_was_wanted(
    bindings: list[tuple[str, str, str]], limited: bool
) -> None:
    assert ((POOL, Quantity.LIMITED) in marked(result(*bindings))) is limited
