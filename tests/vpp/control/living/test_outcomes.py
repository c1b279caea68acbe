"""The judge alone: a command, a stream of samples, a verdict."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.vpp.control.living.small_city import battery, battery_facts
from vpp.control.evidence import Evidence
from vpp.control.outcomes import judge
from vpp.control.trials import Rules, Trial, Trouble
from vpp.domain.assets import Asset, EvCharger, Pv
from vpp.domain.capability import Form
from vpp.domain.command import Command, WriteClass
from vpp.domain.facts import Confirm
from vpp.domain.ids import AssetId, DeviceId, SiteId
from vpp.domain.outcome import Cause, Outcome
from vpp.domain.setpoint import Setpoint, ceiling, target

B1 = AssetId("b1")
CAR = EvCharger(id=B1, site=SiteId("s1"), max_kw=11.0)
SUN = Pv(id=B1, site=SiteId("s1"), peak_kw=10.0, curtailable=True)


def rules(asset: Asset | None = None) -> Rules:
    return Rules(
        asset=asset or battery(),
        capability=battery_facts().capabilities[B1],  # dead time 1 s, 10 kW/s
        confirm=Confirm(tolerance_kw=0.1, within_s=5.0),
        poll_s=1.0,
        rating_kw=10.0,
    )


def trial(
    setpoint: Setpoint | float, *, outcome: Outcome = Outcome.ACCEPTED, baseline_kw: float = 0.0
) -> Trial:
    if not isinstance(setpoint, Setpoint):
        setpoint = target(B1, setpoint, expires_s=60.0, owner="plan", reason="surplus")
    command = Command(
        id="7-1",
        device=DeviceId("d1"),
        setpoint=setpoint,
        write_class=WriteClass.COMMAND,
        epoch=7,
        seq=1,
        issued_at=datetime(2026, 6, 1, tzinfo=UTC),
        issued_s=0.0,
    )
    return Trial(
        command=command,
        sent_s=0.0,
        renewed_s=0.0,
        outcome=outcome,
        timer_ends_s=(setpoint.expires_s, setpoint.expires_s),
        baseline_kw=baseline_kw,
    )


def at(now_s: float, power_kw: float | None = None, held_kw: float | None = None) -> Evidence:
    return Evidence(
        now_s=now_s, power_kw=power_kw, power_s=now_s, setpoint_kw=held_kw, setpoint_s=now_s
    )


def told(one: Trial) -> tuple[Outcome, Cause | None]:
    return one.outcome, one.cause


def judged(one: Trial, *samples: Evidence, asset: Asset | None = None) -> Trial:
    for sample in samples:
        one = judge(one, sample, rules(asset))
    return one


def test_followed_once_power_is_near_after_the_dead_time() -> None:
    one = judged(trial(5.0), at(0.5, 0.0), at(0.9, 5.0))
    assert one.outcome is Outcome.ACCEPTED
    assert judged(one, at(1.5, 4.8)).outcome is Outcome.FOLLOWED


def test_no_verdict_before_dead_time_ramp_and_two_polls() -> None:
    one = judged(trial(5.0), at(3.4, 0.0))  # 1 s + 0.5 s + 2 s
    assert one.outcome is Outcome.ACCEPTED
    assert told(judged(one, at(3.5, 0.0))) == (Outcome.NOT_OBEYING, None)


def test_a_device_called_back_on_its_way_has_the_time_to_come_back() -> None:
    """It was read at 0, and was told -10 kW a second ago."""
    back = trial(0.0)._replace(left_for_kw=-10.0)
    one = judged(back, at(3.9, -8.0))  # 1 s + 1 s + 2 s
    assert one.outcome is Outcome.ACCEPTED
    assert told(judged(one, at(4.0, -8.0))) == (Outcome.NOT_OBEYING, None)


@pytest.mark.parametrize(("told_kw", "trouble"), [(10.0, None), (9.0, Trouble.NOT_APPLIED)])
def test_a_plant_told_all_that_it_can_give_may_show_that_nothing_holds_it_back(
    told_kw: float, trouble: Trouble | None
) -> None:
    plant = replace(rules(SUN), capability=replace(rules().capability, allowed=SUN.rated))
    freed = ceiling(B1, told_kw, producing=True, expires_s=60.0, owner="plan", reason="room")
    one = trial(freed)
    for now_s in (6.0, 7.0, 8.0):
        one = judge(one, at(now_s, -3.0, math.nan), plant)
    assert (one.trouble, one.held) == (trouble, trouble is None)


@pytest.mark.parametrize(("power_kw", "outcome"), [(4.7, "followed"), (4.6, "limited")])
def test_near_is_three_percent_of_the_rating(power_kw: float, outcome: str) -> None:
    assert judged(trial(5.0), at(4.0, power_kw)).outcome == outcome


def test_a_coarse_setpoint_widens_what_is_near() -> None:
    coarse = rules()
    coarse = replace(coarse, capability=replace(coarse.capability, resolution_kw=1.0))
    assert judge(trial(5.0), at(4.0, 4.0), coarse).outcome is Outcome.FOLLOWED


@pytest.mark.parametrize(
    ("wanted_kw", "power_kw", "baseline_kw"),
    [
        (5.0, -3.0, 0.0),  # the wrong way
        (2.0, 8.0, 8.0),  # no change, and too much
        (5.0, 0.0, 0.0),  # no change
        (0.0, 4.0, 8.0),  # still flowing
    ],
)
def test_not_obeying(wanted_kw: float, power_kw: float, baseline_kw: float) -> None:
    one = judged(trial(wanted_kw, baseline_kw=baseline_kw), at(5.0, power_kw))
    assert told(one) == (Outcome.NOT_OBEYING, None)


@pytest.mark.parametrize(
    ("wanted_kw", "power_kw", "more", "cause"),
    [
        (5.0, 0.0, {"soc": 0.99}, Cause.FULL),
        (-5.0, 0.0, {"soc": 0.01}, Cause.EMPTY),
        (5.0, 2.0, {"soc": 0.9}, Cause.TAPER),
        (5.0, 2.0, {"soc": 0.5, "limit_charge_kw": 2.0}, Cause.DERATED),
        (-5.0, -2.0, {"soc": 0.5, "limit_discharge_kw": 2.0}, Cause.DERATED),
        (5.0, 3.0, {"soc": 0.5}, Cause.DERATED),
    ],
)
def test_a_battery_that_does_less_with_a_cause_is_limited(
    wanted_kw: float, power_kw: float, more: dict[str, Any], cause: Cause
) -> None:
    one = judged(trial(wanted_kw), at(5.0, power_kw)._replace(**more))
    assert told(one) == (Outcome.LIMITED, cause)


def test_a_nearly_full_battery_that_does_not_move_is_not_excused() -> None:
    one = judged(trial(5.0), at(5.0, 0.0)._replace(soc=0.9))
    assert one.outcome is Outcome.NOT_OBEYING


def offer(kw: float, *, producing: bool = False) -> Setpoint:
    return ceiling(B1, kw, producing=producing, expires_s=60.0, owner="plan", reason="share")


@pytest.mark.parametrize(
    ("power_kw", "car", "verdict"),
    [
        (7.0, True, (Outcome.FOLLOWED, None)),
        (3.0, True, (Outcome.LIMITED, Cause.CAR_DRAWS_LESS)),
        (0.0, False, (Outcome.LIMITED, Cause.NO_CAR)),
        (9.0, True, (Outcome.NOT_OBEYING, None)),
    ],
)
def test_a_charger_under_a_ceiling(
    power_kw: float, car: bool, verdict: tuple[Outcome, Cause | None]
) -> None:
    one = judged(trial(offer(7.0)), at(9.0, power_kw)._replace(car=car), asset=CAR)
    assert told(one) == verdict


@pytest.mark.parametrize(
    ("power_kw", "available_kw", "verdict"),
    [
        (-5.0, 8.0, (Outcome.FOLLOWED, None)),
        (-2.0, 2.0, (Outcome.LIMITED, Cause.NO_SUN)),
        (-2.0, None, (Outcome.LIMITED, Cause.INSIDE_CEILING)),
        (-8.0, 8.0, (Outcome.NOT_OBEYING, None)),
    ],
)
def test_a_plant_under_a_ceiling(
    power_kw: float, available_kw: float | None, verdict: tuple[Outcome, Cause | None]
) -> None:
    sample = at(9.0, power_kw)._replace(available_kw=available_kw)
    assert told(judged(trial(offer(5.0, producing=True)), sample, asset=SUN)) == verdict


def test_an_unanswered_write_is_accepted_once_it_is_seen_held() -> None:
    one = trial(5.0, outcome=Outcome.UNKNOWN)
    assert judged(one, at(1.0, 0.0)).outcome is Outcome.UNKNOWN
    assert judged(one, at(1.0, 0.0, 5.05)).outcome is Outcome.ACCEPTED


def test_without_echo_and_read_back_nobody_knows() -> None:
    one = judged(trial(5.0, outcome=Outcome.SENT), at(4.0, 0.0))
    assert one.outcome is Outcome.SENT
    assert judged(one, at(5.5, 0.0)).outcome is Outcome.UNKNOWN


def test_acknowledged_but_not_applied() -> None:
    one = judged(trial(5.0), at(1.0, 0.0, 0.0))
    assert one.trouble is None
    one = judged(one, *(at(t, 0.0, 0.0) for t in (5.0, 6.0, 7.0)))
    assert (one.outcome, one.trouble) == (Outcome.NOT_OBEYING, Trouble.NOT_APPLIED)


def test_what_a_newer_command_of_ours_has_overwritten_is_no_disobedience() -> None:
    """It is under way on a slow wire, and its value is read before its answer is there."""
    released = Setpoint(asset=B1, form=Form.RELEASE, expires_s=60.0, owner="plan", reason="free")
    for asked in (trial(5.0), trial(released)):
        seen = judged(asked, at(6.0, 5.0, -3.0), at(7.0, 5.0, -3.0))
        assert seen.trouble is None
    back = judged(trial(5.0), at(6.0, 5.0, -3.0), at(7.0, 5.0, -3.0), at(8.0, 5.0, 5.0))
    assert (back.trouble, back.held, back.strange_for) == (None, True, 0)


def test_a_setpoint_read_before_the_write_says_nothing() -> None:
    early = at(6.0, 5.0, 0.0)._replace(setpoint_s=-1.0)
    assert judged(trial(5.0), early).trouble is None


def test_a_held_value_that_changes_without_us_is_a_foreign_writer() -> None:
    held = (at(2.0, 5.0, 5.0), at(3.0, 5.0, 5.0))
    glimpse = judged(trial(5.0), *held, at(4.0, 5.0, -2.0), at(5.0, 5.0, -2.0), at(6.0, 5.0, 5.0))
    assert glimpse.trouble is None, "a newer command of ours may be half written"
    one = judged(trial(5.0), *held, *(at(t, 5.0, -2.0) for t in (4.0, 5.0, 6.0)))
    assert (one.outcome, one.trouble) == (Outcome.NOT_OBEYING, Trouble.FOREIGN_WRITER)
    assert judge(one, at(5.0, -2.0, 5.0), rules()) is one  # one alarm, no second thoughts


def test_a_held_value_that_is_gone_was_lost_in_a_reboot() -> None:
    one = judged(trial(5.0), at(2.0, 5.0, 5.0), *(at(t, 0.0, math.nan) for t in (3.0, 4.0, 5.0)))
    assert (one.outcome, one.trouble) == (Outcome.UNKNOWN, Trouble.REBOOTED)


def test_a_held_value_that_is_gone_once_the_timer_may_have_ended_fell_back() -> None:
    unanswered = trial(5.0)._replace(timer_ends_s=(3.0, 60.0))
    gone = (at(t, 0.0, math.nan) for t in (3.0, 4.0, 5.0))
    assert judged(unanswered, at(2.0, 5.0, 5.0), *gone).trouble is Trouble.SETPOINT_LOST


@pytest.mark.parametrize(
    ("form", "held_kw"), [(Form.STOP, 0.0), (Form.STOP, math.nan), (Form.RELEASE, math.nan)]
)
def test_what_stop_and_release_look_like_in_the_register(form: Form, held_kw: float) -> None:
    setpoint = Setpoint(asset=B1, form=form, expires_s=60.0, owner="plan", reason="end")
    one = judged(trial(setpoint), at(5.0, 0.0, held_kw))
    assert (one.held, one.outcome) == (True, Outcome.FOLLOWED)


def test_without_measured_power_the_outcome_is_unknown_in_the_end() -> None:
    one = judged(trial(5.0), at(5.0, None))
    assert one.outcome is Outcome.ACCEPTED
    assert judged(one, at(6.0, None)).outcome is Outcome.UNKNOWN


def test_a_command_not_judged_by_its_expiry_is_expired() -> None:
    assert judged(trial(5.0), at(60.0, 5.0)).outcome is Outcome.EXPIRED
    followed = judged(trial(5.0), at(2.0, 5.0))
    assert judge(followed, at(60.0, 5.0), rules()) is followed


def test_a_battery_that_fills_up_on_the_way_becomes_limited_once_that_lasts() -> None:
    one = judged(trial(5.0), at(4.0, 5.0))
    full = at(5.0, 0.0)._replace(soc=1.0)
    one = judged(one, full)
    assert one.outcome is Outcome.FOLLOWED
    one = judged(one, full)  # the same sample again is no second one
    assert one.outcome is Outcome.FOLLOWED
    assert told(judged(one, full._replace(power_s=6.0))) == (Outcome.LIMITED, Cause.FULL)


def test_a_single_odd_sample_changes_no_verdict() -> None:
    one = judged(trial(5.0), at(4.0, 5.0), at(5.0, 0.0), at(6.0, 5.0), at(7.0, 0.0))
    assert one.outcome is Outcome.FOLLOWED


def test_the_exact_opposite_of_a_setpoint_that_is_held_is_a_flipped_sign() -> None:
    one = judged(trial(5.0), at(2.0, 5.0, 5.0))
    assert one.outcome is Outcome.FOLLOWED
    one = judged(one, at(4.0, -5.0, 5.0), at(5.0, -5.0, 5.0))
    assert one.outcome is Outcome.FOLLOWED, "one or two samples are no flipped sign"
    one = judged(one, at(6.0, -5.0, 5.0))
    assert (one.outcome, one.trouble) == (Outcome.NOT_OBEYING, Trouble.SIGN_SUSPECT)


def test_a_flipped_sign_is_found_as_well_where_it_is_read_back_late() -> None:
    one = judged(trial(5.0), *(at(t, -5.0) for t in (6.0, 7.0, 8.0, 9.0)))
    assert (one.outcome, one.trouble) == (Outcome.NOT_OBEYING, None)
    one = judged(one, at(10.0, -5.0, 5.0), at(11.0, -5.0, 5.0))
    assert one.trouble is None, "one or two samples are no flipped sign"
    assert judged(one, at(12.0, 5.0, 5.0), at(13.0, 5.0, 5.0)).outcome is Outcome.FOLLOWED
    one = judged(one, at(12.0, -5.0, 5.0))
    assert (one.outcome, one.trouble) == (Outcome.NOT_OBEYING, Trouble.SIGN_SUSPECT)


@pytest.mark.parametrize(
    ("followed_kw", "before_kw", "wanted_kw", "power_kw", "suspect"),
    [
        (None, 0.0, 5.0, -5.0, True),
        (8.0, 8.0, 5.0, -5.0, True),  # asked for a little less: it says far more than that
        (-8.0, -8.0, 5.0, -5.0, False),  # slow: on its way from -8 to 5
        (None, -8.0, 5.0, -5.0, False),  # the same, and nobody knows what it followed before
        (8.0, -8.0, 5.0, -5.0, True),  # the opposite before, too, and moved against what was asked
        (8.0, -8.0, -5.0, -6.0, False),
    ],
)
def test_a_sign_is_judged_by_the_change_from_the_state_before(
    followed_kw: float | None, before_kw: float, wanted_kw: float, power_kw: float, suspect: bool
) -> None:
    one = trial(wanted_kw, baseline_kw=before_kw)._replace(followed_kw=followed_kw)
    one = judged(one, *(at(t, power_kw, wanted_kw) for t in (9.0, 10.0, 11.0)))
    assert (one.trouble is Trouble.SIGN_SUSPECT) is suspect


@pytest.mark.parametrize(
    ("baseline_kw", "power_kw", "held_kw"),
    [
        (-5.0, -5.0, 5.0),  # it has not moved: it ignores a reversal
        (0.0, -3.0, 5.0),  # the wrong way, but not the opposite
        (0.0, -5.0, None),  # nobody knows what it holds
    ],
)
def test_other_disobedience_says_nothing_about_the_sign(
    baseline_kw: float, power_kw: float, held_kw: float | None
) -> None:
    one = judged(trial(5.0, baseline_kw=baseline_kw), at(9.0, power_kw, held_kw))
    assert (one.outcome, one.trouble) == (Outcome.NOT_OBEYING, None)


def test_an_idle_battery_has_no_opposite() -> None:
    one = judged(trial(0.0), at(9.0, 0.0, 0.0))
    assert (one.outcome, one.trouble) == (Outcome.FOLLOWED, None)


@pytest.mark.parametrize(
    ("baseline_kw", "stored", "trouble"),
    [
        (3.0, (0.5, 10.0, 7.0, 1.0), Trouble.FROZEN),
        (3.0, (0.5, 10.0, 7.1, 1.0), Trouble.NOT_APPLIED),  # its counter goes on
        (0.0, (0.5, 10.0, 7.0, 1.0), Trouble.NOT_APPLIED),  # idle: nothing would change anyway
        (3.0, (None, None, None, None), Trouble.NOT_APPLIED),
    ],
)
def test_readings_that_stand_still_under_power_are_frozen(
    baseline_kw: float, stored: tuple[float | None, ...], trouble: Trouble
) -> None:
    before: tuple[float | None, ...] = (0.5, 10.0, 7.0, 1.0)
    if stored[0] is None:
        before = stored
    one = trial(5.0, baseline_kw=baseline_kw)._replace(stored=before)
    samples = [at(t, baseline_kw, 3.0)._replace(stored=stored) for t in (9.0, 10.0, 11.0)]
    one = judged(one, *samples)
    assert (one.outcome, one.trouble) == (Outcome.NOT_OBEYING, trouble)


def timed(now_s: float, left_s: float, held_kw: float = 5.0) -> Evidence:
    return at(now_s, 5.0, held_kw)._replace(reversion_s=left_s, reversion_at_s=now_s)


@pytest.mark.parametrize(("left_s", "off_for"), [(57.0, 0), (52.0, 0), (40.0, 2), (3600.0, 2)])
def test_a_timer_that_ends_at_another_time_than_the_setpoint_is_noticed(
    left_s: float, off_for: int
) -> None:
    one = trial(5.0)._replace(held=True)
    assert judged(one, timed(2.0, left_s), timed(3.0, left_s - 1)).timer_off_for == off_for


def test_a_timer_must_jump_up_with_a_refresh() -> None:
    one = judged(trial(5.0)._replace(held=True), timed(9.0, 51.0))
    prolonged = replace(one.command, setpoint=replace(one.setpoint, expires_s=70.0))
    one = one._replace(command=prolonged, renewed_s=10.0, timer_ends_s=(70.0, 70.0))
    assert judged(one, timed(9.9, 50.1)).timer_off_for == 0  # read before the refresh
    assert judged(one, timed(11.0, 59.0), timed(12.0, 58.0)).timer_off_for == 0
    stuck = judged(one, timed(11.0, 49.0), timed(11.0, 49.0), timed(12.0, 48.0))
    assert stuck.timer_off_for == 2  # one sample counts once
    assert judged(stuck, timed(13.0, 57.0)).timer_off_for == 0
