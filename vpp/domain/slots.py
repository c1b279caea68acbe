"""The grid of time slots that forecasts, plans, tariffs and history share.

Slots are half-open ``[start, end)``, labelled by their start, in UTC; their lengths may differ.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from vpp.domain.arrays import Floats, frozen
from vpp.domain.errors import InvariantError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlotGrid:
    """Slot edges as seconds since 1970 UTC, shape (slots + 1,), strictly increasing."""

    edges_s: Floats

    def __post_init__(self) -> None:
        edges = frozen(self.edges_s)
        if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
            raise InvariantError("slot edges must be at least two and strictly increasing")
        object.__setattr__(self, "edges_s", edges)

    @classmethod
    def regular(cls, start: datetime, *, count: int, step_s: float) -> "SlotGrid":
        """``count`` equal slots from ``start`` (aware)."""
        return cls(edges_s=frozen(start.timestamp() + step_s * np.arange(count + 1)))

    @classmethod
    def containing(cls, at: datetime, *, count: int, step_s: float) -> "SlotGrid":
        """``count`` equal slots; the first contains ``at``, on a multiple of ``step_s``."""
        start_s = at.timestamp() // step_s * step_s
        return cls(edges_s=frozen(start_s + step_s * np.arange(count + 1)))

    def __len__(self) -> int:
        return len(self.edges_s) - 1

    @property
    def hours(self) -> Floats:
        """Length of each slot in hours, shape (slots,)."""
        return np.asarray(np.diff(self.edges_s) / 3600.0)

    @property
    def start(self) -> datetime:
        return datetime.fromtimestamp(float(self.edges_s[0]), UTC)

    @property
    def end(self) -> datetime:
        return datetime.fromtimestamp(float(self.edges_s[-1]), UTC)

    @property
    def starts(self) -> list[datetime]:
        """Start of each slot, aware UTC."""
        return [datetime.fromtimestamp(float(edge), UTC) for edge in self.edges_s[:-1]]

    def index(self, at: datetime) -> int | None:
        """The slot that contains ``at``, or None outside the grid."""
        slot = int(np.searchsorted(self.edges_s, at.timestamp(), side="right")) - 1
        return slot if 0 <= slot < len(self) else None

    def covers(self, at: datetime) -> bool:
        return self.index(at) is not None

    def same_as(self, other: "SlotGrid") -> bool:
        return np.array_equal(self.edges_s, other.edges_s)


def slot_start(at: datetime, step: timedelta) -> datetime:
    """Start of the slot of this length that contains ``at``; slots are counted from 1970 UTC."""
    step_s = step.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // step_s * step_s, UTC)
