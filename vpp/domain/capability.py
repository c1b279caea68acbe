"""What an asset accepts: forms of setpoint, allowed powers, times, ramps.

Allocation works on allowed sets.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from vpp.domain.errors import InvariantError
from vpp.domain.ids import AssetId


class Form(StrEnum):
    """The form of a setpoint."""

    TARGET = "target"
    """Hold this power."""
    CEILING = "ceiling"
    """Take at most this power (PV: produce at most its magnitude; EV: draw at most)."""
    WINDOW = "window"
    """Stay between two powers; inside them the device decides."""
    RELEASE = "release"
    """The device goes back to its own rule."""
    STOP = "stop"
    """Zero power, now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A closed range of power, kW, positive into the asset."""

    lo_kw: float
    hi_kw: float

    def __post_init__(self) -> None:
        if math.isnan(self.lo_kw) or math.isnan(self.hi_kw) or self.lo_kw > self.hi_kw:
            raise InvariantError(
                f"interval [{self.lo_kw}, {self.hi_kw}] kW is empty or not a number"
            )

    def __contains__(self, power_kw: float) -> bool:
        return self.lo_kw <= power_kw <= self.hi_kw

    def nearest(self, power_kw: float) -> float:
        return min(max(power_kw, self.lo_kw), self.hi_kw)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedSet:
    """A union of disjoint closed intervals in rising order, such as ``{0} ∪ [4.1, 11]`` kW."""

    intervals: tuple[Interval, ...]

    def __post_init__(self) -> None:
        if not self.intervals:
            raise InvariantError("an allowed set needs at least one interval")
        for low, high in zip(self.intervals, self.intervals[1:], strict=False):
            if low.hi_kw >= high.lo_kw:
                raise InvariantError(
                    f"intervals of an allowed set overlap or are out of order at {high.lo_kw} kW"
                )

    @classmethod
    def between(cls, lo_kw: float, hi_kw: float) -> "AllowedSet":
        return cls(intervals=(Interval(lo_kw=lo_kw, hi_kw=hi_kw),))

    @classmethod
    def off_or_between(cls, floor_kw: float, hi_kw: float) -> "AllowedSet":
        """Zero, or from the floor up: a charger that cannot regulate below its least current."""
        if floor_kw <= 0:
            return cls.between(0.0, hi_kw)
        return cls(
            intervals=(
                Interval(lo_kw=0.0, hi_kw=0.0),
                Interval(lo_kw=floor_kw, hi_kw=hi_kw),
            )
        )

    @property
    def lo_kw(self) -> float:
        return self.intervals[0].lo_kw

    @property
    def hi_kw(self) -> float:
        return self.intervals[-1].hi_kw

    def __contains__(self, power_kw: float) -> bool:
        return any(power_kw in interval for interval in self.intervals)

    def nearest(self, power_kw: float) -> float:
        """The allowed power closest to the one asked; of two equally close, the one nearer zero."""
        candidates = (interval.nearest(power_kw) for interval in self.intervals)
        return min(candidates, key=lambda kw: (abs(kw - power_kw), abs(kw)))

    def within(self, lo_kw: float, hi_kw: float) -> "AllowedSet | None":
        """The part between two powers, or None where nothing is left."""
        kept = tuple(
            Interval(lo_kw=max(i.lo_kw, lo_kw), hi_kw=min(i.hi_kw, hi_kw))
            for i in self.intervals
            if max(i.lo_kw, lo_kw) <= min(i.hi_kw, hi_kw)
        )
        return AllowedSet(intervals=kept) if kept else None


def union(intervals: Iterable[Interval]) -> AllowedSet:
    """The allowed set of any intervals, in any order, touching ones merged."""
    merged: list[Interval] = []
    for one in sorted(intervals, key=lambda i: i.lo_kw):
        if merged and one.lo_kw <= merged[-1].hi_kw:
            last = merged.pop()
            merged.append(Interval(lo_kw=last.lo_kw, hi_kw=max(last.hi_kw, one.hi_kw)))
        else:
            merged.append(one)
    return AllowedSet(intervals=tuple(merged))


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What one asset can be told, and how it follows.

    Comes from its device's profile and the asset's ratings.
    """

    forms: frozenset[Form]
    allowed: AllowedSet
    dead_time_s: float = 0.0
    """From a write to the first change of power."""
    ramp_kw_per_s: float = math.inf
    resolution_kw: float = 0.0
    """Step of the setpoint; also the least change worth writing."""
    min_on_s: float = 0.0
    min_off_s: float = 0.0
    starts_per_day: int | None = None
    efficient_min_kw: float = 0.0
    """Magnitude below which a storage works with poor efficiency; sharing avoids it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLimit:
    """A limit over the sum of several assets of one device, as a hybrid inverter's AC rating."""

    assets: frozenset[AssetId]
    lo_kw: float
    hi_kw: float
    reason: str = field(default="shared AC rating")
