"""What a portfolio is run for: the named order of goals, and what side goals are worth."""

from dataclasses import dataclass
from enum import StrEnum

from vpp.domain.errors import InvariantError


class Order(StrEnum):
    """A named order of the planning stages."""

    LOCAL = "local"
    """Local renewable energy first, then cost, then wear, then stability."""
    COST = "cost"
    """Cost before local use."""
    GRID = "grid"
    """The one declared weighted mode: cost, CO2, ramp and load factor, each over its no-storage
    value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """Order and side goals of a portfolio."""

    order: Order = Order.LOCAL
    allowance: float = 0.001
    """Part of the import that peak, flattening and ramp may cost in local use, over a year."""
    flatten_per_kw2: float | None = None
    """Cost of an imported kW squared, per hour, in the unit of the order's first stage. None, here
    and below: the planner's usual one, which goes with the size of the pool's storages."""
    ramp_per_kw: float | None = None
    """Cost of a change of the mean grid power from slot to slot."""
    peak_per_kw: float | None = None
    """Cost of a kW above the peak threshold, per hour."""
    co2_per_kg: float = 0.0
    """Price of CO2 in the portfolio's currency."""

    def __post_init__(self) -> None:
        for name in (
            "allowance",
            "flatten_per_kw2",
            "ramp_per_kw",
            "peak_per_kw",
            "co2_per_kg",
        ):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise InvariantError(f"goals: {name} is {value}, expected 0 or more")
