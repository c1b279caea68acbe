"""Live state, history and audit."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from vpp.domain.arrays import Floats
from vpp.domain.audit import AuditRecord
from vpp.domain.history import Mean
from vpp.domain.points import Quantity


class LiveState(Protocol):
    """A mirror of the newest state for other processes; the daemon's memory is the truth."""

    async def put(self, fields: Mapping[str, bytes]) -> None:
        """Replace these fields, all in one write.

        Raises:
            StoreUnavailable: not written within the store's bounded wait.
        """
        ...

    async def read(self) -> Mapping[str, bytes]:
        """All fields.

        Raises:
            StoreUnavailable: not readable within the store's bounded wait.
        """
        ...


class History(Protocol):
    """Slot means, kept."""

    async def append(self, means: Sequence[Mean]) -> None:
        """Add or replace means; written off the event loop."""
        ...

    async def read(
        self,
        subject: str,
        quantity: Quantity,
        start: datetime,
        end: datetime,
        step_s: float,
    ) -> Floats:
        """Means of ``[start, end)``, shape (slots,); NaN where less than half a slot is covered."""
        ...


class Audit(Protocol):
    """Append-only record of intents and outcomes."""

    async def intend(self, record: AuditRecord) -> None:
        """Return when the record is durable on disk.

        Raises:
            AuditUnavailable: it is not and will not be.
        """
        ...

    def note(self, record: AuditRecord) -> None:
        """Put on record soon, without waiting."""
        ...
