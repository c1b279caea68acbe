"""Which of several messages is the newest, and how old what it says is."""

from datetime import datetime
from enum import Enum

SKEW_S = 5.0
"""City seconds between a device's clock and ours beyond which its time is only relative."""
WINDOW = 128
"""Messages after which an earlier clock offset is forgotten."""
OVERTAKEN_S = 30.0
"""Wire seconds for which a newest message may make others old. A device that says nothing newer for
that long has set its clock back, or that message was not its own."""


class Place(Enum):
    """Of a message among those before it."""

    NEW = "new"
    BEHIND = "behind"
    """Older than the newest one, which is too long ago to be true: its clock and numbers went back.
    It is the newest one now."""
    DUPLICATE = "duplicate"
    OLDER = "older"


class Order:
    """Newest by sequence number, or by the device's own time where its numbers began anew."""

    def __init__(self) -> None:
        self._seq = -1
        self._ts: datetime | None = None
        self._newest_s = 0.0

    def place(self, seq: int, ts: datetime, now_s: float) -> Place:
        """Where it belongs, at this wire time; a new one is remembered."""
        place = Place.NEW
        if self._ts is not None and seq <= self._seq and ts <= self._ts:
            if (seq, ts) == (self._seq, self._ts):
                return Place.DUPLICATE
            if now_s - self._newest_s < OVERTAKEN_S:
                return Place.OLDER
            place = Place.BEHIND
        self._seq, self._ts, self._newest_s = seq, ts, now_s
        return place

    def restart(self) -> None:
        """The device began a new life: its numbers begin anew."""
        self._seq, self._ts = -1, None


class SourceClock:
    """Ages by a device's timestamps, also where its clock is wrong, or ours, or one of them is set.

    The smallest delay seen lately is taken for the offset of the clocks once it is beyond SKEW_S.
    Delays count on our monotonic clock, which nobody sets; a device whose time goes back between
    two messages has set its own.
    """

    def __init__(self) -> None:
        self._least = [float("inf"), float("inf")]
        self._count = 0
        self._newest_s = float("-inf")
        self.skewed = False
        """Whether the newest timestamp was too far from ours."""

    def age_s(self, ts: datetime, now: datetime, now_s: float) -> float:
        """City seconds since it was measured, by our wall clock and monotonic; 0 for the future."""
        said_s = ts.timestamp()
        if said_s < self._newest_s:
            self._least = [float("inf"), float("inf")]
        self._newest_s = said_s
        delay_s, apart_s = now_s - said_s, now.timestamp() - now_s
        self.skewed = abs(delay_s + apart_s) > SKEW_S
        self._count += 1
        if self._count % WINDOW == 0:
            self._least = [self._least[1], float("inf")]
        self._least[1] = min(self._least[1], delay_s)
        offset_s = min(self._least)
        is_relative = abs(offset_s + apart_s) > SKEW_S
        return max(delay_s - offset_s if is_relative else delay_s + apart_s, 0.0)
