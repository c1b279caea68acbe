"""Powers of many assets against absolute time, worked out a day at a time when asked for."""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from simulators.inputs.noise import Floats

DAY_S = 86_400
NODE_S = 60
"""Between two nodes a power is a straight line."""
KEPT_DAYS = 3

NODES = np.arange(DAY_S // NODE_S + 1) * float(NODE_S)

PowerAt = Callable[[Floats], Floats]
"""From instants (seconds since 1970) to watts, of shape (asset, instant)."""


class Traces:
    """Piecewise linear powers with their exact integral; all instants in seconds since 1970."""

    def __init__(self, power_at: PowerAt) -> None:
        self._power_at = power_at
        self._days: OrderedDict[int, tuple[Floats, Floats]] = OrderedDict()

    def power_w(self, at_s: float) -> Floats:
        """Power of each asset at an instant."""
        power, _ = self._day(int(at_s // DAY_S))
        node, part = divmod(at_s % DAY_S, NODE_S)
        left, right = power[int(node)], power[int(node) + 1]
        return left + (right - left) * (part / NODE_S)

    def energy_wh(self, from_s: float, until_s: float) -> Floats:
        """Energy of each asset over ``[from_s, until_s)``."""
        day, last = int(from_s // DAY_S), int(until_s // DAY_S)
        energy = self._since_midnight_wh(until_s) - self._since_midnight_wh(from_s)
        for whole in range(day, last):
            energy = energy + self._day(whole)[1][-1]
        return energy

    def _since_midnight_wh(self, at_s: float) -> Floats:
        power, energy = self._day(int(at_s // DAY_S))
        node, part = divmod(at_s % DAY_S, NODE_S)
        left, right = power[int(node)], power[int(node) + 1]
        mean = left + (right - left) * (part / (2 * NODE_S))
        return energy[int(node)] + mean * (part / 3600)

    def _day(self, day: int) -> tuple[Floats, Floats]:
        """Powers at the nodes of a UTC day and the energy since its midnight, (node, asset)."""
        if day not in self._days:
            power = np.ascontiguousarray(self._power_at(day * float(DAY_S) + NODES).T)
            energy = np.zeros_like(power)
            np.cumsum((power[1:] + power[:-1]) * (NODE_S / 7200), axis=0, out=energy[1:])
            self._days[day] = power, energy
            while len(self._days) > KEPT_DAYS:
                self._days.popitem(last=False)
        return self._days[day]
