"""Powers of many assets against absolute time, worked out by the hour when asked for."""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from simulators.inputs.noise import Floats

BLOCK_S = 7200
NODE_S = 60
"""Between two nodes a power is a straight line."""
KEPT_BLOCKS = 4

NODES: Floats = np.arange(BLOCK_S // NODE_S + 1, dtype=np.float64) * NODE_S

PowerAt = Callable[[Floats], Floats]
"""From instants (seconds since 1970) to watts, of shape (asset, instant)."""


class Traces:
    """Piecewise linear powers with their exact integral; all instants in seconds since 1970."""

    def __init__(self, power_at: PowerAt) -> None:
        self._power_at = power_at
        self._blocks: OrderedDict[int, tuple[Floats, Floats]] = OrderedDict()

    def power_w(self, at_s: float) -> Floats:
        """Power of each asset at an instant."""
        power, _ = self._block(int(at_s // BLOCK_S))
        node, part = divmod(at_s % BLOCK_S, NODE_S)
        left, right = power[int(node)], power[int(node) + 1]
        return np.asarray(left + (right - left) * (part / NODE_S))

    def energy_wh(self, from_s: float, until_s: float) -> Floats:
        """Energy of each asset over ``[from_s, until_s)``."""
        first, last = int(from_s // BLOCK_S), int(until_s // BLOCK_S)
        energy = self._since_block_wh(until_s) - self._since_block_wh(from_s)
        for whole in range(first, last):
            energy = energy + self._block(whole)[1][-1]
        return energy

    def _since_block_wh(self, at_s: float) -> Floats:
        power, energy = self._block(int(at_s // BLOCK_S))
        node, part = divmod(at_s % BLOCK_S, NODE_S)
        left, right = power[int(node)], power[int(node) + 1]
        mean = left + (right - left) * (part / (2 * NODE_S))
        return np.asarray(energy[int(node)] + mean * (part / 3600))

    def _block(self, number: int) -> tuple[Floats, Floats]:
        """Powers at the nodes of a block and the energy since its beginning, (node, asset)."""
        if number not in self._blocks:
            power = np.ascontiguousarray(self._power_at(number * float(BLOCK_S) + NODES).T)
            energy = np.zeros_like(power)
            np.cumsum((power[1:] + power[:-1]) * (NODE_S / 7200), axis=0, out=energy[1:])
            self._blocks[number] = power, energy
            while len(self._blocks) > KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return self._blocks[number]
