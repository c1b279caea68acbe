"""What the write gate tells of a write: it left, it did not, or nobody knows."""

from dataclasses import dataclass
from datetime import datetime

from vpp.domain.audit import AuditRecord, Event
from vpp.domain.command import Command, WriteClass
from vpp.domain.outcome import Outcome

DAEMON = "daemon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One command at the door.

    ``outcome`` is SENT or ACCEPTED if it left, UNKNOWN if it may have.
    """

    command: Command
    at_s: float
    """City monotonic."""
    took_s: float = 0.0
    """City seconds that it was under way before ``at_s``."""
    outcome: Outcome
    detail: str = ""
    rule: str = ""
    """The gate's rule that held it back; empty if none did."""
    recorded: bool = False
    """An intent of this command is on record, so that its outcome must be, too."""

    @property
    def left(self) -> bool:
        """Whether the device has it, or may have it."""
        return self.outcome in (Outcome.SENT, Outcome.ACCEPTED, Outcome.UNKNOWN)

    @property
    def refresh(self) -> bool:
        return self.command.write_class is WriteClass.REFRESH


def record_of(
    command: Command,
    event: Event,
    *,
    at: datetime | None = None,
    outcome: str = "",
    why: str = "",
) -> AuditRecord:
    """The record of one command: at its issue or ``at``, with its reason or ``why``."""
    setpoint = command.setpoint
    return AuditRecord(
        event=event,
        at=at or command.issued_at,
        subject=setpoint.asset,
        who=setpoint.owner,
        why=why or setpoint.reason,
        command=command.id,
        epoch=command.epoch,
        write_class=command.write_class,
        form=setpoint.form,
        lo_kw=setpoint.lo_kw,
        hi_kw=setpoint.hi_kw,
        valid_s=command.valid_s,
        outcome=outcome,
    )
