"""Whether a command was accepted, and whether the asset follows it: a pure judge over snapshots."""

import math

from vpp.control.doubts import doubt, mirrored, timer_odd, timer_off
from vpp.control.evidence import Evidence
from vpp.control.following import Verdict, verdict
from vpp.control.trials import POLLS, STRANGE_READS, Rules, Trial, Trouble
from vpp.domain.capability import Form
from vpp.domain.outcome import Outcome
from vpp.domain.setpoint import Setpoint

BLANK = (Form.STOP, Form.RELEASE)
"""Their register may show nothing."""


def judge(trial: Trial, evidence: Evidence, rules: Rules) -> Trial:
    """The trial after one more snapshot; the same object where nothing became known.

    Foreign writers and lost setpoints end a trial; a verdict on following may still change while
    the command lives (a battery that follows and then is full).
    """
    if trial.trouble is not None or trial.outcome in (Outcome.EXPIRED, Outcome.REFUSED):
        return trial
    if evidence.now_s >= trial.setpoint.expires_s:
        return trial if trial.outcome.final else trial._replace(outcome=Outcome.EXPIRED)
    trial = _judge_holding(_judge_timer(trial, evidence, rules), evidence, rules)
    return trial if trial.trouble is not None else _judge_following(trial, evidence, rules)


def _judge_timer(trial: Trial, evidence: Evidence, rules: Rules) -> Trial:
    odd = timer_odd(trial, evidence, rules)
    if odd is None or not (odd or trial.timer_off_for):
        return trial
    lasted = trial.timer_off_for + 1 if odd and timer_off(trial, evidence, rules) else 0
    return trial._replace(timer_off_for=lasted, timer_seen_s=evidence.reversion_at_s)


def _judge_holding(trial: Trial, evidence: Evidence, rules: Rules) -> Trial:
    read_kw = evidence.setpoint_kw
    if read_kw is None or evidence.setpoint_s <= trial.sent_s:
        return _unconfirmed(trial, evidence, rules)
    if is_held(trial.setpoint, read_kw, rules.held_kw) or _is_free(trial.setpoint, read_kw, rules):
        return _held(trial)
    if trial.held:
        return _judge_strange(trial, read_kw, evidence.setpoint_s)
    if evidence.setpoint_s >= trial.sent_s + max(rules.confirm.within_s, POLLS * rules.poll_s):
        return _judge_missed(trial, evidence, rules)
    return trial


def _judge_missed(trial: Trial, evidence: Evidence, rules: Rules) -> Trial:
    """It has had its time, and something else was read back."""
    trial = _strange(trial, evidence.setpoint_s)
    if trial.strange_for < STRANGE_READS:
        return trial
    frozen = doubt(trial, evidence, rules) is Trouble.FROZEN
    trouble = Trouble.FROZEN if frozen else Trouble.NOT_APPLIED
    return trial._replace(outcome=Outcome.NOT_OBEYING, trouble=trouble)


def _held(trial: Trial) -> Trial:
    if trial.held:
        return trial._replace(strange_for=0) if trial.strange_for else trial
    pending = trial.outcome in (Outcome.SENT, Outcome.UNKNOWN)
    outcome = Outcome.ACCEPTED if pending else trial.outcome
    return trial._replace(held=True, strange_for=0, outcome=outcome)


def _strange(trial: Trial, sample_s: float) -> Trial:
    if sample_s <= trial.strange_seen_s:
        return trial
    return trial._replace(strange_for=trial.strange_for + 1, strange_seen_s=sample_s)


def _judge_strange(trial: Trial, read_kw: float, sample_s: float) -> Trial:
    """It was held, and something else was read back."""
    trial = _strange(trial, sample_s)
    if trial.strange_for < STRANGE_READS:
        return trial
    if math.isnan(read_kw):
        return _lost(trial, sample_s)
    return trial._replace(outcome=Outcome.NOT_OBEYING, trouble=Trouble.FOREIGN_WRITER)


def after_restart(trial: Trial, evidence: Evidence, read_back_s: float) -> Trial:
    """The trial if connection and life of the device are those of ``read_back_s``.

    Where they began after the newest write, a single read-back of none says that all is lost.
    """
    read_kw = evidence.setpoint_kw
    if trial.trouble is not None or not trial.strange_for or read_kw is None:
        return trial
    anew = trial.renewed_s < read_back_s <= evidence.setpoint_s
    return _lost(trial, evidence.setpoint_s) if anew and math.isnan(read_kw) else trial


def _lost(trial: Trial, sample_s: float) -> Trial:
    early = sample_s < trial.timer_ends_s[0]
    trouble = Trouble.REBOOTED if early else Trouble.SETPOINT_LOST
    return trial._replace(outcome=Outcome.UNKNOWN, trouble=trouble)


def _unconfirmed(trial: Trial, evidence: Evidence, rules: Rules) -> Trial:
    """Nothing was read back since it was sent."""
    patience_s = max(rules.confirm.within_s, POLLS * rules.poll_s)
    if trial.outcome is Outcome.SENT and evidence.now_s > trial.sent_s + patience_s:
        return trial._replace(outcome=Outcome.UNKNOWN)
    return trial


def is_held(setpoint: Setpoint, read_kw: float, tolerance_kw: float) -> bool:
    """Whether what was read back (NaN: none) is this setpoint."""
    if setpoint.form is Form.WINDOW or (math.isnan(read_kw) and setpoint.form in BLANK):
        return True
    return abs(read_kw - register_kw(setpoint)) <= tolerance_kw


def _is_free(setpoint: Setpoint, read_kw: float, rules: Rules) -> bool:
    """Whether it was told all that it can give or take, and shows that nothing holds it back."""
    allowed, told_kw = rules.capability.allowed, register_kw(setpoint)
    end_kw = allowed.hi_kw if told_kw > 0 else allowed.lo_kw
    whole = setpoint.form is Form.CEILING and abs(told_kw - end_kw) <= rules.held_kw
    return whole and math.isnan(read_kw)


def register_kw(setpoint: Setpoint) -> float:
    """What the register of a setpoint shows; NaN if nothing."""
    match setpoint.form:
        case Form.TARGET | Form.STOP:
            return setpoint.target_kw
        case Form.CEILING:
            return setpoint.hi_kw if math.isfinite(setpoint.hi_kw) else setpoint.lo_kw
        case Form.RELEASE | Form.WINDOW:
            return math.nan


def _judge_following(trial: Trial, evidence: Evidence, rules: Rules) -> Trial:
    if trial.outcome in (Outcome.SENT, Outcome.UNKNOWN):
        return trial
    dead_time_s = rules.capability.dead_time_s
    due_s = trial.sent_s + _time_to_follow_s(trial, rules)
    if evidence.power_kw is None:
        overdue_s = evidence.now_s - due_s - POLLS * rules.poll_s
        pending = trial.outcome is Outcome.ACCEPTED
        return trial._replace(outcome=Outcome.UNKNOWN) if pending and overdue_s > 0 else trial
    if evidence.power_s <= trial.seen_s:
        return trial
    found = verdict(trial, evidence, rules)
    due_s = due_s if found[0] is not Outcome.FOLLOWED else trial.sent_s + dead_time_s
    if evidence.power_s < due_s:
        return trial
    suspect = found[0] is Outcome.NOT_OBEYING and mirrored(trial, evidence, rules)
    if suspect and trial.outcome is Outcome.NOT_OBEYING:
        judged = _suspected(trial, found, evidence, rules)
    elif suspect or trial.outcome.final:
        samples = STRANGE_READS if suspect else POLLS
        judged = _changed(trial, found, evidence.power_s, samples)
    else:
        judged = _settled(trial, found)
    if judged.outcome is Outcome.NOT_OBEYING and trial.outcome is not Outcome.NOT_OBEYING:
        return judged._replace(trouble=doubt(judged, evidence, rules))
    return judged


def _suspected(trial: Trial, found: Verdict, evidence: Evidence, rules: Rules) -> Trial:
    """It was seen not to obey before it was read back: now it holds what it was sent, too."""
    lasted = trial.changing_for + 1 if trial.changing == found else 1
    if lasted < STRANGE_READS:
        return trial._replace(changing=found, changing_for=lasted, seen_s=evidence.power_s)
    return _settled(trial, found)._replace(trouble=doubt(trial, evidence, rules))


def _time_to_follow_s(trial: Trial, rules: Rules) -> float:
    """Dead time, ramp and two rounds."""
    way_kw = 2 * rules.rating_kw
    if trial.baseline_kw is not None and trial.setpoint.form in (Form.TARGET, Form.STOP):
        came_kw = trial.baseline_kw if trial.left_for_kw is None else trial.left_for_kw
        target_kw = trial.setpoint.target_kw
        way_kw = max(abs(target_kw - trial.baseline_kw), abs(target_kw - came_kw))
    ramp_s = way_kw / rules.capability.ramp_kw_per_s
    return rules.capability.dead_time_s + ramp_s + POLLS * rules.poll_s


def _settled(trial: Trial, found: Verdict) -> Trial:
    return trial._replace(outcome=found[0], cause=found[1], changing=None, changing_for=0)


def _changed(trial: Trial, found: Verdict, sample_s: float, samples: int) -> Trial:
    """A settled verdict gives way only to another one that lasts so many samples."""
    if found == (trial.outcome, trial.cause):
        return trial if trial.changing is None else _settled(trial, found)
    lasted = trial.changing_for + 1 if found == trial.changing else 1
    if lasted >= samples:
        return _settled(trial, found)
    return trial._replace(changing=found, changing_for=lasted, seen_s=sample_s)
