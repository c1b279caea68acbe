"""Commands under judgement; those that plainly do as they were told are seen at one glance.

The glance is over arrays by asset, and says nothing that the judge would not; whoever it does not
speak for is judged by himself.
"""

import math
from collections.abc import Sequence

import numpy as np

from vpp.control.cells import layout_of
from vpp.control.doubts import SHORTEST_TOLERANCE_S, TOLERANCE_PART
from vpp.control.evidence import Witness
from vpp.control.outcomes import BLANK, after_restart, judge, register_kw
from vpp.control.trials import Rules, Trial
from vpp.domain.arrays import Bools
from vpp.domain.capability import Form
from vpp.domain.ids import AssetId
from vpp.domain.outcome import Outcome
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio

_PROMISED = np.dtype(
    [(name, np.float64) for name in ("lo_kw", "hi_kw", "near_kw", "register_kw", "held_kw")]
    + [(name, np.float64) for name in ("sent_s", "due_s", "timer_s")]
    + [("blank", np.bool_)]
)
"""Of the newest command: near which of two powers it is followed; what its register shows, or that
it may show nothing; from when on a power sample counts; by how much its timer may be off at least.
"""
_KNOWN = np.dtype(
    [(name, np.bool_) for name in ("live", "plain", "followed", "held")]
    + [(name, np.float64) for name in ("expires_s", "renewed_s")]
)
"""Of its trial by now, as there."""


class Docket:
    """One trial per asset."""

    def __init__(self, portfolio: Portfolio) -> None:
        self._at = layout_of(portfolio).asset_at
        self._assets = tuple(self._at)
        self._trials: dict[AssetId, Trial] = {}
        self._rules: dict[AssetId, Rules] = {}
        self._promised = np.zeros(len(self._assets), _PROMISED)
        self._known = np.zeros(len(self._assets), _KNOWN)

    def open(self, trial: Trial, rules: Rules) -> None:
        """A command left, of which its profile promised this."""
        self._rules[trial.setpoint.asset] = rules
        self._promised[self._at[trial.setpoint.asset]] = _promise(trial, rules)
        self.put(trial)

    def put(self, trial: Trial) -> None:
        """More became known of the command."""
        asset = trial.setpoint.asset
        self._trials[asset] = trial
        self._known[self._at[asset]] = (
            True,
            trial.plain,
            trial.outcome is Outcome.FOLLOWED,
            trial.held,
            trial.setpoint.expires_s,
            trial.renewed_s,
        )

    def of(self, asset: AssetId) -> Trial | None:
        """The command that the asset is under, and what is known of it."""
        return self._trials.get(asset)

    def all(self) -> Sequence[Trial]:
        """One of each asset that is under a command."""
        return tuple(self._trials.values())

    def rules(self, asset: AssetId) -> Rules:
        """What was promised when the asset's newest command left."""
        return self._rules[asset]

    def pop(self, asset: AssetId) -> Trial | None:
        """The same as ``of``, and the asset is under no command any more."""
        self._known["live"][self._at[asset]] = False
        return self._trials.pop(asset, None)

    def judged(self, witness: Witness) -> Sequence[tuple[Trial, Trial]]:
        """Each trial that may have changed or run out, before and after this snapshot."""
        lands, quiet = self._glance(witness)
        others = self._known["live"] & ~quiet & ~lands
        return [*self._obeyed(lands), *(self._judged(one, witness) for one in self._of(others))]

    def _of(self, marked: Bools) -> Sequence[Trial]:
        return [self._trials[self._assets[at]] for at in np.flatnonzero(marked).tolist()]

    def _obeyed(self, lands: Bools) -> Sequence[tuple[Trial, Trial]]:
        found = [(trial, trial.obeyed()) for trial in self._of(lands)]
        self._trials.update((after.setpoint.asset, after) for _, after in found)
        self._known["followed"] |= lands
        self._known["held"] |= lands
        return found

    def _judged(self, trial: Trial, witness: Witness) -> tuple[Trial, Trial]:
        evidence = witness.of(trial.setpoint.asset)
        judged = judge(trial, evidence, self._rules[trial.setpoint.asset])
        if judged is not trial:
            since_s = witness.read_back_s(trial.command.device)
            judged = after_restart(judged, evidence, since_s)
            self.put(judged)
        return trial, judged

    def _glance(self, witness: Witness) -> tuple[Bools, Bools]:
        """Who is seen to hold and follow its command, and of whom nothing else was known before."""
        promised, known = self._promised, self._known
        read = witness.column(Quantity.SETPOINT_KW)
        told = read.good & (read.at_s > promised["sent_s"])
        with np.errstate(invalid="ignore"):
            shown = np.abs(read.values - promised["register_kw"]) <= promised["held_kw"]
        held = told & (shown | (promised["blank"] & np.isnan(read.values)))
        obeys = known["live"] & known["plain"] & (witness.now_s < known["expires_s"])
        obeys &= self._follows(witness) & ~self._timer_odd(witness)
        quiet = obeys & known["followed"] & (~told | (held & known["held"]))
        return obeys & held & ~quiet, quiet

    def _follows(self, witness: Witness) -> Bools:
        """Whose newest power counts, and is where it was asked to be."""
        promised, power = self._promised, witness.column(Quantity.POWER_KW)
        off_kw = np.minimum(
            np.abs(power.values - promised["lo_kw"]), np.abs(power.values - promised["hi_kw"])
        )
        counts = power.at_s >= promised["due_s"]
        return np.asarray(power.good & counts & (off_kw <= promised["near_kw"]))

    def _timer_odd(self, witness: Witness) -> Bools:
        """Whose own timer was read since, and ends at another time than the setpoint."""
        known, left = self._known, witness.column(Quantity.REVERSION_S)
        with np.errstate(invalid="ignore"):
            off_s = np.abs(left.values - (known["expires_s"] - left.at_s))
        life_s = known["expires_s"] - known["renewed_s"]
        fine = off_s <= np.maximum(self._promised["timer_s"], TOLERANCE_PART * life_s)
        return np.asarray(left.good & (left.at_s > known["renewed_s"]) & ~fine)


def _promise(trial: Trial, rules: Rules) -> tuple[float | bool, ...]:
    setpoint, form = trial.setpoint, trial.setpoint.form
    aims = form in (Form.TARGET, Form.STOP)
    return (
        setpoint.target_kw if aims else setpoint.lo_kw,
        setpoint.target_kw if aims else setpoint.hi_kw,
        math.inf if form is Form.RELEASE else rules.near_kw,
        register_kw(setpoint),
        rules.held_kw,
        trial.sent_s,
        trial.sent_s + rules.capability.dead_time_s,
        max(SHORTEST_TOLERANCE_S, rules.poll_s),
        form in BLANK,
    )
