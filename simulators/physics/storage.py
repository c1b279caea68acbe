"""The cells of a battery: stored energy, losses, and what they accept near full and empty."""

from simulators.city import Battery

TAPER_FULL = 0.08
"""Below full by this share of the window the charging power begins to fall, linearly."""
TAPER_EMPTY = 0.04
"""The same for discharging, above empty."""
TRICKLE = 0.02
"""Share of the rating that a taper never goes below, so that full is reached at all."""
TAPER_STEP_S = 5.0
"""The longest step for which the limits of a tapering battery are taken as constant."""


class Storage:
    """Stored energy of one battery and the powers that it can take and give, at AC.

    ``stored = eta_charge * in - out / eta_discharge``; the window is soc_min..soc_max of the
    present capacity. Limits are magnitudes in watts.
    """

    def __init__(self, plant: Battery) -> None:
        self.plant = plant
        self.capacity_wh = plant.capacity_wh * plant.health
        self.lowest_wh = plant.soc_min * self.capacity_wh
        self.highest_wh = plant.soc_max * self.capacity_wh
        self.stored_wh = plant.soc_start * self.capacity_wh
        self.charged_wh = 0.0
        self.discharged_wh = 0.0
        window_wh = self.highest_wh - self.lowest_wh
        self._taper_full_wh = TAPER_FULL * window_wh
        self._taper_empty_wh = TAPER_EMPTY * window_wh

    def charge_limit_w(self, step_s: float) -> float:
        """What it takes for ``step_s``: rating, taper, and no more than fits."""
        room_wh = self.highest_wh - self.stored_wh
        fits_w = max(0.0, room_wh * 3600 / (self.plant.eta_charge * step_s))
        taper = min(1.0, max(TRICKLE, room_wh / self._taper_full_wh))
        return min(self.plant.charge_w * taper, fits_w)

    def discharge_limit_w(self, step_s: float) -> float:
        """What it gives for ``step_s``: rating, taper, and no more than is there."""
        left_wh = self.stored_wh - self.lowest_wh
        holds_w = max(0.0, left_wh * 3600 * self.plant.eta_discharge / step_s)
        taper = min(1.0, max(TRICKLE, left_wh / self._taper_empty_wh))
        return min(self.plant.discharge_w * taper, holds_w)

    def steady_step_s(self, step_s: float) -> float:
        """The step, cut short where the limits may change within it."""
        if step_s <= TAPER_STEP_S:
            return step_s
        reach_wh = max(self.plant.charge_w, self.plant.discharge_w) * step_s / 1800
        near_full = self.highest_wh - self.stored_wh < self._taper_full_wh + reach_wh
        near_empty = self.stored_wh - self.lowest_wh < self._taper_empty_wh + reach_wh
        return TAPER_STEP_S if near_full or near_empty else step_s

    def exchange(self, net_wh: float) -> None:
        """Takes energy from the AC side (positive) or gives it back (negative).

        The limits keep it within the window; the clamps only take off rounding.
        """
        if net_wh >= 0:
            self.charged_wh += net_wh
            stored_wh = self.stored_wh + net_wh * self.plant.eta_charge
            self.stored_wh = min(stored_wh, self.highest_wh)
        else:
            self.discharged_wh -= net_wh
            stored_wh = self.stored_wh + net_wh / self.plant.eta_discharge
            self.stored_wh = max(stored_wh, self.lowest_wh)
