"""Two clocks, passed in and never read in a pure module.

``city``: wall time times speed; ages, expiries, ramps, slots, watchdogs, physics. ``wire``: real;
socket time-outs, back-off, pacing, planner deadline, leases, disk, shutdown.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """One of the two."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step back; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for this long on this clock."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Both, for whoever needs both."""

    city: Clock
    wire: Clock
