"""The city's own time, which runs `speed` times as fast as the wire's."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

FASTEST = 600.0
"""City seconds per second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Two times of one moment.

    Attributes:
        elapsed_s: City seconds since the start.
        wire_s: `time.monotonic()` of this machine, comparable between its processes.
        now: The city's time, with its offset.
    """

    elapsed_s: float
    wire_s: float
    now: datetime


class CityClock:
    """City seconds since `start` = speed x wire seconds since it was started, plus what was added.

    `start` is aware. At speed 0 time stands still and moves by `advance` alone.
    """

    def __init__(self, start: datetime, speed: float = 1.0) -> None:
        if start.tzinfo is None:
            raise ValueError(f"the start {start.isoformat()} needs a UTC offset")
        self.start = start
        self._speed = checked_speed(speed)
        self._base_s = 0.0
        self._least_s = 0.0
        """Time that has been told and is not taken back."""
        self._wire_zero: float | None = None

    @property
    def elapsed_s(self) -> float:
        """City seconds since the start."""
        return self._at_s(time.monotonic())

    @property
    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.elapsed_s)

    def reading(self) -> Reading:
        """The city's time and the wire's, however long this thread is kept from running between."""
        wire_s = time.monotonic()
        elapsed_s = self._at_s(wire_s)
        now = self.start + timedelta(seconds=elapsed_s)
        return Reading(elapsed_s=elapsed_s, wire_s=wire_s, now=now)

    @property
    def speed(self) -> float:
        """City seconds per wire second."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self.change_speed(speed, time.monotonic())

    def change_speed(self, speed: float, since_s: float) -> None:
        """Go on as if this had been the speed since a moment just past, `time.monotonic()`.

        Where that makes the city younger than it was seen, time stands still until it is as old.
        """
        checked = checked_speed(speed)
        if not since_s <= time.monotonic():
            raise ValueError(f"{since_s} s is no moment of this host's clock that has passed")
        self._least_s = self.elapsed_s
        if self._wire_zero is not None:
            self._base_s = self._line_s(since_s, self._wire_zero)
            self._wire_zero = since_s
        self._speed = checked

    def run(self) -> None:
        """Start the city's time; before this it stands at the start."""
        self._wire_zero = time.monotonic()

    def advance(self, city_s: float) -> None:
        """Jump ahead by `city_s`."""
        if city_s < 0:
            raise ValueError(f"the city's time cannot go back by {-city_s} s")
        self._base_s += city_s

    def _at_s(self, wire_s: float) -> float:
        if self._wire_zero is None:
            return self._base_s
        return max(self._line_s(wire_s, self._wire_zero), self._least_s)

    def _line_s(self, wire_s: float, wire_zero: float) -> float:
        return self._base_s + self._speed * (wire_s - wire_zero)


def checked_speed(speed: float) -> float:
    """The same.

    Raises:
        ValueError: no city runs at it.
    """
    if not 0 <= speed <= FASTEST:
        raise ValueError(f"speed {speed:g} is outside 0 to {FASTEST:g}")
    return speed
