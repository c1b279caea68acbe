"""The two clocks: ``wire`` is real, ``city`` runs some times as fast; they meet at one anchor."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vpp.domain.errors import InvariantError
from vpp.ports.clock import Clock

FASTEST = 600.0


class WireClock:
    """Real time: sockets, back-off, disk, deadlines, leases."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


@dataclass(frozen=True, slots=True)
class _Anchor:
    """One moment on both clocks, from which the city runs at its present speed."""

    wire_s: float
    city_s: float


class CityClock:
    """Wall time times speed; at speed 1 and without a start of its own it follows the wall."""

    def __init__(self, wire: Clock, *, speed: float = 1.0, start: datetime | None = None) -> None:
        """Begin at ``start`` (aware), or now.

        Raises:
            InvariantError: the speed is not above 0 and at most 600, or the start is naive.
        """
        if start is not None and start.tzinfo is None:
            raise InvariantError(f"start {start} has no time zone")
        self._wire = wire
        self._follows_wall = start is None and speed == 1.0
        self._speed = _checked(speed)
        self._begin = start or wire.now()
        self._begin_s = wire.monotonic()
        self._anchor = _Anchor(self._begin_s, self._begin_s)

    @property
    def speed(self) -> float:
        """City seconds per wire second, now."""
        return self._speed

    @property
    def changed_s(self) -> float:
        """Since when it runs at this speed, wire monotonic."""
        return self._anchor.wire_s

    def change_speed(self, speed: float) -> None:
        """Go on from here at another speed, without a step; sleepers are re-timed.

        Raises:
            InvariantError: the speed is not above 0 and at most 600.
        """
        wanted = _checked(speed)
        if self._follows_wall and wanted != 1.0:
            self._begin, self._begin_s = self._wire.now(), self.monotonic()
            self._follows_wall = False
        self._anchor = _Anchor(self._wire.monotonic(), self.monotonic())
        self._speed = wanted

    def now(self) -> datetime:
        if self._follows_wall:
            return self._wire.now()
        return self._begin + timedelta(seconds=self.monotonic() - self._begin_s)

    def monotonic(self) -> float:
        elapsed_s = self._wire.monotonic() - self._anchor.wire_s
        return self._anchor.city_s + elapsed_s * self._speed

    async def sleep(self, seconds: float) -> None:
        until_s = self.monotonic() + seconds
        while True:
            speed = self._speed
            await self._wire.sleep((until_s - self.monotonic()) / speed)
            if self._speed == speed or self.monotonic() >= until_s:
                return


def _checked(speed: float) -> float:
    if not 0 < speed <= FASTEST:
        raise InvariantError(f"speed is {speed}, expected more than 0 and at most {FASTEST:.0f}")
    return speed


class Governor:
    """Slows a city down that its loop cannot keep up with.

    Only the speed falls. Every period in city seconds (tick, polls, freshness, refresh, expiry)
    stays as it was chosen at the start, so that nothing that is alive at a device changes its
    meaning; on the wire they all grow longer, which is the relief.
    """

    PATIENCE, STEP = 3, 0.8
    """Late ticks in a row before the speed falls, and to what part of it."""

    def __init__(self, city: CityClock, *, tick_s: float) -> None:
        """``tick_s``: city seconds."""
        self.city, self._tick_s = city, tick_s
        self._late = 0

    def observe(self, late_s: float) -> bool:
        """Take note of a tick's lateness, city seconds; whether the speed fell now."""
        self._late = self._late + 1 if late_s > self._tick_s / 2 else 0
        if self._late < self.PATIENCE or self.city.speed <= 1.0:
            return False
        self._late = 0
        self.city.change_speed(max(self.city.speed * self.STEP, 1.0))
        return True
