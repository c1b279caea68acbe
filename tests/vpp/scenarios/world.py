"""Three houses as they really are: batteries, sun, loads, one charger.

Nothing in here knows of the controller. Powers are positive into the asset.
"""

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from vpp.domain.arrays import Floats
from vpp.ports.clock import Clock

SITES = ("a", "b", "c")
DAY_MINUTES = 24 * 60
LEAD_S = 60.0
"""The world begins so long before midnight."""
SUN_KW = (15.0, 0.0, 6.0)
ETA = 0.95


@dataclass
class Cell:
    """A battery with a watchdog: what it was told ends with its life, then it rests."""

    capacity_kwh: float
    power_kw: float
    dead_s: float
    stored_kwh: float
    told_kw: float = math.nan
    expires_s: float = -math.inf
    coming: deque[tuple[float, float, float]] = field(default_factory=deque)
    """Commands on their way: when they take effect, power, end of life."""

    def tell(self, now_s: float, power_kw: float, expires_s: float) -> None:
        self.coming.append((now_s + self.dead_s, power_kw, expires_s))

    def next_event_s(self) -> float:
        lands_s = self.coming[0][0] if self.coming else math.inf
        return min(lands_s, self.expires_s if math.isfinite(self.told_kw) else math.inf)

    def settle(self, now_s: float) -> None:
        while self.coming and self.coming[0][0] <= now_s:
            _, self.told_kw, self.expires_s = self.coming.popleft()
        if now_s >= self.expires_s:
            self.told_kw = math.nan

    def flow(self, seconds: float) -> float:
        """Energy moves; the power that it had, in the mean."""
        hours = seconds / 3600
        asked = 0.0 if math.isnan(self.told_kw) else self.told_kw
        most = (self.capacity_kwh - self.stored_kwh) / (ETA * hours)
        least = -self.stored_kwh * ETA / hours
        power = min(max(asked, -self.power_kw, least), self.power_kw, most)
        self.stored_kwh += hours * (power * ETA if power > 0 else power / ETA)
        return power


def new_cells() -> dict[str, Cell]:
    """The battery of each house."""
    return {
        "a": Cell(capacity_kwh=10, power_kw=5, dead_s=1.0, stored_kwh=3.0),
        "b": Cell(capacity_kwh=14, power_kw=4, dead_s=2.0, stored_kwh=4.2),
        "c": Cell(capacity_kwh=8, power_kw=6, dead_s=3.0, stored_kwh=2.4),
    }


@dataclass
class Car:
    """A car at the only charger, there from 08:00 to 17:00; it draws what it is offered."""

    need_kwh: float = 12.0
    arrives_s: float = 8 * 3600.0
    leaves_s: float = 17 * 3600.0
    offered_kw: float = 4.1
    delivered_kwh: float = 0.0

    def there(self, day_s: float) -> bool:
        return self.arrives_s <= day_s < self.leaves_s

    def flow(self, day_s: float, seconds: float) -> float:
        if not self.there(day_s) or self.offered_kw < 4.1:
            return 0.0
        hours = seconds / 3600
        power = min(self.offered_kw, 11.0, max(self.need_kwh - self.delivered_kwh, 0.0) / hours)
        self.delivered_kwh += power * hours
        return power


class World:
    """Lives on whenever somebody looks at it."""

    def __init__(self, clock: Clock, *, steady: bool = False) -> None:
        """``steady``: loads and sun stay as they are at midnight."""
        self._clock = clock
        self.cells = new_cells()
        self.car = Car()
        self.load_kw, self.sun_kw = _weather()
        if steady:
            self.load_kw[:], self.sun_kw[:] = self.load_kw[:, :1], self.sun_kw[:, :1]
        self._uncontrolled_kw = (self.load_kw - self.sun_kw).T.tolist()
        self.now_s = self.born_s = clock.monotonic()
        self.battery_kw = dict.fromkeys(SITES, 0.0)
        self.car_kw = 0.0
        self.nets: deque[tuple[float, list[float]]] = deque(maxlen=200)
        self.minutes = np.zeros((DAY_MINUTES, 4))
        """Mean power of each battery, then of the car, over each minute of the day."""
        self.stored: list[tuple[float, ...]] = []
        """Stored energy of each battery at every minute's end."""
        self.opposed_kwh = np.zeros(DAY_MINUTES)
        """What flowed from batteries into batteries."""

    def live(self) -> None:
        """Up to now."""
        now_s = self._clock.monotonic()
        if self.nets and now_s - self.now_s < 1e-9:
            return
        while self.now_s < now_s - 1e-9:
            for cell in self.cells.values():
                cell.settle(self.now_s)
            minute_end_s = self.born_s + (math.floor(self.lived_s / 60 + 1e-9) + 1) * 60
            events = [cell.next_event_s() for cell in self.cells.values()]
            ahead = [at for at in (*events, minute_end_s, now_s) if at > self.now_s + 1e-9]
            self._flow(min(ahead))
            if self.now_s == minute_end_s:
                self.stored.append(tuple(c.stored_kwh for c in self.cells.values()))
        self.nets.append((self.now_s, self.nets_kw()))

    @property
    def lived_s(self) -> float:
        return self.now_s - self.born_s

    @property
    def day_s(self) -> float:
        """Since midnight."""
        return self.lived_s - LEAD_S

    def minute(self) -> int:
        return min(max(math.floor(self.day_s / 60 + 1e-9), 0), DAY_MINUTES - 1)

    def nets_kw(self) -> list[float]:
        """Through the connection of each house, now."""
        uncontrolled = self._uncontrolled_kw[self.minute()]
        nets = [kw + self.battery_kw[site] for kw, site in zip(uncontrolled, SITES, strict=True)]
        nets[2] += self.car_kw
        return nets

    def net_before(self, site: int, age_s: float) -> tuple[float, float]:
        """When it was measured at least so long ago, and what it was."""
        when = self.now_s - age_s
        past = ((at, nets) for at, nets in reversed(self.nets) if at <= when + 1e-9)
        at, nets = next(past, self.nets[0])
        return at, nets[site]

    def _flow(self, until_s: float) -> None:
        seconds, minute = until_s - self.now_s, self.minute()
        self.battery_kw = {site: cell.flow(seconds) for site, cell in self.cells.items()}
        self.car_kw = self.car.flow(self.day_s, seconds)
        batteries = [*self.battery_kw.values()]
        if 0 <= self.day_s < DAY_MINUTES * 60:
            for at, power in enumerate((*batteries, self.car_kw)):
                self.minutes[minute, at] += power * seconds / 60
            into, out = (sum(max(sign * kw, 0.0) for kw in batteries) for sign in (1, -1))
            self.opposed_kwh[minute] += min(into, out) * seconds / 3600
        self.now_s = until_s


def _weather() -> tuple[Floats, Floats]:
    """Load and sun of each house in each minute of a day, kW."""
    random = np.random.default_rng(11)
    hour = np.arange(DAY_MINUTES) / 60
    evening = np.exp(-((hour - 20) ** 2) / 5)
    cloud = np.repeat(random.uniform(0.35, 1.0, DAY_MINUTES // 5), 5)
    clear = np.maximum(np.sin((hour - 6) / 12 * np.pi), 0.0)
    noise = np.repeat(random.uniform(0.8, 1.2, (3, DAY_MINUTES // 2)), 2, axis=1)
    load_kw = noise * np.array([[0.8], [1.6], [1.0]]) * (1 + 1.5 * evening)
    return load_kw, np.array(SUN_KW)[:, None] * clear * cloud
