"""What the operator hears about files that were damaged when the daemon started."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from vpp.control.inputs import Alarm

_LOSSES = {
    "history": (
        "HISTORY_LOST",
        "forecasts and the month's peak begin anew; to keep them, stop and put a sound copy in its"
        " place",
    ),
    "audit": (
        "AUDIT_LOST",
        "the record of writes begins anew; keep the old one, it is evidence: 'vpp audit verify"
        " --file' names its first wrong line",
    ),
    "memory": (
        "MEMORY_LOST",
        "limits that had ended hold no longer, and devices may be written today as if they had not"
        " been: have the limits given anew",
    ),
    "reasons": ("REASONS_LOST", "'vpp explain' knows nothing from before"),
}


class Store(Protocol):
    """What keeps a file, and begins a new one where that was damaged."""

    @property
    def set_aside(self) -> Path | None:
        """Where the damaged one was moved to."""
        ...


def losses(**stores: Store) -> Iterator[Alarm]:
    """One alarm for each of these stores that has begun anew."""
    for subject, store in stores.items():
        if store.set_aside is not None:
            code, lost = _LOSSES[subject]
            text = f"its file was damaged and is kept as {store.set_aside}: {lost}"
            yield Alarm(code=code, subject=subject, text=text)
