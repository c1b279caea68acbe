"""What can be measured of an asset or a meter, in house units and signs."""

from dataclasses import dataclass
from enum import StrEnum

from vpp.domain.ids import AssetId, MeterId


class Quantity(StrEnum):
    """The unit ends the name; power is positive into the asset, at a meter positive is import."""

    POWER_KW = "power_kw"
    SOC = "soc"
    """Fraction 0..1 of the usable window."""
    AVAILABLE_KWH = "available_kwh"
    """Stored energy that the device reports."""
    HEALTH = "health"
    """Remaining part of the rated capacity, 0..1."""
    ENERGY_IN_KWH = "energy_in_kwh"
    """Counter, never falls; at a meter: import."""
    ENERGY_OUT_KWH = "energy_out_kwh"
    """Counter, never falls; at a meter: export."""
    LIMIT_CHARGE_KW = "limit_charge_kw"
    """What the device can take in now, magnitude."""
    LIMIT_DISCHARGE_KW = "limit_discharge_kw"
    """What the device can give out now, magnitude."""
    AVAILABLE_KW = "available_kw"
    """What PV could produce uncurtailed, magnitude."""
    HELD_BACK = "held_back"
    """1 while a ceiling keeps PV below what the sun would let it give, else 0; its mean is the part
    of the time. Only on record, and only where it is not 0: here and up to ``LIMITED``."""
    OFFLINE = "offline"
    """1 while the device that writes a battery does not answer."""
    NOT_OBEYING = "not_obeying"
    """1 while a battery does not do what it was told."""
    BY_HAND = "by_hand"
    """1 while a battery is overridden, or its device under another authority than ``auto``."""
    BLIND = "blind"
    """1 while a battery is in its safe state for any other reason, as that no meter sees it."""
    LIMITED = "limited"
    """1 while limits from above or from outside leave a pool less than it would take or give."""
    UNCONTROLLED_KW = "uncontrolled_kw"
    """Loads of a pool less what its sun could give: its net with storages at rest and no cars.
    Only foreseen."""
    SETPOINT_KW = "setpoint_kw"
    """The setpoint the device holds, read back, house sign; NaN with quality GOOD while it holds
    none."""
    REVERSION_S = "reversion_s"
    """Time left until the device's own watchdog falls back."""
    UPTIME_S = "uptime_s"
    """Time since the device started; one that has fallen means that it started anew."""
    STATE = "state"
    """Operating state as ``OperatingState``."""
    CURRENT_L1_A = "current_l1_a"
    CURRENT_L2_A = "current_l2_a"
    CURRENT_L3_A = "current_l3_a"
    AIR_C = "air_c"
    """Of the weather, as the next two: temperature two metres above the ground."""
    GHI_W_PER_M2 = "ghi_w_per_m2"
    """Global irradiance on a level plane."""
    DHI_W_PER_M2 = "dhi_w_per_m2"
    """Of that the part that comes from the whole sky and not straight from the sun."""
    ISSUED_S = "issued_s"
    """When a weather forecast became known, seconds since 1970 UTC; only on record."""


class OperatingState:
    """Values of ``Quantity.STATE``; floats, since a batch is one float array."""

    OFF = 0.0
    STANDBY = 1.0
    RUNNING = 2.0
    FAULT = 3.0
    LOCAL = 4.0
    """Under local control: setpoints from outside are not followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One quantity of one asset or meter."""

    subject: AssetId | MeterId
    quantity: Quantity

    def __str__(self) -> str:
        return f"{self.subject}.{self.quantity}"
