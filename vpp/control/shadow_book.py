"""What devices in shadow would have been told, on record beside what they did meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from vpp.control.dispatch import record_of
from vpp.domain.audit import Event
from vpp.domain.command import Command
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId
from vpp.domain.outcome import GateRefusal
from vpp.domain.points import Quantity
from vpp.domain.setpoint import Setpoint
from vpp.domain.snapshot import Snapshot
from vpp.ports.store import Audit

WOULD_WRITE, WOULD_REFUSE, MEANWHILE = "would_write", "would_refuse", "meanwhile"
"""Outcomes on record: at the begin, where the gate would not have let it pass, and at the end."""


@dataclass(slots=True)
class _Shadow:
    """One setpoint that would hold now."""

    command: Command
    setpoint: Setpoint
    """With the expiry of its newest refresh."""
    seen_s: float
    energy_kws: float = 0.0
    measured_s: float = 0.0

    def see(self, now_s: float, power_kw: float | None) -> None:
        passed_s, self.seen_s = now_s - self.seen_s, now_s
        if power_kw is not None:
            self.energy_kws += power_kw * passed_s
            self.measured_s += passed_s

    @property
    def mean_kw(self) -> float | None:
        """Measured while it would have held."""
        return self.energy_kws / self.measured_s if self.measured_s > 0 else None


class ShadowBook:
    """A setpoint is on record when it would begin, and when it would end; refreshes are not."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._live: dict[AssetId, _Shadow] = {}
        self._refused: dict[AssetId, str] = {}
        self._snapshot: Snapshot | None = None

    @property
    def setpoints(self) -> Mapping[AssetId, Setpoint]:
        """What would hold now."""
        return {asset: shadow.setpoint for asset, shadow in self._live.items()}

    def observe(self, snapshot: Snapshot) -> None:
        """What really happens; ends what has run out, and what is in shadow no longer."""
        self._snapshot = snapshot
        for asset, shadow in list(self._live.items()):
            shadow.see(snapshot.now_s, snapshot.asset(asset, Quantity.POWER_KW))
            authority = snapshot.devices[shadow.command.device].authority
            if authority is not Authority.SHADOW:
                self._end(asset, snapshot.at, f"authority is {authority}")
            elif snapshot.now_s >= shadow.setpoint.expires_s:
                self._end(asset, snapshot.at, "run out")

    def take(self, command: Command, refused: GateRefusal | None) -> None:
        """What the gate said of a command that stays here."""
        asset, live = command.setpoint.asset, self._live.get(command.setpoint.asset)
        if refused is not None:
            self._note_refusal(command, refused)
        elif live is not None and command.setpoint.same_as(live.setpoint):
            live.setpoint = command.setpoint
        else:
            self._end(asset, command.issued_at, "another setpoint")
            self._begin(command)

    def close(self) -> None:
        """Put on record what came of all that would hold still."""
        for asset, shadow in list(self._live.items()):
            self._end(asset, shadow.command.issued_at, "the daemon is stopping")

    def _begin(self, command: Command) -> None:
        asset, seen = command.setpoint.asset, self._snapshot
        now_kw = None if seen is None else seen.asset(asset, Quantity.POWER_KW)
        self._live[asset] = _Shadow(command, command.setpoint, seen_s=command.issued_s)
        self._refused.pop(asset, None)
        record = record_of(command, Event.SHADOW, outcome=WOULD_WRITE)
        self._audit.note(replace(record, measured_kw=now_kw))

    def _end(self, asset: AssetId, at: datetime, why: str) -> None:
        shadow = self._live.pop(asset, None)
        if shadow is None:
            return
        record = record_of(shadow.command, Event.SHADOW, at=at, outcome=MEANWHILE, why=why)
        lasted_s = max(shadow.seen_s - shadow.command.issued_s, 0.0)
        self._audit.note(replace(record, valid_s=lasted_s, measured_kw=shadow.mean_kw))

    def _note_refusal(self, command: Command, refused: GateRefusal) -> None:
        asset = command.setpoint.asset
        if self._refused.get(asset) != refused.rule:
            self._refused[asset] = refused.rule
            why = f"{refused.rule}: {refused.detail}"
            self._audit.note(record_of(command, Event.SHADOW, outcome=WOULD_REFUSE, why=why))
