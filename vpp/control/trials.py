"""A command under judgement: what was promised about it, and what is known so far."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from vpp.domain.assets import Asset
from vpp.domain.capability import Capability, Form
from vpp.domain.command import Command
from vpp.domain.facts import Confirm
from vpp.domain.outcome import Cause, Outcome
from vpp.domain.setpoint import Setpoint

FOLLOWED_PART = 0.03
"""Of the rating; closer is followed."""
STRANGE_READS = 3
"""Read-backs in a row of another value before it counts as somebody else's: while a newer command
of ours is on its way, write by write, one or two may see a part of it."""
POLLS = 2
"""Rounds that a judgement waits for beyond dead time and ramp, and that a change of it takes."""

_PLAIN = (Outcome.SENT, Outcome.ACCEPTED, Outcome.FOLLOWED)


class Trouble(StrEnum):
    """What a judgement may find beside the outcome."""

    FOREIGN_WRITER = "foreign_writer"
    """The device holds a value that is not ours, after it had held ours."""
    SETPOINT_LOST = "setpoint_lost"
    """The device holds none any more, before the expiry: its own timer may have ended."""
    REBOOTED = "rebooted"
    """The same, and its timer cannot have ended."""
    NOT_APPLIED = "not_applied"
    """It never came to hold what it was sent."""
    SIGN_SUSPECT = "sign_suspect"
    """It holds what it was sent and reports the opposite: a sign has flipped."""
    FROZEN = "frozen"
    """It reports power, and not one of its readings has changed since it was told another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an asset's profile promises about following."""

    asset: Asset
    capability: Capability
    confirm: Confirm
    poll_s: float
    """City seconds between two rounds."""
    rating_kw: float

    @property
    def near_kw(self) -> float:
        """Power within this of what was asked is followed."""
        return max(FOLLOWED_PART * self.rating_kw, self.capability.resolution_kw)

    @property
    def held_kw(self) -> float:
        """A setpoint read back within this is the one that was sent."""
        return max(self.confirm.tolerance_kw, self.capability.resolution_kw)


class Trial(NamedTuple):
    """One command that left, and what is known of it so far.

    A tuple, because every snapshot may make a new one for every asset.
    """

    command: Command
    sent_s: float
    """City monotonic."""
    renewed_s: float
    """When it was sent last, refreshes included."""
    outcome: Outcome
    """From the start ACCEPTED if the device acknowledged, UNKNOWN if no answer came."""
    baseline_kw: float | None
    """Power before it was sent."""
    left_for_kw: float | None = None
    """What it was on its way to, when it was told otherwise: where it may still have come."""
    followed_kw: float | None = None
    """What it was told and followed before that."""
    stored: tuple[float | None, ...] = ()
    """What it said of energy before it was sent, as ``Evidence.stored``."""
    timer_ends_s: tuple[float, float] = (-math.inf, math.inf)
    """Earliest and latest moment at which its own timer may end, as far as our writes tell."""
    timer_off_for: int = 0
    """Newest samples in a row in which its own timer was another than the setpoint's."""
    timer_seen_s: float = -math.inf
    """Time of the newest sample of it that was looked at closely."""
    cause: Cause | None = None
    trouble: Trouble | None = None
    held: bool = False
    """The device was seen holding it."""
    strange_for: int = 0
    """Newest read-backs in a row, after it was held or should be, that were something else."""
    strange_seen_s: float = -math.inf
    changing: tuple[Outcome, Cause | None] | None = None
    """Another verdict than the last one, on samples so far."""
    changing_for: int = 0
    seen_s: float = -math.inf
    """Time of the newest power sample that spoke for a change."""

    @property
    def setpoint(self) -> Setpoint:
        return self.command.setpoint

    @property
    def plain(self) -> bool:
        """Nothing about it has been odd."""
        return (
            self.outcome in _PLAIN
            and self.cause is None
            and self.trouble is None
            and self.changing is None
            and not (self.changing_for or self.strange_for or self.timer_off_for)
        )

    def obeyed(self) -> "Trial":
        """The same, seen to be held and followed."""
        return self._replace(held=True, outcome=Outcome.FOLLOWED)

    def asks(self, near_kw: float) -> bool:
        """Whether following it takes more than doing nothing."""
        if self.setpoint.form is Form.TARGET:
            return abs(self.setpoint.lo_kw) > near_kw
        return self.setpoint.form not in (Form.STOP, Form.RELEASE)
