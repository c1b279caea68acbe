"""What became of a command: news, not faults.

``sent -> accepted -> followed | limited | not_obeying | unknown``, or ``refused | expired``.
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How far a command got."""

    SENT = "sent"
    ACCEPTED = "accepted"
    """Echo or acknowledgement within the profile's ``confirm``."""
    FOLLOWED = "followed"
    """Measured power within max(3 % of rating, meter resolution) after dead time, ramp and two
    polls."""
    LIMITED = "limited"
    """Right direction with a cause, or already inside the ceiling: the shortfall is redistributed,
    no alarm."""
    NOT_OBEYING = "not_obeying"
    """Wrong way, or no change."""
    UNKNOWN = "unknown"
    """The answer did not come or was not the answer; counts as the worse of old and new until read
    back."""
    REFUSED = "refused"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    """A newer command replaced it before it could be judged."""

    @property
    def final(self) -> bool:
        return self not in (Outcome.SENT, Outcome.ACCEPTED)


class Cause(StrEnum):
    """Why a device does less than asked, without being at fault."""

    FULL = "full"
    EMPTY = "empty"
    TAPER = "taper"
    DERATED = "derated"
    CAR_DRAWS_LESS = "car_draws_less"
    NO_CAR = "no_car"
    NO_SUN = "no_sun"
    INSIDE_CEILING = "inside_ceiling"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRefusal:
    """The write gate let nothing out; the rule says why, in words for the operator."""

    rule: str
    detail: str
