"""What is put on record about every write and every change of authority."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vpp.domain.capability import Form
from vpp.domain.command import WriteClass


class Event(StrEnum):
    """What happened."""

    INTENT = "intent"
    OUTCOME = "outcome"
    GATE_REFUSED = "gate_refused"
    SHADOW = "shadow"
    """What would have been written, and what the asset did meanwhile."""
    AUTHORITY = "authority"
    OVERRIDE = "override"
    HEARTBEAT = "heartbeat"
    """Started, stopped or failed; not every beat."""
    ALARM = "alarm"
    LIFECYCLE = "lifecycle"
    """Start, stop, epoch taken, unknown outcomes found at the start; the outcome of a start is
    ``observe`` where this daemon writes to no device at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One line of the record."""

    event: Event
    at: datetime
    subject: str
    """Device, asset, pool or portfolio."""
    who: str
    """Owner of the setpoint, user of the CLI, or the daemon."""
    why: str
    command: str = ""
    """Command id, where one is concerned; a refresh is covered by its command's."""
    epoch: int = 0
    write_class: str = ""
    form: str = ""
    lo_kw: float | None = None
    hi_kw: float | None = None
    valid_s: float | None = None
    """Life of the setpoint, city seconds; at a shadow's end, how long it would have held."""
    measured_kw: float | None = None
    """Shadows: measured power of the asset when the setpoint would have begun, at its end the mean
    since; None where it was not measured."""
    outcome: str = ""
    late: bool = False
    """The write left before the record was on disk (protections only)."""

    @property
    def discretionary(self) -> bool:
        """Whether it is the intent of a command that may as well not leave."""
        harmless = self.form in (Form.RELEASE, Form.STOP)
        protects = self.write_class == WriteClass.PROTECTION
        return self.event is Event.INTENT and not (harmless or protects)
