"""A car's visit to a connector, as fate has it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EvSession:
    """One plugged-in stay: what the car needs, what it can draw, and what it tells.

    ``energy_wh`` is what it takes at the connector until it is content; ``min_w`` is what it draws
    at 6 A on its phases, below which it does not charge; ``max_w`` what the connector's conductors
    and its own charger can carry on these phases; times are aware UTC.
    """

    id: str
    charger: str
    arrival: datetime
    departure: datetime
    energy_wh: float
    min_w: float
    max_w: float
    phases: int
    announces_departure: bool
    announces_need: bool

    def missing_wh(self, instant: datetime) -> float:
        """What it still needs at an instant if it has charged with full power since it came."""
        waited_h = max(0.0, (instant - self.arrival).total_seconds()) / 3600
        return max(0.0, self.energy_wh - self.max_w * waited_h)
