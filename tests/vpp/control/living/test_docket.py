"""The glance over all trials says what the judge says of each, for any trial and any snapshot."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from tests.vpp.control.living.small_city import battery, battery_device, battery_facts, city_of
from vpp.control.docket import Docket
from vpp.control.evidence import Witness
from vpp.control.outcomes import after_restart, judge
from vpp.control.trials import Rules, Trial, Trouble
from vpp.domain.capability import Form
from vpp.domain.command import Command, WriteClass
from vpp.domain.facts import Confirm
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import Cause, Outcome
from vpp.domain.points import Quantity
from vpp.domain.quality import Quality
from vpp.domain.setpoint import Setpoint
from vpp.domain.snapshot import Column, DeviceState, Layout, Snapshot

B1, D1, AT = AssetId("b1"), DeviceId("d1"), datetime(2026, 6, 1, tzinfo=UTC)
CITY = city_of([battery()], [battery_device()])
RULES = Rules(
    asset=battery(),
    capability=battery_facts().capabilities[B1],
    confirm=Confirm(tolerance_kw=0.1, within_s=5.0),
    poll_s=1.0,
    rating_kw=10.0,
)
BOUNDS = (
    (Form.TARGET, -5.0, -5.0),
    (Form.TARGET, 0.0, 0.0),
    (Form.TARGET, 5.0, 5.0),
    (Form.CEILING, -math.inf, 5.0),
    (Form.CEILING, -5.0, math.inf),
    (Form.WINDOW, -5.0, 5.0),
    (Form.STOP, -math.inf, math.inf),
    (Form.RELEASE, -math.inf, math.inf),
)
SETPOINTS = tuple(
    Setpoint(
        asset=B1, form=form, lo_kw=lo_kw, hi_kw=hi_kw, expires_s=60.0, owner="plan", reason="any"
    )
    for form, lo_kw, hi_kw in BOUNDS
)


def command(setpoint: Setpoint) -> Command:
    return Command(
        id="7-1",
        device=D1,
        setpoint=setpoint,
        write_class=WriteClass.COMMAND,
        epoch=7,
        seq=1,
        issued_at=AT,
        issued_s=0.0,
    )


def trials(setpoint: Setpoint) -> Iterator[Trial]:
    """As it left, as far as it may have come, and with something odd about it."""
    one = Trial(command(setpoint), sent_s=0.0, renewed_s=0.0, outcome=Outcome.SENT, baseline_kw=0.0)
    yield one
    for held, renewed_s in product((False, True), (0.0, 3.0)):
        one = one._replace(held=held, renewed_s=renewed_s)
        yield one._replace(outcome=Outcome.ACCEPTED)
        yield one._replace(outcome=Outcome.FOLLOWED)
    one = one._replace(outcome=Outcome.FOLLOWED)
    yield one._replace(outcome=Outcome.LIMITED, cause=Cause.FULL)
    yield one._replace(outcome=Outcome.NOT_OBEYING)
    yield one._replace(outcome=Outcome.NOT_OBEYING, trouble=Trouble.NOT_APPLIED)
    yield one._replace(outcome=Outcome.UNKNOWN)
    yield one._replace(outcome=Outcome.EXPIRED)
    yield one._replace(strange_for=1, strange_seen_s=0.9)
    yield one._replace(timer_off_for=1, timer_seen_s=0.9)
    yield one._replace(changing=(Outcome.NOT_OBEYING, None), changing_for=1)
    yield one._replace(seen_s=4.0)


TRIALS = tuple(one for setpoint in SETPOINTS for one in trials(setpoint))
POWERS = (-5.3, -5.0, -4.8, 0.0, 0.05, 4.6, 4.7, 5.0, 5.05, 5.3, math.nan)
SECONDS = (-1.0, 0.0, 0.9, 1.0, 3.0, 59.0)
LEFT = (0.0, 49.0, 50.2, 57.0, 65.0)
"""On the device's own timer, s."""
ODDITIES = (
    *(("now", "value", value) for value in (59.9, 60.0)),
    *(("power", "value", value) for value in POWERS),
    *(("register", "value", value) for value in POWERS),
    *(("timer", "value", value) for value in LEFT),
    *product(("power", "register", "timer"), ("time",), SECONDS),
    *product(("power", "register", "timer"), ("quality",), (float(Quality.STALE),)),
)
Oddities = Mapping[tuple[str, str], float]


def snapshot(of: Setpoint, oddities: Oddities) -> Snapshot:
    """The asset obeys, but for the oddities."""

    def column(name: str, value: float) -> Column:
        said = {key: oddities.get((name, key)) for key in ("value", "time", "quality")}
        return Column(
            values=np.array([value if said["value"] is None else said["value"]]),
            quality=np.array([said["quality"] or Quality.GOOD], np.uint8),
            measured_s=np.array([4.0 if said["time"] is None else said["time"]]),
        )

    bound_kw = next((kw for kw in (of.hi_kw, of.lo_kw) if math.isfinite(kw)), 0.0)
    blank = of.form is Form.RELEASE
    return Snapshot(
        tick=1,
        at=AT,
        now_s=oddities.get(("now", "value"), 4.0),
        layout=Layout(assets=(B1,), meters=()),
        assets={
            Quantity.POWER_KW: column("power", bound_kw),
            Quantity.SETPOINT_KW: column("register", math.nan if blank else bound_kw),
            Quantity.REVERSION_S: column("timer", 56.0),
        },
        meters={},
        devices={D1: DeviceState(read_back_s=2.0)},
    )


def alike(docket: Docket, one: Trial, seen: Snapshot) -> Trial:
    """What the judge says, and that the docket says the same."""
    witness = Witness(seen)
    judged, told = judge(one, witness.of(B1), RULES), docket.judged(witness)
    if judged is not one:
        judged = after_restart(judged, witness.of(B1), seen.devices[D1].read_back_s)
    assert told in ([], [(one, judged)])
    assert docket.of(B1) == judged
    assert told or (judged is one and seen.now_s < one.setpoint.expires_s)
    return judged


def docket_of(one: Trial) -> Docket:
    docket = Docket(CITY)
    docket.open(one, RULES)
    return docket


def test_a_glance_and_the_judge_agree_on_every_oddity() -> None:
    for one, (name, key, value) in product(TRIALS, ODDITIES):
        alike(docket_of(one), one, snapshot(one.setpoint, {(name, key): value}))


@given(
    some.sampled_from(TRIALS),
    some.lists(some.lists(some.sampled_from(ODDITIES), max_size=3), min_size=1, max_size=4),
)
def test_a_glance_and_the_judge_agree_on_all_that_happens(
    one: Trial, happens: list[list[tuple[str, str, float]]]
) -> None:
    docket = docket_of(one)
    for odd in happens:
        seen = snapshot(one.setpoint, {(name, key): value for name, key, value in odd})
        one = alike(docket, one, seen)


def test_what_is_followed_already_is_not_looked_at_again() -> None:
    told = TRIALS[0]
    docket = docket_of(told)
    ((_, followed),) = docket.judged(Witness(snapshot(told.setpoint, {})))
    assert followed.outcome is Outcome.FOLLOWED
    assert docket.judged(Witness(snapshot(told.setpoint, {("power", "time"): 5.0}))) == []


def test_an_asset_that_is_under_no_command_any_more_is_not_judged() -> None:
    told = TRIALS[0]
    docket = docket_of(told)
    assert docket.pop(B1) == told
    assert docket.judged(Witness(snapshot(told.setpoint, {}))) == []
