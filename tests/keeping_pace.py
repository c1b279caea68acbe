"""A simulated city that goes more slowly on a machine that is late, as a daemon lets it."""

from typing import Any

from simulators.wire import SimulatedCity
from vpp.control.control_room import ControlRoom
from vpp.control.loop import TickView
from vpp.runtime.clocks import CityClock, Governor


def keep_pace(room: ControlRoom[Any], city: CityClock, sim: SimulatedCity) -> None:
    """Slow both clocks while ticks or readings are late, and let them recover; before entering."""
    governor = Governor(city, tick_s=room.pace.timing.tick_s)

    def observe(view: TickView[Any]) -> None:
        late_s = max(view.late_s, room.sensing.slow_s * city.speed)
        if governor.observe(late_s):
            sim.clock.change_speed(city.speed, city.changed_s)
            room.sensing.hurry()

    room.loop.on_tick(observe)
