"""A profile as frozen values: registers, what they say of which asset, and how it is steered.

Everything here has been checked by the loader: every name refers to something, and units fit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.profile.units import Dimension
from vpp.domain.capability import Form
from vpp.domain.command import Verb
from vpp.domain.points import Quantity


class Persistence(StrEnum):
    """What a write does to the device."""

    VOLATILE = "volatile"
    """Kept in memory: may be written as often as its interval allows."""
    STORED = "stored"
    """Kept in flash, which wears: written only where it holds another value."""
    UNKNOWN = "unknown"
    """Taken for stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRule:
    """How a point may be written."""

    persistence: Persistence
    min_interval_s: float = 0.0
    per_day: int | None = None

    @property
    def wears(self) -> bool:
        return self.persistence is not Persistence.VOLATILE


@dataclass(frozen=True, slots=True, kw_only=True)
class InModel:
    """A point of a SunSpec model; type, length and scale factor come from its definition."""

    model: int
    point: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AtAddress:
    """A point at a fixed protocol address, counted from 0."""

    address: int
    input_registers: bool
    """Read by function 4 instead of 3."""
    type: str
    """``u16 i16 u32 i32 u64 i64 f32 f64 string bitfield16 bitfield32 enum16 acc32 acc64``."""
    low_first: bool
    """Values of several registers come with the low word first."""
    length: int
    """Registers of a string; 0 where the type says it."""
    scale: float
    scale_point: str | None
    """The point that holds the power of ten to multiply by."""
    missing: tuple[int, ...]
    """Raw values that mean "not implemented", beside those of the type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPoint:
    """One number of the device. Raw x 10^scale x ``factor`` is in house units and sign."""

    name: str
    place: InModel | AtAddress
    dimension: Dimension
    factor: float
    """Unit and sign: negative where the device counts power out of the asset as positive."""
    unit: str
    optional: bool = False
    """A device without it still speaks this profile."""
    write: WriteRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One way to say a quantity: a sum of points, perhaps times another one, a constant, or none.

    It holds if every condition does (raw values) and every point that it needs is implemented.
    """

    when: tuple[tuple[str, frozenset[int]], ...] = ()
    terms: tuple[tuple[str, float], ...] = ()
    times: str | None = None
    constant: float | None = None
    """Where there are no terms."""
    least: float = -math.inf
    """What is below it counts as this."""
    none: bool = False
    """The device holds nothing of the kind: NaN, known to be so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A quantity of an asset: the first choice that holds.

    Where none holds nothing is known; a condition on a point that cannot be read does not hold.
    """

    quantity: Quantity
    choices: tuple[Choice, ...]


class Named(StrEnum):
    """Values of a command that a recipe can write, in the unit of the point written."""

    POWER = "power"
    """The setpoint, in the point's sign."""
    MAGNITUDE = "magnitude"
    """The setpoint without its sign."""
    RATED_CHARGE = "rated_charge"
    RATED_DISCHARGE = "rated_discharge"
    PERCENT_OF_RATING = "percent_of_rating"
    """The setpoint, in the point's sign, as part of the asset's rating."""
    LIFE_S = "life_s"
    """Time left until the setpoint expires, rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOf:
    """The setpoint's magnitude as part of what another point says."""

    point: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BySafeState:
    """Another raw value for each safe state that the device may be configured for."""

    values: Mapping[str, float]


Value = float | Named | PartOf | BySafeState
"""A number is written as it stands, in the point's own raw counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One write; several points stand side by side and go in one request."""

    writes: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """How a write is believed."""

    point: str
    tolerance_kw: float
    tolerance_of_rating: float
    within_s: float


class Arms(StrEnum):
    """What keeps the device's own watchdog from falling back."""

    PER_COMMAND = "per_command"
    """Each command carries its life."""
    ANY_WRITE = "any_write"
    """A fixed time after the last write."""
    NOTHING = "nothing"
    """There is no watchdog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """How often an asset may be switched on and off, city seconds."""

    min_on_s: float = 0.0
    min_off_s: float = 0.0
    starts_per_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How one kind of asset is steered through this device."""

    recipes: Mapping[Verb, tuple[Step, ...]]
    forms: frozenset[Form]
    confirm: Confirmation
    atomic_reversal: bool
    dead_time_s: float
    ramp_of_rating_per_s: float
    resolution_kw: float
    arms: Arms
    watchdog_s: float | None
    refresh_s: float | None
    switched: Switched = Switched()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A counter that must change."""

    point: str
    within_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How the device wants to be spoken to; wire seconds but for the first two."""

    period_s: float = 1.0
    value_age_s: float = 0.0
    """How old a value already is when it is given out."""
    timeout_s: float = 1.0
    min_gap_s: float = 0.0
    connect_delay_s: float = 0.0
    max_clients: int | None = None
    max_registers: int = 125
    max_gap: int = 0
    """Registers between two fixed addresses that may be read along with them."""
    across_models: bool = False
    """SunSpec models that stand one behind the other may be read in one request; where a device
    refuses that, each is read by itself."""
    write_one_with: int = 16
    """Function code for a write of one register: 6 or 16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a kind of device. ``name`` is the file's."""

    name: str
    title: str
    points: Mapping[str, RegisterPoint]
    readings: Mapping[str, tuple[Reading, ...]]
    """By kind of what is measured: ``battery``, ``pv``, ``meter``, ``ev_charger``."""
    identity: Mapping[str, str] = field(default_factory=dict)
    """Point by field of the identity."""
    control: Mapping[str, Control] = field(default_factory=dict)
    heartbeat: Beat | None = None
    shared_ac_rating: bool = False
    """Its assets share an AC rating, which the device's options state."""
    manners: Manners = Manners()
    digest: str = ""
    """Of all that the file says, but for title, source and notes."""
