"""Follows every command from the gate to its outcome, and says what became of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from vpp.control.authority import AuthorityBook
from vpp.control.cells import poll_period_s
from vpp.control.dispatch import DAEMON, Dispatch, record_of
from vpp.control.evidence import Witness
from vpp.control.gate_ledger import GateLedger
from vpp.control.gate_rules import AUDIT, EXPIRY, FORESEEN
from vpp.control.inputs import Alarm, CommandNews, Timing
from vpp.control.outcomes import judge
from vpp.control.plausibility import rating_kw
from vpp.control.trials import Rules, Trial, Trouble
from vpp.domain.audit import Event
from vpp.domain.command import Command
from vpp.domain.devices import Authority
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import Cause, Outcome
from vpp.domain.portfolio import Portfolio
from vpp.domain.snapshot import Snapshot
from vpp.ports.store import Audit

_ALARMS = {
    Outcome.NOT_OBEYING: ("NOT_OBEYING", "does not do what it was told"),
    Outcome.UNKNOWN: ("UNKNOWN_OUTCOME", "nobody knows whether it took the command"),
    Outcome.REFUSED: ("REFUSING", "refused the command"),
}
_TROUBLES = {
    Trouble.FOREIGN_WRITER: ("FOREIGN_WRITER", "somebody else writes to it: it is only observed"),
    Trouble.SETPOINT_LOST: ("SETPOINT_LOST", "lost its setpoint: it rebooted or fell back"),
    Trouble.NOT_APPLIED: ("NOT_OBEYING", "did not take over what it was sent"),
}


class _Until(NamedTuple):
    """An alarm about a command, which ends with the command's life at the latest."""

    alarm: Alarm
    until_s: float


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
        self._audit, self._authority, self._ledger = audit, authority, ledger
        self._portfolio, self._facts, self._timing = portfolio, facts, timing
        self._rules: dict[AssetId, Rules] = {}
        """What was promised when the asset's newest command left."""
        self._trials: dict[AssetId, Trial] = {}
        self._news: list[CommandNews] = []
        self._alarms: dict[AssetId, Alarm] = {}
        self._audit_blocked: Alarm | None = None
        self._held_back: dict[AssetId, _Until] = {}
        self._foreign: dict[AssetId, DeviceId] = {}
        self._at: datetime | None = None
        self._witness: Witness | None = None

    def take(self, dispatch: Dispatch) -> None:
        """What the gate tells of a write."""
        command, asset = dispatch.command, dispatch.command.setpoint.asset
        if dispatch.refresh and dispatch.left:
            self._prolong(command)
            return
        if not dispatch.left:
            self._stayed(dispatch)
            return
        self._tell(command, dispatch.at_s, dispatch.outcome)
        self._audit_blocked = None
        self._held_back.pop(asset, None)
        self._supersede(asset)
        self._rules[asset] = self._promised(command)
        self._trials[asset] = Trial(
            command=command,
            sent_s=dispatch.at_s,
            outcome=dispatch.outcome,
            baseline_kw=None if self._witness is None else self._witness.power_kw(asset),
        )
        self._raise_or_clear(asset, dispatch.outcome, dispatch.detail)

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
            self._audit_blocked = Alarm(code="AUDIT_BLOCKED", subject="audit", text=why)
        elif not dispatch.rule:
            self._raise_or_clear(asset, dispatch.outcome, why)
        elif dispatch.rule not in FORESEEN:
            alarm = Alarm(code="HELD_BACK", subject=asset, text=f"{dispatch.rule}: {why}")
            self._held_back[asset] = _Until(alarm, command.setpoint.expires_s)

    def observe(self, snapshot: Snapshot) -> None:
        """Judge every command by what is measured now."""
        self._at, witness = snapshot.at, Witness(snapshot)
        self._witness = witness
        for asset, trial in list(self._trials.items()):
            judged = judge(trial, witness.of(asset), self._rules[asset])
            if judged is not trial:
                self._trials[asset] = judged
                self._follow_up(trial, judged)
            if snapshot.now_s >= trial.setpoint.expires_s:
                self._forget(asset)
        self._clear_foreign()
        for asset, held in list(self._held_back.items()):
            if snapshot.now_s >= held.until_s:
                del self._held_back[asset]

    def news(self) -> tuple[CommandNews, ...]:
        """All since the last call."""
        news, self._news = tuple(self._news), []
        return news

    def alarms(self) -> tuple[Alarm, ...]:
        """All that hold now."""
        blocked = () if self._audit_blocked is None else (self._audit_blocked,)
        held_back = (held.alarm for held in self._held_back.values())
        return (*blocked, *self._alarms.values(), *held_back)

    def trial(self, asset: AssetId) -> Trial | None:
        """The command that the asset is under, and what is known of it."""
        return self._trials.get(asset)

    def _follow_up(self, before: Trial, trial: Trial) -> None:
        asset = trial.setpoint.asset
        if trial.outcome is not before.outcome or trial.cause is not before.cause:
            self._tell(trial.command, trial.sent_s, trial.outcome, trial.cause)
            if trial.outcome.final and not before.outcome.final:
                self._record(trial.command, trial.outcome, trial.cause or "")
            self._raise_or_clear(asset, trial.outcome, trial.cause or "")
        if trial.trouble is not None and trial.trouble is not before.trouble:
            self._in_trouble(trial, trial.trouble)

    def _in_trouble(self, trial: Trial, trouble: Trouble) -> None:
        asset, device = trial.setpoint.asset, trial.command.device
        code, text = _TROUBLES[trouble]
        self._alarms[asset] = Alarm(code=code, subject=asset, text=f"{device} {text}")
        self._ledger.forget(asset)
        if trouble is Trouble.FOREIGN_WRITER:
            self._foreign[asset] = device
            why = f"{asset} holds a setpoint that is not ours"
            self._authority.set(device, Authority.OBSERVE, who=DAEMON, why=why)

    def _clear_foreign(self) -> None:
        """The alarm stands until somebody gives the device its authority back."""
        for asset, device in list(self._foreign.items()):
            if self._authority.of(device).writable:
                del self._foreign[asset]
                self._alarms.pop(asset, None)

    def _raise_or_clear(self, asset: AssetId, outcome: Outcome, detail: str) -> None:
        if asset in self._foreign:
            return
        if outcome in _ALARMS:
            code, text = _ALARMS[outcome]
            told = f"{text}: {detail}" if detail else text
            self._alarms[asset] = Alarm(code=code, subject=asset, text=told)
        elif outcome in (Outcome.ACCEPTED, Outcome.FOLLOWED, Outcome.LIMITED):
            self._alarms.pop(asset, None)

    def _prolong(self, command: Command) -> None:
        trial = self._trials.get(command.setpoint.asset)
        if trial is not None:
            prolonged = replace(trial.command, setpoint=command.setpoint)
            self._trials[command.setpoint.asset] = replace(trial, command=prolonged)

    def _supersede(self, asset: AssetId) -> None:
        older = self._trials.pop(asset, None)
        if older is not None and not older.outcome.final:
            self._tell(older.command, older.sent_s, Outcome.SUPERSEDED)
            self._record(older.command, Outcome.SUPERSEDED, "")

    def _forget(self, asset: AssetId) -> None:
        self._trials.pop(asset, None)
        if asset not in self._foreign:
            self._alarms.pop(asset, None)

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
        record = record_of(command, Event.OUTCOME, at=self._at, outcome=outcome, why=why)
        self._audit.note(record)
