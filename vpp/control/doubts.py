"""What the way in which a command is not obeyed tells of the device's readings; pure."""

from vpp.control.evidence import Evidence
from vpp.control.trials import Rules, Trial, Trouble
from vpp.domain.capability import Form

SHORTEST_TOLERANCE_S = 5.0
TOLERANCE_PART = 0.1
"""Of a setpoint's life."""


def doubt(trial: Trial, evidence: Evidence, rules: Rules) -> Trouble | None:
    """Why it seems not to obey, if its readings themselves are suspect."""
    if mirrored(trial, evidence, rules):
        return Trouble.SIGN_SUSPECT
    return Trouble.FROZEN if _frozen(trial, evidence, rules) else None


def timer_odd(trial: Trial, evidence: Evidence, rules: Rules) -> bool | None:
    """Whether the device's own timer seems to end at another time than the setpoint.

    None while nothing new is known of it. A timer that does not jump up with a refresh would let
    the device fall back in mid-hold; one that runs on would hold the setpoint past its expiry.
    """
    left_s, read_s = evidence.reversion_s, evidence.reversion_at_s
    if left_s is None or not trial.held or read_s <= max(trial.renewed_s, trial.timer_seen_s):
        return None
    due_s = trial.setpoint.expires_s - read_s
    return abs(left_s - due_s) > _timer_tolerance_s(trial, rules)


def timer_off(trial: Trial, evidence: Evidence, rules: Rules) -> bool:
    """Whether an odd timer is wrong even if our own delays count against us.

    It was read at some moment since the sample before, and armed at some moment while the write was
    under way: a loop, a line or a device that stood still in between is no fault of the timer.
    """
    tolerance_s, left_s = _timer_tolerance_s(trial, rules), evidence.reversion_s or 0.0
    first_s, last_s = trial.timer_ends_s
    since_s = max(trial.renewed_s, trial.timer_seen_s)
    return not (first_s - evidence.now_s - tolerance_s <= left_s <= last_s - since_s + tolerance_s)


def _timer_tolerance_s(trial: Trial, rules: Rules) -> float:
    life_s = trial.setpoint.expires_s - trial.renewed_s
    return max(SHORTEST_TOLERANCE_S, rules.poll_s, TOLERANCE_PART * life_s)


def mirrored(trial: Trial, evidence: Evidence, rules: Rules) -> bool:
    """It holds the setpoint, has moved, and says exactly the opposite of what was asked.

    A power that lies on the way from the state before to what was asked is no opposite, unless that
    state was one already.
    """
    power_kw, before_kw, near_kw = evidence.power_kw, trial.baseline_kw, rules.near_kw
    if trial.setpoint.form is not Form.TARGET or not trial.held:
        return False
    if power_kw is None or before_kw is None or abs(power_kw - before_kw) <= near_kw:
        return False
    target_kw = trial.setpoint.target_kw
    if not _opposite(power_kw, target_kw, near_kw):
        return False
    on_the_way = min(before_kw, target_kw) <= power_kw <= max(before_kw, target_kw)
    followed_kw = trial.followed_kw
    return not on_the_way or (
        followed_kw is not None and _opposite(before_kw, followed_kw, near_kw)
    )


def _opposite(power_kw: float, told_kw: float, near_kw: float) -> bool:
    return abs(told_kw) > 2 * near_kw and abs(power_kw + told_kw) <= near_kw


def _frozen(trial: Trial, evidence: Evidence, rules: Rules) -> bool:
    """Power flows, as it says, and still nothing that it counts or stores has moved."""
    baseline_kw, seen = trial.baseline_kw, [kwh for kwh in trial.stored if kwh is not None]
    if baseline_kw is None or abs(baseline_kw) <= rules.near_kw or not seen:
        return False
    return evidence.power_kw == baseline_kw and evidence.stored == trial.stored
