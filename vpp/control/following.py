"""Whether the power that is measured is what was asked for."""

from vpp.control.evidence import Evidence
from vpp.control.shortfall import cause_of
from vpp.control.trials import Rules, Trial
from vpp.domain.capability import Form
from vpp.domain.outcome import Cause, Outcome

Verdict = tuple[Outcome, Cause | None]


def verdict(trial: Trial, evidence: Evidence, rules: Rules) -> Verdict:
    """What this one power sample says, once the asset has had its time; the power must be good."""
    power_kw, setpoint = evidence.power_kw or 0.0, trial.setpoint
    near_kw = rules.near_kw
    match setpoint.form:
        case Form.RELEASE:
            return Outcome.FOLLOWED, None
        case Form.CEILING | Form.WINDOW:
            if not setpoint.lo_kw - near_kw <= power_kw <= setpoint.hi_kw + near_kw:
                return Outcome.NOT_OBEYING, None
            at_bound = min(abs(power_kw - setpoint.lo_kw), abs(power_kw - setpoint.hi_kw))
            if setpoint.form is Form.WINDOW or at_bound <= near_kw:
                return Outcome.FOLLOWED, None
            return Outcome.LIMITED, cause_of(setpoint, evidence, rules.asset) or (
                Cause.INSIDE_CEILING
            )
    return _target_verdict(trial, power_kw, evidence, rules)


def _target_verdict(trial: Trial, power_kw: float, evidence: Evidence, rules: Rules) -> Verdict:
    target_kw, near_kw = trial.setpoint.target_kw, rules.near_kw
    if abs(power_kw - target_kw) <= near_kw:
        return Outcome.FOLLOWED, None
    wrong_way = power_kw * target_kw < 0 and abs(power_kw) > near_kw
    too_much = abs(power_kw) > abs(target_kw) + near_kw
    if wrong_way or too_much:
        return Outcome.NOT_OBEYING, None
    cause = cause_of(trial.setpoint, evidence, rules.asset)
    if cause is not None:
        return Outcome.LIMITED, cause
    moved = trial.baseline_kw is None or abs(power_kw - trial.baseline_kw) > near_kw
    under_way = abs(power_kw) > near_kw
    if moved and under_way:
        return Outcome.LIMITED, Cause.DERATED
    return Outcome.NOT_OBEYING, None
