"""How time runs for everything that lives in the control loop."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from vpp.control.inputs import Timing
from vpp.ports.clock import Clock, Clocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Both clocks, the periods in city seconds, and the speed that joins them.

    The speed may fall; the periods follow from the speed at the start, and stay.
    """

    clocks: Clocks
    timing: Timing = field(default_factory=Timing)
    speed: Callable[[], float] = lambda: 1.0
    """City seconds per wire second, now."""
    draw: Callable[[], float] = random.random
    """From 0 to 1, how far the waits between tries are stretched by chance."""

    @property
    def city(self) -> Clock:
        return self.clocks.city

    @property
    def wire(self) -> Clock:
        return self.clocks.wire
