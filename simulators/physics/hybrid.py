"""A hybrid inverter: PV and battery behind one AC rating, coupled on the DC side."""

from dataclasses import dataclass

from simulators.physics.battery import BatteryUnit
from simulators.physics.pv import PvUnit


@dataclass(frozen=True, slots=True, eq=False)
class HybridUnit:
    """AC power = PV + battery, held within the rating; the sun goes before the battery.

    A charging battery takes PV on the DC side, so that PV beyond the rating is not lost.
    """

    battery: BatteryUnit
    pv: PvUnit
    rating_w: float

    @property
    def ac_w(self) -> float:
        """Power at the AC terminals, positive into the inverter."""
        return self.battery.power_w + self.pv.power_w

    def advance(self, now_s: float, available_w: float, available_wh: float) -> None:
        """Moves battery, then PV: discharging yields to the sun, the rest clips the sun."""
        step_s = now_s - self.battery.now_s
        if step_s <= 0:
            return
        mean_w = available_wh * 3600 / step_s
        most_w = min(max(mean_w, available_w), self.pv.ceiling_w)
        least_w = min(mean_w, available_w, self.pv.ceiling_w)
        if self.pv.limit_w is not None:
            least_w = min(least_w, self.pv.limit_w)
        self.battery.bind_hardware(-max(0.0, self.rating_w - most_w), self.rating_w + least_w)
        before_wh = self.battery.net_wh
        self.battery.advance(now_s)
        mean_battery_w = (self.battery.net_wh - before_wh) * 3600 / step_s
        cap_w = self.rating_w + min(mean_battery_w, self.battery.power_w)
        self.pv.advance(now_s, available_w, available_wh, cap_w)
