"""Times as clocks on the wall show them."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from vpp.domain.errors import SkippedTime


def instant(shown: datetime, zone: str) -> datetime:
    """When the clocks of a zone show this time, which has no offset.

    Of a time that they show twice, when they are put back, it is the first. A day whose midnight
    they skip begins where they go on.

    Raises:
        SkippedTime: they are put forward over it.
    """
    first, last = (shown.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    after, before = (at.astimezone(UTC).astimezone(ZoneInfo(zone)) for at in (first, last))
    if after.replace(tzinfo=None) == shown.replace(fold=0) or shown.time() == time.min:
        return after.astimezone(UTC)  # one in a zone equals no other around such a time
    words = [at.isoformat(timespec="minutes") for at in (before, after)]
    raise SkippedTime(
        f"the clocks of {zone} skip {shown.isoformat(timespec='minutes')}, they are put forward"
        f" over it: write {words[0]} or {words[1]}"
    )
