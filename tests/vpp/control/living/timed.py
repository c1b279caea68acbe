"""A battery with a reversion timer of its own, and a loop that may stand still."""

import math
from dataclasses import dataclass

from tests.vpp.control.living.fakes import READS, FakeBattery, LoopClock
from vpp.domain.command import Answer, Command
from vpp.domain.errors import NoAnswer
from vpp.domain.points import Point, Quantity

TIMED = {**READS, Quantity.REVERSION_S: 0}


@dataclass
class StallingClock(LoopClock):
    """Time that passes while the loop does nothing: what has come meanwhile waits."""

    stood_s: float = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.stood_s

    def stand_still(self, seconds: float) -> None:
        self.stood_s += seconds


@dataclass
class TimedBattery(FakeBattery):
    """Counts its timer down as real devices do, from when it takes a write."""

    loop: StallingClock | None = None
    read_stall_s: float = 0.0
    """The loop stands still so long between the device's answer to a read and its arrival."""
    write_stall_s: float = 0.0
    """The loop or the line stands still so long between a write's making and its taking."""
    deaf: int = 0
    """So many writes from now on neither arrive nor are answered."""
    timer_stuck: bool = False
    """A refresh does not renew the timer."""
    timer_least_s: float = 0.0
    """It never arms less."""
    ends_s: float = math.nan

    def __post_init__(self) -> None:
        self.points = tuple(Point(subject=self.asset, quantity=quantity) for quantity in TIMED)

    def told(self) -> list[float]:
        left_s = max(self.ends_s - self.clock.monotonic(), 0.0)
        self._stand_still(self.read_stall_s)
        return [*super().told(), left_s]

    async def send(self, command: Command) -> Answer:
        life_s = command.setpoint.expires_s - self.clock.monotonic()
        if self.deaf:
            self.deaf -= 1
            raise NoAnswer("no reply to the write")
        self._stand_still(self.write_stall_s)
        if not (self.timer_stuck and self.clock.monotonic() < self.ends_s):
            self.ends_s = self.clock.monotonic() + max(life_s, self.timer_least_s)
        return await super().send(command)

    def _stand_still(self, seconds: float) -> None:
        if self.loop is not None:
            self.loop.stand_still(seconds)
