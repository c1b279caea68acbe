"""How far a value may be trusted. Missing is not zero, old is not true."""

from enum import IntEnum


class Quality(IntEnum):
    """Ordered from best to worst: the quality of a combination is the maximum of its terms."""

    GOOD = 0
    STALE = 1
    """Older than the freshness limit of its device; the last good value is kept for display and for
    bounds."""
    SUSPECT = 2
    """Arrived, but contradicts something: implausible, frozen, of the wrong sign. Never enters
    arithmetic."""
    MISSING = 3
    """Never arrived, or the device says that it has none. The number beside it is NaN."""

    @property
    def usable(self) -> bool:
        """Whether the number may enter control arithmetic."""
        return self is Quality.GOOD
