"""Units of devices, and what one of each is in house units."""

from dataclasses import dataclass
from enum import StrEnum

from vpp.domain.points import Quantity


class Dimension(StrEnum):
    """What a number measures."""

    POWER = "power"
    ENERGY = "energy"
    FRACTION = "fraction"
    TIME = "time"
    CURRENT = "current"
    VOLTAGE = "voltage"
    COUNT = "count"
    """Plain numbers: modes, states, bits, counters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit that devices use; one of it is ``factor`` house units (kW, kWh, 0..1, s, A, V)."""

    dimension: Dimension
    factor: float


UNITS = {
    "W": Unit(dimension=Dimension.POWER, factor=1e-3),
    "kW": Unit(dimension=Dimension.POWER, factor=1.0),
    "MW": Unit(dimension=Dimension.POWER, factor=1e3),
    "Wh": Unit(dimension=Dimension.ENERGY, factor=1e-3),
    "kWh": Unit(dimension=Dimension.ENERGY, factor=1.0),
    "MWh": Unit(dimension=Dimension.ENERGY, factor=1e3),
    "%": Unit(dimension=Dimension.FRACTION, factor=1e-2),
    "0.1 %": Unit(dimension=Dimension.FRACTION, factor=1e-3),
    "1": Unit(dimension=Dimension.FRACTION, factor=1.0),
    "ms": Unit(dimension=Dimension.TIME, factor=1e-3),
    "s": Unit(dimension=Dimension.TIME, factor=1.0),
    "min": Unit(dimension=Dimension.TIME, factor=60.0),
    "mA": Unit(dimension=Dimension.CURRENT, factor=1e-3),
    "A": Unit(dimension=Dimension.CURRENT, factor=1.0),
    "mV": Unit(dimension=Dimension.VOLTAGE, factor=1e-3),
    "V": Unit(dimension=Dimension.VOLTAGE, factor=1.0),
    "none": Unit(dimension=Dimension.COUNT, factor=1.0),
}

_BY_ENDING = {
    "_kw": Dimension.POWER,
    "_kwh": Dimension.ENERGY,
    "_s": Dimension.TIME,
    "_a": Dimension.CURRENT,
}
SIGNED = (Quantity.POWER_KW, Quantity.SETPOINT_KW)
"""Quantities in which the direction of power shows."""


def dimension_of(quantity: Quantity) -> Dimension:
    """What a quantity measures; the unit ends its name."""
    if quantity is Quantity.STATE:
        return Dimension.COUNT
    ending = quantity.value[quantity.value.rfind("_") :] if "_" in quantity.value else ""
    return _BY_ENDING.get(ending, Dimension.FRACTION)
