"""The two dead-man switches of a device: a setpoint's reversion timer and a heartbeat."""

from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Armed(Generic[T]):
    """A value that holds until ``expires_s`` (city seconds; infinity: until it is replaced)."""

    value: T
    expires_s: float = inf

    @classmethod
    def at(cls, value: T, now_s: float, valid_s: float | None) -> "Armed[T]":
        """Armed now for ``valid_s`` seconds, or for ever."""
        return cls(value, inf if valid_s is None else now_s + valid_s)

    def left_s(self, now_s: float) -> float | None:
        """Seconds to the reversion, or None where no timer runs."""
        return None if self.expires_s == inf else max(0.0, self.expires_s - now_s)


class Heartbeat:
    """Asks the controller's counter for *change* within ``timeout_s`` while it is in charge.

    A beat that repeats its value is no beat. Once lost, only a changed value brings it back.
    ``timeout_s`` None: the device has no such watchdog.
    """

    def __init__(self, timeout_s: float | None) -> None:
        self.timeout_s = timeout_s
        self.lost = False
        self._value: int | None = None
        self._changed_s = -inf

    def start(self, now_s: float) -> None:
        """A controller takes charge: it has the whole time for its first change."""
        self._changed_s = max(self._changed_s, now_s)

    def beat(self, value: int, now_s: float) -> None:
        if value != self._value:
            self._value = value
            self._changed_s = now_s
            self.lost = False

    @property
    def deadline_s(self) -> float:
        """When it will be lost unless the value changes before."""
        return inf if self.timeout_s is None else self._changed_s + self.timeout_s
