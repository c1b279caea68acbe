"""The grid of time slots that forecasts, plans, tariffs and history share.

Slots are half-open ``[start, end)``, labelled by their start, in UTC; their lengths may differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np

from vpp.domain.arrays import Floats, frozen
from vpp.domain.errors import InvariantError


class Fineness(StrEnum):
    """How long the slots of a plan are."""

    EQUAL = "equal"
    """15 min for 36 h."""
    COARSER = "coarser"
    """15 min for 24 h, then hours to 48 h."""
    FINER = "finer"
    """5 min for 2 h, 15 min to 24 h, then hours to 48 h."""

    @property
    def spans(self) -> tuple[tuple[float, float], ...]:
        """Length and reach of its slots, in seconds."""
        hour_s = 3600.0
        far = ((900.0, 24 * hour_s), (hour_s, 48 * hour_s))
        match self:
            case Fineness.EQUAL:
                return ((900.0, 36 * hour_s),)
            case Fineness.COARSER:
                return far
            case _:
                return ((300.0, 2 * hour_s), *far)


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

    @classmethod
    def fading(
        cls, at: datetime, spans: Sequence[tuple[float, float]], *, offset_s: float = 0.0
    ) -> "SlotGrid":
        """Slots that grow with the distance; the first contains ``at``.

        Args:
            at: Aware.
            spans: Length of the slots, and how far from ``at`` they reach at least, in seconds;
                each length a multiple of the one before. A longer slot begins on a multiple of its
                length, so that it holds whole ones of the shorter.
            offset_s: Of the clock whose multiples count from UTC, as of a zone with half hours.
        """
        now_s = at.timestamp() + offset_s
        edges_s = [now_s // spans[0][0] * spans[0][0]]
        longer = [*(step_s for step_s, _ in spans[1:]), spans[-1][0]]
        for (step_s, until_s), next_s in zip(spans, longer, strict=True):
            while edges_s[-1] < now_s + until_s or edges_s[-1] % next_s:
                edges_s.append(edges_s[-1] + step_s)
        return cls(edges_s=frozen(np.array(edges_s) - offset_s))

    def parts_of(self, other: "SlotGrid") -> Floats:
        """Which part of each of these slots lies in each of the other's, shape (slots, other's)."""
        mine, its = self.edges_s, other.edges_s
        begin = np.maximum(mine[:-1, None], its[:-1])
        common = np.minimum(mine[1:, None], its[1:]) - begin
        return np.asarray(np.maximum(common, 0.0) / np.diff(mine)[:, None])

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
