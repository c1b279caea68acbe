"""The two clocks: ``wire`` is real, ``city`` runs some times as fast; they meet at one anchor."""

import asyncio
import math
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
        self._naps: set[asyncio.Timeout] = set()

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
        wire_s = self._wire.monotonic()
        self._anchor = _Anchor(wire_s, self._at_s(wire_s))
        self._speed = wanted
        naps, self._naps = self._naps, set()
        for nap in naps:
            nap.reschedule(-math.inf)

    def now(self) -> datetime:
        if self._follows_wall:
            return self._wire.now()
        return self._begin + timedelta(seconds=self.monotonic() - self._begin_s)

    def monotonic(self) -> float:
        return self._at_s(self._wire.monotonic())

    def _at_s(self, wire_s: float) -> float:
        return self._anchor.city_s + (wire_s - self._anchor.wire_s) * self._speed

    async def sleep(self, seconds: float) -> None:
        until_s = self.monotonic() + seconds
        while not await self._napped((until_s - self.monotonic()) / self._speed):
            pass

    async def _napped(self, wire_s: float) -> bool:
        """Sleep on the wire; False where a change of speed has cut it short.

        Whoever slept on at the old speed would wake too late by as much as the city runs faster.
        """
        nap = asyncio.timeout(None)
        try:
            async with nap:
                self._naps.add(nap)
                await self._wire.sleep(wire_s)
        except TimeoutError:
            return False
        finally:
            self._naps.discard(nap)
        return True


def speed_of(clock: Clock) -> float:
    """City seconds per wire second, now; 1 where the clock has none of its own."""
    return clock.speed if isinstance(clock, CityClock) else 1.0


def _checked(speed: float) -> float:
    if not 0 < speed <= FASTEST:
        raise InvariantError(f"speed is {speed}, expected more than 0 and at most {FASTEST:.0f}")
    return speed


class Governor:
    """Slows a city down that its loop cannot keep up with, and lets it recover.

    Only the speed changes. Every period in city seconds (tick, polls, freshness, refresh, expiry)
    stays as it was chosen at the start, so that nothing that is alive at a device changes its
    meaning; on the wire they all grow longer, which is the relief.
    """

    PATIENCE, STEP = 3, 0.8
    """Late ticks in a row before the speed falls, and to what part of it."""
    CALM, MOST_CALM = 50, 1600
    """Punctual ticks in a row before it rises by one step again; twice as many after a rise that
    did not hold, at most so many."""

    def __init__(self, city: CityClock, *, tick_s: float) -> None:
        """``tick_s``: city seconds."""
        self.city, self._tick_s = city, tick_s
        self.go_at(city.speed)

    def go_at(self, speed: float) -> None:
        """Let the city run at this speed, and no faster.

        Raises:
            InvariantError: the speed is not above 0 and at most 600.
        """
        self.city.change_speed(speed)
        self.asked = speed
        self._late = self._punctual = 0
        self._calm, self._rose = self.CALM, False

    def observe(self, late_s: float) -> bool:
        """Take note of a tick's lateness, city seconds; whether the speed changed now."""
        late, punctual = late_s > self._tick_s / 2, late_s < self._tick_s / 4
        self._late = self._late + 1 if late else 0
        self._punctual = self._punctual + 1 if punctual else 0
        if self._late >= self.PATIENCE and self.city.speed > 1.0:
            return self._fall()
        if self._punctual >= self._calm and self.city.speed < self.asked:
            return self._rise()
        return False

    def _fall(self) -> bool:
        if self._rose:
            self._calm = min(2 * self._calm, self.MOST_CALM)
        self._change(max(self.city.speed * self.STEP, 1.0), rose=False)
        return True

    def _rise(self) -> bool:
        if self._rose:
            self._calm = self.CALM  # the rise before has held
        self._change(min(self.city.speed / self.STEP, self.asked), rose=True)
        return True

    def _change(self, speed: float, *, rose: bool) -> None:
        self._late = self._punctual = 0
        self._rose = rose
        self.city.change_speed(speed)
