from pathlib import Path

import pytest

from tests.vpp.control.living.fakes import FakeAudit, pace
from tests.vpp.control.living.small_city import battery_device
from vpp.control.authority import AuthorityBook
from vpp.control.outcome_alarms import OutcomeAlarms
from vpp.control.trials import Trouble
from vpp.domain.capability import Form
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import Outcome

pytestmark = pytest.mark.virtual_time
B1, D1 = AssetId("b1"), DeviceId("d1")


@pytest.fixture
async def authority(tmp_path: Path) -> AuthorityBook:
    return AuthorityBook(tmp_path, {D1: battery_device()}, audit=FakeAudit(), pace=pace())


@pytest.fixture
async def alarms(authority: AuthorityBook) -> OutcomeAlarms:
    return OutcomeAlarms(authority)


def codes(alarms: OutcomeAlarms) -> list[tuple[str, str]]:
    return [(alarm.code, alarm.subject) for alarm in alarms.all()]


async def test_who_disobeyed_is_believed_again_only_when_it_does_something(
    alarms: OutcomeAlarms,
) -> None:
    alarms.became(B1, D1, Outcome.NOT_OBEYING, "", obeys=True)
    for outcome in (Outcome.ACCEPTED, Outcome.FOLLOWED):
        alarms.became(B1, D1, outcome, "", obeys=False)  # idle, as it was told on the way out
    alarms.over(B1, Form.STOP)
    alarms.pass_to(1e6)
    assert codes(alarms) == [("NOT_OBEYING", "asset:b1")]
    alarms.became(B1, D1, Outcome.FOLLOWED, "", obeys=True)
    assert codes(alarms) == []


@pytest.mark.parametrize("end", [Form.RELEASE, Form.CEILING, Form.TARGET])
async def test_of_whom_nothing_is_asked_any_more_nothing_is_said(
    alarms: OutcomeAlarms, end: Form
) -> None:
    alarms.became(B1, D1, Outcome.NOT_OBEYING, "", obeys=True)
    alarms.over(B1, end)
    assert codes(alarms) == []


async def test_who_is_no_longer_controlled_need_not_obey(
    alarms: OutcomeAlarms, authority: AuthorityBook
) -> None:
    alarms.became(B1, D1, Outcome.NOT_OBEYING, "", obeys=True)
    authority.set(D1, Authority.OBSERVE, who="operator", why="work on it")
    alarms.pass_to(1.0)
    assert codes(alarms) == []


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.REFUSED])
async def test_an_answer_ends_doubt_about_answers(alarms: OutcomeAlarms, outcome: Outcome) -> None:
    alarms.became(B1, D1, outcome, "", obeys=False)
    assert len(codes(alarms)) == 1
    alarms.became(B1, D1, Outcome.ACCEPTED, "", obeys=False)
    assert codes(alarms) == []


@pytest.mark.parametrize("trouble", [Trouble.FOREIGN_WRITER, Trouble.SIGN_SUSPECT])
async def test_some_troubles_end_control_until_somebody_gives_it_back(
    alarms: OutcomeAlarms, authority: AuthorityBook, trouble: Trouble
) -> None:
    alarms.in_trouble(B1, D1, trouble)
    alarms.became(B1, D1, Outcome.FOLLOWED, "", obeys=True)
    alarms.over(B1, Form.TARGET)
    alarms.pass_to(1e6)
    assert authority.of(D1) is Authority.OBSERVE
    assert codes(alarms) == [(trouble.name, "asset:b1")]
    authority.set(D1, Authority.AUTO, who="operator", why="cable turned")
    alarms.pass_to(1e6)
    assert codes(alarms) == []


async def test_a_flipped_sign_lets_its_safe_state_out_before_it_is_only_observed(
    alarms: OutcomeAlarms, authority: AuthorityBook
) -> None:
    alarms.in_trouble(B1, D1, Trouble.SIGN_SUSPECT)
    alarms.pass_to(1.0)
    assert authority.of(D1) is Authority.AUTO
    alarms.left(B1, discretionary=False)
    assert authority.of(D1) is Authority.OBSERVE


async def test_a_protection_that_leaves_says_nothing_about_the_record(
    alarms: OutcomeAlarms,
) -> None:
    alarms.audit_blocked("disk full")
    alarms.left(B1, discretionary=False)
    assert codes(alarms) == [("AUDIT_BLOCKED", "audit")]
    alarms.left(B1, discretionary=True)
    assert codes(alarms) == []


async def test_a_wrong_timer_alarms_until_it_is_right_or_the_command_is_over(
    alarms: OutcomeAlarms,
) -> None:
    alarms.timer(B1, off=True)
    assert codes(alarms) == [("TIMER_MISMATCH", "asset:b1")]
    alarms.timer(B1, off=False)
    assert codes(alarms) == []
    alarms.timer(B1, off=True)
    alarms.over(B1, Form.TARGET)
    assert codes(alarms) == []
