"""The demand of a building: nothing can be told to it."""

from simulators.city import Load


class LoadUnit:
    """One load; watts, always consuming."""

    def __init__(self, plant: Load) -> None:
        self.plant = plant
        self.power_w = 0.0
        self.energy_wh = 0.0

    @property
    def net_wh(self) -> float:
        """Energy taken so far."""
        return self.energy_wh

    def advance(self, power_w: float, energy_wh: float) -> None:
        """Takes the power at the end of a step and the energy over it."""
        self.power_w = power_w
        self.energy_wh += energy_wh
