"""Waits between two attempts, and the end of a fight over one client id. Wire seconds."""

import random
from collections.abc import Callable

FIRST_S, LONGEST_S = 0.5, 30.0
LEAST_S = 0.05
LEAVING_S = 0.25
"""The longest wait once the daemon leaves."""
STEADY_S = 10.0
"""A connection that lasted as long was a good one."""
KICKS = 3


class Backoff:
    """Full jitter below a ceiling that doubles."""

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._tries, self._longest_s = 0, LONGEST_S

    def leave(self) -> None:
        """The daemon leaves: there is no time for long waits."""
        self._longest_s = LEAVING_S

    def next_s(self) -> float:
        """Seconds until the next attempt."""
        ceiling_s = min(FIRST_S * 2.0 ** min(self._tries, 10), self._longest_s)
        self._tries += 1
        return max(ceiling_s * self._draw(), LEAST_S)

    def lasted(self, seconds: float) -> None:
        """A connection was up for so long."""
        if seconds >= STEADY_S:
            self._tries = 0


class TakeoverWatch:
    """Tells a rival with our client id from a broker that comes and goes.

    A broker with a rival takes every connection at once and closes it soon after, again and again;
    a broker that restarts or cannot be reached refuses some in between. Rivals kick each other in
    turn, and the one that came last is the first to be kicked KICKS times soon after connecting:
    it is the one to stop.
    """

    def __init__(self) -> None:
        self._kicks = 0

    def not_connected(self) -> None:
        self._kicks = 0

    def lost(self, lasted_s: float) -> bool:
        """A connection was closed after so long; whether somebody else has our id."""
        self._kicks = self._kicks + 1 if lasted_s < STEADY_S else 0
        return self._kicks >= KICKS
