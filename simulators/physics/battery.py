"""A battery with its inverter: what it is told, and what it does then."""

from collections import deque
from dataclasses import dataclass
from math import inf, isfinite

from simulators.city import Battery
from simulators.physics.ramp import approach, mean_on_the_way
from simulators.physics.storage import Storage
from simulators.physics.watchdog import Armed, Heartbeat

AUTONOMOUS = "autonomous"
ZERO = "zero"
SETPOINT = "setpoint"
SUN = "sun"
SPARE_SUN = "spare_sun"
COMMANDED = frozenset({SETPOINT, SUN, SPARE_SUN})
"""Modes that a controller asked for: their timers run, and they want its heartbeat."""

Window = tuple[float, float]
OPEN: Window = (-inf, inf)


@dataclass(frozen=True, slots=True)
class Order:
    """What the power stage follows: its own rule, nothing, a power (W, + charges), or the sun."""

    mode: str
    power_w: float = 0.0


class BatteryUnit:
    """One battery at its AC terminals; watts and watt-hours, positive charges.

    An order is accepted at once (``mode``, ``setpoint_w``, ``reversion_left_s``) and followed after
    the dead time, with the ramp. Autonomous mode brings ``site_residual_w``, the mean power of the
    rest of the site, to zero; ``sun`` charges with ``sun_w``, which PV on the same electronics
    gives, ``spare_sun`` with ``spare_sun_w``, which would be lost otherwise. An order that lapses,
    and every order when the heartbeat is lost, ends in ``default_mode`` without further ado: that
    is the device's own firmware.
    """

    def __init__(self, plant: Battery) -> None:
        self.plant = plant
        self.storage = Storage(plant)
        self.heartbeat = Heartbeat(plant.watchdog_s)
        self.default_mode = AUTONOMOUS if plant.safe == AUTONOMOUS else ZERO
        self.now_s = 0.0
        self.power_w = 0.0
        self.site_residual_w = 0.0
        self.sun_w = 0.0
        self.spare_sun_w = 0.0
        self._acting = Order(self.default_mode)
        self._accepted: Armed[Order] = Armed(self._acting)
        self._afterwards: Order | None = None
        self._limits: Armed[Window] = Armed(OPEN)
        self._queue: deque[tuple[float, Order]] = deque()
        self._hardware = OPEN

    # What it is

    @property
    def capacity_wh(self) -> float:
        """Energy between soc 0 and 1 at the present health."""
        return self.storage.capacity_wh

    @property
    def health(self) -> float:
        """Present over nameplate capacity, 0..1."""
        return self.plant.health

    @property
    def stored_wh(self) -> float:
        return self.storage.stored_wh

    @property
    def soc(self) -> float:
        return self.storage.stored_wh / self.storage.capacity_wh

    @property
    def net_wh(self) -> float:
        """Energy taken from the AC side so far, less energy given back."""
        return self.storage.charged_wh - self.storage.discharged_wh

    @property
    def charged_wh(self) -> float:
        return self.storage.charged_wh

    @property
    def discharged_wh(self) -> float:
        return self.storage.discharged_wh

    @property
    def charge_limit_w(self) -> float:
        """What it could charge with now: rating, taper, nothing when full."""
        return self.storage.charge_limit_w(1.0)

    @property
    def discharge_limit_w(self) -> float:
        """What it could discharge with now, as a magnitude."""
        return self.storage.discharge_limit_w(1.0)

    # What it is told

    @property
    def mode(self) -> str:
        """``autonomous``, ``zero``, ``setpoint``, ``sun`` or ``spare_sun``."""
        return self._accepted.value.mode

    @property
    def follows_site(self) -> bool:
        """Whether the power stage acts on the site's meter now."""
        return self._acting.mode == AUTONOMOUS

    @property
    def setpoint_w(self) -> float | None:
        """The accepted setpoint, None when it follows none."""
        order = self._accepted.value
        return order.power_w if order.mode == SETPOINT else None

    @property
    def limits_w(self) -> Window | None:
        """The window that was set and holds, None where there is none."""
        return None if self._limits.value == OPEN else self._limits.value

    @property
    def reversion_left_s(self) -> float | None:
        """Seconds until the setpoint reverts; None when no timer runs."""
        return self._accepted.left_s(self.now_s)

    def command(self, power_w: float, valid_s: float | None, then_w: float | None = None) -> None:
        """A setpoint for ``valid_s`` seconds; afterwards ``then_w``, or None: the default mode."""
        if not isfinite(power_w):
            raise ValueError(f"{self.plant.id}: a setpoint must be finite, got {power_w}")
        if self._take_charge():
            self._afterwards = None if then_w is None else Order(SETPOINT, then_w)
            self._accept(Order(SETPOINT, power_w), valid_s)

    def charge_from(self, mode: str, valid_s: float | None) -> None:
        """Charge with the sun (``SUN``) or what of it is to spare, then the default mode."""
        if self._take_charge():
            self._afterwards = None
            self._accept(Order(mode), valid_s)

    def release(self) -> None:
        """Back to the default mode."""
        self._accept(Order(self.default_mode), None)

    def stop(self) -> None:
        """No power until told otherwise."""
        self._accept(Order(ZERO), None)

    def set_limits(self, lo_w: float, hi_w: float, valid_s: float | None) -> None:
        """A window for the power in every mode; it lapses to the rating."""
        if not lo_w <= hi_w:
            raise ValueError(f"{self.plant.id}: limits must be lo <= hi, got {lo_w} and {hi_w}")
        if self._take_charge():
            self._limits = Armed.at((lo_w, hi_w), self.now_s, valid_s)

    def beat(self, value: int) -> None:
        """The controller's heartbeat counter; only a change counts."""
        self.heartbeat.beat(value, self.now_s)

    @property
    def _steered(self) -> bool:
        """Whether a controller is in charge, so that its heartbeat is asked for."""
        return self._accepted.value.mode in COMMANDED or self._limits.value != OPEN

    def _take_charge(self) -> bool:
        """False where the heartbeat is lost: then an order is taken note of and not followed."""
        if not self._steered:
            self.heartbeat.start(self.now_s)
        return not self.heartbeat.lost

    def _accept(self, order: Order, valid_s: float | None) -> None:
        self._accepted = Armed.at(order, self.now_s, valid_s)
        self._queue.append((self.now_s + self.plant.dead_time_s, order))

    # What it does

    def bind_hardware(self, lo_w: float, hi_w: float) -> None:
        """Bounds of electronics shared with other assets; they act at once, without ramp."""
        self._hardware = (lo_w, hi_w)

    def advance(self, now_s: float) -> None:
        """Moves to ``now_s``, stopping where an order begins to act or a timer runs out."""
        while self.now_s < now_s:
            self._run(min(now_s, self._next_event_s()))
            self._let_events_act()

    def _next_event_s(self) -> float:
        event_s = min(self._accepted.expires_s, self._limits.expires_s)
        if self._queue:
            event_s = min(event_s, self._queue[0][0])
        if self._steered:
            event_s = min(event_s, self.heartbeat.deadline_s)
        return max(event_s, self.now_s)

    def _let_events_act(self) -> None:
        while self._queue and self._queue[0][0] <= self.now_s:
            self._acting = self._queue.popleft()[1]
        if self._steered and self.heartbeat.deadline_s <= self.now_s:
            self.heartbeat.lost = True
            self._limits = Armed(OPEN)
            self._fall_back(Order(self.default_mode))
        if self._accepted.expires_s <= self.now_s:
            self._fall_back(self._afterwards or Order(self.default_mode))
        if self._limits.expires_s <= self.now_s:
            self._limits = Armed(OPEN)

    def _fall_back(self, order: Order) -> None:
        self._queue.clear()
        self._acting = order
        self._accepted = Armed(order)

    def _run(self, until_s: float) -> None:
        while self.now_s < until_s:
            step_s = self.storage.steady_step_s(until_s - self.now_s)
            self._move(step_s)
            self.now_s = min(until_s, self.now_s + step_s)

    def _move(self, step_s: float) -> None:
        lo, hi = self._bounds(step_s)
        start = min(max(self.power_w, lo), hi)
        target = min(max(self._wanted_w(), lo), hi)
        ramp = self.plant.ramp_w_per_s
        self.storage.exchange(mean_on_the_way(start, target, ramp, step_s) * step_s / 3600)
        self.power_w = approach(start, target, ramp, step_s)

    def _wanted_w(self) -> float:
        wanted = {AUTONOMOUS: -self.site_residual_w, SUN: self.sun_w, SPARE_SUN: self.spare_sun_w}
        return wanted.get(self._acting.mode, self._acting.power_w)

    def _bounds(self, step_s: float) -> Window:
        """Cells and electronics first; a commanded window only within what they allow."""
        lo = max(-self.storage.discharge_limit_w(step_s), self._hardware[0])
        hi = min(self.storage.charge_limit_w(step_s), self._hardware[1])
        hi = max(hi, lo)
        set_lo, set_hi = self._limits.value
        return min(max(set_lo, lo), hi), max(min(set_hi, hi), lo)
