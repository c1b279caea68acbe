"""The shape of a profile file, version 1; what the shape cannot say is checked in ``check``."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from adapters.profile.profile import Arms, Named, Persistence
from adapters.profile.units import UNITS
from vpp.domain.command import Verb
from vpp.domain.points import Quantity

Name = Annotated[str, Field(min_length=1)]
Kind = Literal["battery", "pv", "ev_charger", "meter"]
WireTypeName = Literal[
    "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "string",
    "bitfield16", "bitfield32", "enum16", "enum32", "acc16", "acc32", "acc64",
]  # fmt: skip
SignName = Literal["into_asset_positive", "out_of_asset_positive", "unsigned"]
Said = Literal["off", "standby", "running", "fault", "local", "none"]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]


def _number(value: Any) -> Any:
    """Registers are often written in hexadecimal."""
    if isinstance(value, str) and value.lower().startswith("0x"):
        return int(value, 16)
    return value


def _list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _unit(value: str) -> str:
    if value not in UNITS:
        raise ValueError(f"no unit {value!r}; there are {', '.join(UNITS)}")
    return value


UnitName = Annotated[str, AfterValidator(_unit)]
Raw = Annotated[int, Field(strict=True), BeforeValidator(_number)]
Raws = Annotated[list[Raw], BeforeValidator(_list)]


class Entry(BaseModel):
    """Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WriteEntry(Entry):
    """What writing a point does, and how often it may be done."""

    persistence: Persistence
    min_interval_s: Seconds = 0.0
    per_day: Annotated[int, Field(gt=0)] | None = None


class PointEntry(Entry):
    """A number of the device: of a SunSpec model, or at an address."""

    model: Annotated[int, Field(gt=0, lt=65535)] | None = None
    point: Name | None = None
    address: Annotated[Raw, Field(ge=0, le=65535)] | None = None
    function: Literal["holding", "input"] = "holding"
    type: WireTypeName | None = None
    words: Literal["high_first", "low_first"] = "high_first"
    length: Annotated[int, Field(gt=0, le=123)] | None = None
    scale: Finite = 1.0
    scale_point: Name | None = None
    missing: Raws = []
    unit: UnitName = "none"
    sign: SignName | None = None
    optional: bool = False
    write: WriteEntry | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "PointEntry":
        if (self.model is None) == (self.address is None):
            raise ValueError("needs exactly one of 'model' and 'address'")
        if self.model is not None:
            stray = {"function", "type", "words", "length", "scale", "scale_point", "missing"}
            for name in sorted(stray & self.model_fields_set):
                raise ValueError(f"'{name}' comes from the SunSpec definition; leave it out")
            return self
        if "point" in self.model_fields_set:
            raise ValueError("'point' names a point of a SunSpec model; leave it out")
        if self.type is None:
            raise ValueError("a point at an address needs its 'type'")
        if (self.type == "string") != (self.length is not None):
            raise ValueError("'length' in registers belongs to a string, and only to it")
        return self


class ChoiceEntry(Entry):
    """One way to say a quantity."""

    when: dict[Name, Raws] = {}
    of: Name | dict[Name, Finite] | None = None
    times: Name | None = None
    is_: Said | None = Field(default=None, alias="is")
    value: Finite | None = None
    least: Finite | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> "ChoiceEntry":
        if sum(said is not None for said in (self.of, self.is_, self.value)) != 1:
            raise ValueError("needs exactly one of 'of', 'is' and 'value'")
        return self


def _choices(value: Any) -> Any:
    """A point's name, one choice, or a list of them."""
    listed = value if isinstance(value, list) else [value]
    return [{"of": choice} if isinstance(choice, str) else choice for choice in listed]


ReadingEntry = Annotated[list[ChoiceEntry], Field(min_length=1), BeforeValidator(_choices)]


class PartOfEntry(Entry):
    """The setpoint's magnitude as part of what another point says."""

    part_of: Name


class SafeEntry(Entry):
    """Another raw value for each safe state; a floor is zero where none is named."""

    autonomous: Finite
    zero: Finite
    floor: Finite | None = None


ValueEntry = Annotated[Finite, BeforeValidator(_number)] | Named | PartOfEntry | SafeEntry
Recipe = Annotated[
    list[Annotated[dict[Name, ValueEntry], Field(min_length=1)]], Field(min_length=1)
]


class ConfirmEntry(Entry):
    """How a write is believed."""

    point: Name
    tolerance_kw: Seconds = 0.1
    tolerance_percent: Seconds = 0.0
    within_s: Seconds = 5.0


class WatchdogEntry(Entry):
    """What keeps the device's own watchdog from falling back."""

    arms: Arms
    seconds: Positive | None = None
    refresh_s: Positive = 10.0

    @model_validator(mode="after")
    def _timed(self) -> "WatchdogEntry":
        if (self.arms == Arms.ANY_WRITE) != (self.seconds is not None):
            raise ValueError("'seconds' belongs to 'arms: any_write', and only to it")
        return self


class SwitchedEntry(Entry):
    """How often an asset may be switched on and off (city seconds)."""

    min_on_s: Seconds = 0.0
    min_off_s: Seconds = 0.0
    starts_per_day: Annotated[int, Field(gt=0, strict=True)] | None = None


class ControlEntry(SwitchedEntry):
    """How one kind of asset is steered."""

    recipes: Annotated[dict[Verb, Recipe], Field(min_length=1)]
    confirm: ConfirmEntry
    watchdog: WatchdogEntry
    atomic_reversal: bool = False
    dead_time_s: Seconds = 0.0
    ramp_percent_per_s: Positive | None = None
    resolution_kw: Seconds = 0.0


class HeartbeatEntry(Entry):
    """A counter that must change within this time."""

    point: Name
    within_s: Positive


class PollEntry(Entry):
    """How often to read, and how old a value already is then (city seconds)."""

    period_s: Positive = 1.0
    value_age_s: Seconds = 0.0


class LinkEntry(Entry):
    """How the device wants to be spoken to (wire seconds)."""

    timeout_s: Annotated[float, Field(gt=0, le=60, strict=True)] = 1.0
    min_gap_s: Seconds = 0.0
    connect_delay_s: Seconds = 0.0
    max_clients: Annotated[int, Field(gt=0)] | None = None
    max_registers: Annotated[int, Field(gt=0, le=125)] = 125
    max_gap: Annotated[int, Field(ge=0, le=124)] = 0
    across_models: bool = False
    write_one_with: Literal[6, 16] = 16


class HeadEntry(Entry):
    """What every profile says first, whatever its device speaks."""

    schema_: Literal[1] = Field(alias="schema")
    protocol: str
    title: Name
    source: Name
    notes: str = ""


class ProfileFile(HeadEntry):
    """The whole file of a device that speaks Modbus."""

    protocol: Literal["modbus"]
    poll: PollEntry = PollEntry()
    link: LinkEntry = LinkEntry()
    points: Annotated[dict[Name, PointEntry], Field(min_length=1)]
    identity: dict[Literal["maker", "model", "serial", "version"], Name] = {}
    readings: dict[
        Kind,
        Annotated[
            dict[Quantity, ReadingEntry],
            Field(min_length=1),
        ],
    ]
    control: dict[Kind, ControlEntry] = {}
    heartbeat: HeartbeatEntry | None = None
    shared_ac_rating: bool = False
