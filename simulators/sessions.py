"""A car's visit to a connector, as fate has it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EvSession:
    """One plugged-in stay: what the car needs, what it can draw, and what it tells.

    ``energy_wh`` is what it takes at the connector until it is content; ``min_w`` is what it draws
    at 6 A on its phases, below which it does not charge; times are aware UTC.
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
