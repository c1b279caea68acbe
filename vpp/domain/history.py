"""Recorded slot means: what forecasts learn from and scores are made of."""

from dataclasses import dataclass
from datetime import datetime

from vpp.domain.points import Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Time-weighted mean of one quantity of one subject over one slot."""

    subject: str
    """Id of an asset, meter, site or pool."""
    quantity: Quantity
    start: datetime
    step_s: float
    value: float
    """House unit and sign; for SoC the value at the slot's end."""
    coverage: float
    """Part of the slot in which the value was GOOD, 0..1."""
