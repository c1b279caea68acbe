"""Follows every command from the gate to its outcome, and says what became of it."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from vpp.control.authority import AuthorityBook
from vpp.control.cells import poll_period_s
from vpp.control.dispatch import Dispatch, record_of
from vpp.control.docket import Docket
from vpp.control.evidence import Evidence, Witness
from vpp.control.gate_ledger import GateLedger
from vpp.control.gate_rules import AUDIT, EXPIRY, FORESEEN
from vpp.control.inputs import Alarm, CommandNews, Timing
from vpp.control.outcome_alarms import OutcomeAlarms
from vpp.control.plausibility import rating_kw
from vpp.control.trials import POLLS, Rules, Trial
from vpp.domain.audit import Event
from vpp.domain.capability import Form
from vpp.domain.command import Command, WriteClass
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import Cause, Outcome
from vpp.domain.portfolio import Portfolio
from vpp.domain.snapshot import Snapshot
from vpp.ports.store import Audit

LOOKED_NO_LONGER = "the daemon ended before more was known"


class OutcomeBook:
    """One trial per asset; news for the tick, outcomes for the record, alarms for the operator."""

    def __init__(
        self,
        portfolio: Portfolio,
        facts: Mapping[DeviceId, DeviceFacts],
        *,
        timing: Timing,
        audit: Audit,
        authority: AuthorityBook,
        ledger: GateLedger,
    ) -> None:
        self._audit, self._ledger = audit, ledger
        self._portfolio, self._facts, self._timing = portfolio, facts, timing
        self._docket = Docket(portfolio)
        self._news: list[CommandNews] = []
        self._alarms = OutcomeAlarms(authority)
        self._at: datetime | None = None
        self._witness: Witness | None = None
        self.ended: Counter[Outcome] = Counter()
        """Outcomes that went on record."""
        self._owed: set[str] = set()
        """Ids of commands whose intent is on record, and whose outcome is not."""
        self._closed = False

    def take(self, dispatch: Dispatch) -> None:
        """What the gate tells of a write."""
        command, asset = dispatch.command, dispatch.command.setpoint.asset
        if dispatch.refresh and dispatch.left:
            self._prolong(dispatch)
            return
        if not dispatch.left:
            self._stayed(dispatch)
            return
        self._tell(command, dispatch.at_s, dispatch.outcome)
        self._alarms.left(asset, discretionary=command.write_class is WriteClass.COMMAND)
        older = self._supersede(asset)
        before = Evidence(dispatch.at_s) if self._witness is None else self._witness.of(asset)
        trial = Trial(
            command=command,
            sent_s=dispatch.at_s,
            renewed_s=dispatch.at_s,
            outcome=dispatch.outcome,
            timer_ends_s=_timer_ends_s(dispatch, -math.inf),
            baseline_kw=before.power_kw,
            left_for_kw=_left_for_kw(older),
            followed_kw=_followed_kw(older),
            stored=before.stored,
        )
        self._docket.open(trial, self._promised(command))
        self._owed.add(command.id)
        self._show(trial, dispatch.detail)
        if self._closed:
            self._conclude(trial, dispatch.detail)

    def _stayed(self, dispatch: Dispatch) -> None:
        """It did not leave, or the device said no.

        What our own gate held back is no word about the device: the tick hears nothing of it and
        counts the command as on its way, at the worse of old and new, until it has run out.
        """
        command, why = dispatch.command, dispatch.detail or dispatch.rule
        asset = command.setpoint.asset
        if dispatch.recorded:
            self._record(command, dispatch.outcome, why)
        if not dispatch.rule or dispatch.rule == EXPIRY:
            self._tell(command, dispatch.at_s, dispatch.outcome)
        if dispatch.rule == AUDIT:
            self._alarms.audit_blocked(why)
        elif not dispatch.rule:
            self._alarms.became(asset, command.device, dispatch.outcome, why, obeys=False)
        elif dispatch.rule not in FORESEEN:
            expires_s = command.setpoint.expires_s
            self._alarms.held_back(asset, f"{dispatch.rule}: {why}", expires_s)

    def observe(self, snapshot: Snapshot) -> None:
        """Judge every command by what is measured now."""
        self._at, self._witness = snapshot.at, Witness(snapshot)
        for before, trial in self._docket.judged(self._witness):
            if trial is not before:
                self._follow_up(before, trial)
            if snapshot.now_s >= trial.setpoint.expires_s:
                self._docket.pop(trial.setpoint.asset)
                self._conclude(trial, "")
                self._alarms.over(trial.setpoint.asset, trial.setpoint.form)
        self._alarms.pass_to(snapshot.now_s)

    def close(self) -> None:
        """Nobody will look any more: what is not settled goes on record as far as it is known."""
        self._closed = True
        for trial in self._docket.all():
            self._conclude(trial, LOOKED_NO_LONGER)

    def news(self) -> tuple[CommandNews, ...]:
        """All since the last call."""
        news, self._news = tuple(self._news), []
        return news

    def alarms(self) -> tuple[Alarm, ...]:
        """All that hold now."""
        return self._alarms.all()

    def _follow_up(self, before: Trial, trial: Trial) -> None:
        asset = trial.setpoint.asset
        if trial.outcome is not before.outcome or trial.cause is not before.cause:
            self._tell(trial.command, trial.sent_s, trial.outcome, trial.cause)
            if trial.outcome.final and not before.outcome.final:
                self._record(trial.command, trial.outcome, trial.cause or "")
            self._show(trial, trial.cause or "")
        if trial.trouble is not None and trial.trouble is not before.trouble:
            self._ledger.forget(asset)
            self._alarms.in_trouble(asset, trial.command.device, trial.trouble)
        self._alarms.timer(asset, off=trial.timer_off_for >= POLLS)

    def _show(self, trial: Trial, detail: str) -> None:
        asset = trial.setpoint.asset
        obeys = trial.asks(self._docket.rules(asset).near_kw)
        self._alarms.became(asset, trial.command.device, trial.outcome, detail, obeys=obeys)
        if trial.setpoint.form is Form.RELEASE and trial.outcome is Outcome.FOLLOWED:
            self._alarms.freed(asset)

    def _prolong(self, dispatch: Dispatch) -> None:
        setpoint = dispatch.command.setpoint
        trial = self._docket.of(setpoint.asset)
        if trial is not None:
            self._docket.put(
                trial._replace(
                    command=replace(trial.command, setpoint=setpoint),
                    renewed_s=dispatch.at_s,
                    timer_ends_s=_timer_ends_s(dispatch, trial.timer_ends_s[0]),
                )
            )

    def _supersede(self, asset: AssetId) -> Trial | None:
        older = self._docket.pop(asset)
        if older is None:
            return None
        if not older.outcome.final:
            self._tell(older.command, older.sent_s, Outcome.SUPERSEDED)
            older = older._replace(outcome=Outcome.SUPERSEDED)
        self._conclude(older, "")
        return older

    def _conclude(self, trial: Trial, why: str) -> None:
        """Every intent gets an outcome, be it that nothing is known."""
        if trial.command.id in self._owed:
            self._record(trial.command, trial.outcome, why)

    def _tell(
        self, command: Command, sent_s: float, outcome: Outcome, cause: Cause | None = None
    ) -> None:
        self._news.append(
            CommandNews(
                asset=command.setpoint.asset,
                setpoint=command.setpoint,
                sent_s=sent_s,
                outcome=outcome,
                cause=cause,
            )
        )

    def _promised(self, command: Command) -> Rules:
        asset, facts = command.setpoint.asset, self._facts[command.device]
        return Rules(
            asset=self._portfolio.assets[asset],
            capability=facts.capabilities[asset],
            confirm=facts.confirm,
            poll_s=poll_period_s(facts, self._timing),
            rating_kw=rating_kw(self._portfolio.assets[asset]),
        )

    def _record(self, command: Command, outcome: Outcome, why: str) -> None:
        self.ended[outcome] += 1
        self._owed.discard(command.id)
        record = record_of(command, Event.OUTCOME, at=self._at, outcome=outcome, why=why)
        self._audit.note(record)


def _left_for_kw(trial: Trial | None) -> float | None:
    """The power that it was told and had not reached."""
    if trial is None or trial.outcome is not Outcome.SUPERSEDED:
        return None
    return trial.setpoint.target_kw if trial.setpoint.form in (Form.TARGET, Form.STOP) else None


def _followed_kw(trial: Trial | None) -> float | None:
    """The power that it was told and that it followed."""
    if trial is None or trial.outcome is not Outcome.FOLLOWED:
        return None
    return trial.setpoint.target_kw if trial.setpoint.form is Form.TARGET else None


def _timer_ends_s(dispatch: Dispatch, before_s: float) -> tuple[float, float]:
    """When the device's own timer ends after this write; ``before_s``: as armed before, if at all.

    It is armed for what was left of the setpoint's life as the write began, at the latest as it was
    answered; without an answer perhaps not at all.
    """
    expires_s = dispatch.command.setpoint.expires_s
    armed = dispatch.outcome is Outcome.ACCEPTED
    return (expires_s if armed else before_s), expires_s + dispatch.took_s
