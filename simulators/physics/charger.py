"""An EV connector (IEC 61851: an offered limit, a floor of 6 A) and the car that hangs on it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from simulators.city import Charger
from simulators.physics.ramp import approach, mean_on_the_way
from simulators.physics.watchdog import Armed
from simulators.sessions import EvSession

DEAD_TIME_S = 1.0
RAMP_S = 3.0
"""From nothing to full power; with the dead time within the 5 s that IEC 61851-1 grants a car."""
TAPER_SHARE = 0.2
TAPER_MOST_H = 0.25
"""The car's own taper: over the last fifth of the need, at most a quarter hour of full power."""
TAPER_LEAST = 0.1
TAPER_STEP_S = 5.0

Upcoming = Callable[[datetime], EvSession | None]
"""The first session that departs after an instant."""


@dataclass(slots=True)
class Session:
    """The car that is plugged in now; ``departure`` is the truth, ``announced_*`` what it tells."""

    id: str
    arrival: datetime
    departure: datetime
    announced_departure: datetime | None
    announced_need_wh: float | None
    need_wh: float
    min_w: float
    max_w: float
    phases: int
    delivered_wh: float = 0.0

    @classmethod
    def of(cls, plan: EvSession) -> "Session":
        return cls(
            id=plan.id,
            arrival=plan.arrival,
            departure=plan.departure,
            announced_departure=plan.departure if plan.announces_departure else None,
            announced_need_wh=plan.energy_wh if plan.announces_need else None,
            need_wh=plan.energy_wh,
            min_w=plan.min_w,
            max_w=plan.max_w,
            phases=plan.phases,
        )

    @property
    def missing_wh(self) -> float:
        return max(0.0, self.need_wh - self.delivered_wh)

    def accepts_w(self) -> float:
        """What the car itself would draw: less near the end, nothing when content."""
        if self.missing_wh <= 0:
            return 0.0
        return self.max_w * min(1.0, max(TAPER_LEAST, self.missing_wh / self._taper_wh))

    def steady_step_s(self, step_s: float) -> float:
        """The step, cut short where the car may taper within it."""
        reach_wh = self._taper_wh + self.max_w * step_s / 3600
        tapers = 0 < self.missing_wh < reach_wh
        return min(step_s, TAPER_STEP_S) if tapers else step_s

    @property
    def _taper_wh(self) -> float:
        return min(TAPER_SHARE * self.need_wh, TAPER_MOST_H * self.max_w)


class ChargerUnit:
    """One connector; watts, always consuming.

    An offer lapses to the station's safe state: ``floor``, ``zero``, or full power where it is
    ``autonomous``. An offer below the car's floor is no offer. An offer is power of the car that is
    there; the safe state is a current, of which a car on fewer phases draws its part.
    """

    def __init__(self, plant: Charger, start: datetime, upcoming: Upcoming) -> None:
        self.plant = plant
        self.now_s = 0.0
        self.power_w = 0.0
        self.energy_wh = 0.0
        self.session: Session | None = None
        safe_offer_w = {"floor": plant.floor_w, "zero": 0.0}
        self.safe_offer_w = safe_offer_w.get(plant.safe, plant.max_w)
        self._start = start
        self._upcoming = upcoming
        self._accepted: Armed[float | None] = Armed(None)
        self._acting_w: float | None = None
        self._queue: deque[tuple[float, float | None]] = deque()
        self._next = upcoming(start)
        self._catch_up()

    @property
    def net_wh(self) -> float:
        """Energy taken so far."""
        return self.energy_wh

    @property
    def offer_w(self) -> float:
        """The limit that the station offers the car; its safe state's is that on all phases."""
        offered_w = self._accepted.value
        return self.safe_offer_w if offered_w is None else offered_w

    @property
    def reversion_left_s(self) -> float | None:
        """Seconds until the offer lapses; None when no timer runs."""
        return self._accepted.left_s(self.now_s)

    def offer(self, limit_w: float, valid_s: float | None) -> None:
        """Offers the car no more than this for ``valid_s`` seconds."""
        if not (isfinite(limit_w) and limit_w >= 0):
            raise ValueError(f"{self.plant.id}: an offer must be 0 or more, got {limit_w}")
        self._accepted = Armed.at(min(limit_w, self.plant.max_w), self.now_s, valid_s)
        self._queue.append((self.now_s + DEAD_TIME_S, self._accepted.value))

    def release(self) -> None:
        """Back to the station's safe state."""
        self._accepted = Armed(None)
        self._queue.append((self.now_s + DEAD_TIME_S, None))

    def advance(self, now_s: float) -> None:
        """Moves to ``now_s``, stopping where a car comes or goes or an offer begins or ends."""
        while self.now_s < now_s:
            self._run(min(now_s, self._next_event_s()))
            self._let_events_act()

    def _city_s(self, instant: datetime) -> float:
        return (instant - self._start).total_seconds()

    def _next_event_s(self) -> float:
        event_s = self._accepted.expires_s
        if self._queue:
            event_s = min(event_s, self._queue[0][0])
        if self.session:
            event_s = min(event_s, self._city_s(self.session.departure))
        elif self._next:
            event_s = min(event_s, self._city_s(self._next.arrival))
        return max(event_s, self.now_s)

    def _let_events_act(self) -> None:
        while self._queue and self._queue[0][0] <= self.now_s:
            self._acting_w = self._queue.popleft()[1]
        if self._accepted.expires_s <= self.now_s:
            self._queue.clear()
            self._accepted = Armed(None)
            self._acting_w = None
        if self.session and self._city_s(self.session.departure) <= self.now_s:
            self._unplug()
        if self.session is None and self._next and self._city_s(self._next.arrival) <= self.now_s:
            self.session = Session.of(self._next)

    def _unplug(self) -> None:
        """The power is cut with the plug; the next car may already be known."""
        if self.session:
            self._next = self._upcoming(self.session.departure)
        self.session = None
        self.power_w = 0.0

    def _catch_up(self) -> None:
        """A car that came before the world began has been charging at full power since."""
        self._let_events_act()
        if self.session and self._next:
            self.session.delivered_wh = self.session.need_wh - self._next.missing_wh(self._start)

    def _run(self, until_s: float) -> None:
        if self.session is None:
            self.now_s = until_s
            return
        while self.now_s < until_s:
            step_s = self.session.steady_step_s(until_s - self.now_s)
            self._move(self.session, step_s)
            self.now_s = min(until_s, self.now_s + step_s)

    def _move(self, session: Session, step_s: float) -> None:
        fits_w = session.missing_wh * 3600 / step_s
        start = min(self.power_w, fits_w)
        target = min(self._wanted_w(session), fits_w)
        rate = self.plant.max_w / RAMP_S
        energy_wh = mean_on_the_way(start, target, rate, step_s) * step_s / 3600
        self.power_w = approach(start, target, rate, step_s)
        self.energy_wh += energy_wh
        session.delivered_wh += energy_wh

    def _wanted_w(self, session: Session) -> float:
        safe_w = self.safe_offer_w * session.phases / self.plant.phases
        offered = min(safe_w if self._acting_w is None else self._acting_w, session.max_w)
        return 0.0 if offered < session.min_w else min(offered, session.accepts_w())
