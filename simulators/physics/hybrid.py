"""A hybrid inverter: PV and battery behind one AC rating, coupled on the DC side."""

from math import inf

from simulators.physics.battery import BatteryUnit
from simulators.physics.pv import PvUnit
from simulators.physics.watchdog import Armed


class HybridUnit:
    """AC power = PV + battery, held within the rating; the sun goes before the battery.

    A charging battery takes PV on the DC side, so that PV beyond the rating is not lost. A limit of
    what the whole inverter gives acts at once, as a smaller rating in that direction would.
    """

    def __init__(self, battery: BatteryUnit, pv: PvUnit, rating_w: float) -> None:
        self.battery = battery
        self.pv = pv
        self.rating_w = rating_w
        self._limit: Armed[float] = Armed(inf)
        self._afterwards_w = inf

    @property
    def ac_w(self) -> float:
        """Power at the AC terminals, positive into the inverter."""
        return self.battery.power_w + self.pv.power_w

    @property
    def most_given_w(self) -> float:
        """What the inverter may give at its AC terminals now, as a magnitude."""
        return min(self.rating_w, self._limit.value)

    def limit(self, given_w: float, valid_s: float | None, then_w: float) -> None:
        """Give no more than this for ``valid_s`` seconds; afterwards no more than ``then_w``."""
        self._limit = Armed.at(given_w, self.battery.now_s, valid_s)
        self._afterwards_w = then_w

    def release(self) -> None:
        """Give up to the rating."""
        self._limit = Armed(inf)

    def advance(self, now_s: float, available_w: float, available_wh: float) -> None:
        """Moves battery, then PV: discharging yields to the sun, the rest clips the sun."""
        step_s = now_s - self.battery.now_s
        if step_s <= 0:
            return
        if self._limit.expires_s < now_s:
            self._limit = Armed(self._afterwards_w)
        mean_w = available_wh * 3600 / step_s
        most_w = min(max(mean_w, available_w), self.pv.ceiling_w)
        least_w = min(mean_w, available_w, self.pv.ceiling_w)
        if self.pv.limit_w is not None:
            least_w = min(least_w, self.pv.limit_w)
        given_w = self.most_given_w
        self.battery.sun_w = max(0.0, least_w)
        self.battery.spare_sun_w = max(0.0, least_w - given_w)
        self.battery.bind_hardware(-max(0.0, given_w - most_w), self.rating_w + least_w)
        before_wh = self.battery.net_wh
        self.battery.advance(now_s)
        mean_battery_w = (self.battery.net_wh - before_wh) * 3600 / step_s
        cap_w = given_w + min(mean_battery_w, self.battery.power_w)
        self.pv.advance(now_s, available_w, available_wh, cap_w)
