"""What may stand in a payload: bounded types, checked at the edge. House units and house sign."""

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

LARGEST_PAYLOAD = 64 * 1024
"""Bytes."""
SCHEMA = 1

Name = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=4096)]
Instant = Annotated[datetime, Meta(tz=True)]
Power = Annotated[float, Meta(ge=-1e6, le=1e6)]
Magnitude = Annotated[float, Meta(ge=0, le=1e6)]
Counter = Annotated[float, Meta(ge=0, le=1e12)]
Share = Annotated[float, Meta(ge=-0.05, le=1.05)]
"""A fraction with room for rounding; a percentage does not fit."""
Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Source = Literal["car", "driver", "station", "default"]
Trust = Literal["good", "stale", "suspect", "missing"]
Working = Literal["off", "standby", "running", "fault", "local"]
Said = TypeVar("Said", bound=Struct)


class MetaAsset(Struct, frozen=True, kw_only=True):
    """One asset as the device describes it."""

    kind: Name = ""
    allowed: Annotated[tuple[tuple[Power, Power], ...], Meta(max_length=16)] = ()
    """Allowed powers as closed intervals in rising order, positive into the asset."""


class MetaMessage(Struct, frozen=True, kw_only=True):
    """Retained: who the device is and what it carries."""

    maker: Name = ""
    model: Name = ""
    serial: Name = ""
    fw: Name = ""
    schema: int
    assets: Annotated[dict[Name, MetaAsset], Meta(max_length=256)]


class StatusMessage(Struct, frozen=True, kw_only=True):
    """Retained, and the will."""

    online: bool
    boot: Whole
    """Counts the lives of the device."""
    ts: Instant | None = None


class TelemetryAsset(Struct, frozen=True, kw_only=True):
    """Named as ``Quantity`` names them; what is left out or null was not measured."""

    power_kw: Power | None = None
    soc: Share | None = None
    available_kwh: Counter | None = None
    health: Share | None = None
    energy_in_kwh: Counter | None = None
    energy_out_kwh: Counter | None = None
    limit_charge_kw: Magnitude | None = None
    limit_discharge_kw: Magnitude | None = None
    available_kw: Magnitude | None = None
    current_l1_a: Power | None = None
    current_l2_a: Power | None = None
    current_l3_a: Power | None = None
    reversion_s: Magnitude | None = None
    uptime_s: Counter | None = None
    setpoint_kw: Power | UnsetType | None = UNSET
    """Null: the device holds none; left out: it does not tell."""
    state: Working | None = None
    quality: Annotated[dict[Name, Trust], Meta(max_length=64)] = {}


class TelemetryMessage(Struct, frozen=True, kw_only=True):
    """Not retained: what was measured together."""

    ts: Instant
    seq: Whole
    assets: Annotated[dict[Name, TelemetryAsset], Meta(max_length=256)]


class SessionAsset(Struct, frozen=True, kw_only=True):
    """One connector; without ``plugged`` the rest says nothing."""

    plugged: bool
    id: Name = ""
    arrival: Instant | None = None
    departure: Instant | None = None
    need_kwh: Counter | None = None
    delivered_kwh: Counter = 0.0
    min_kw: Magnitude = 0.0
    max_kw: Magnitude = 0.0
    phases: Annotated[int, Meta(ge=1, le=3)] | None = None
    provenance: Annotated[dict[Name, Source | None], Meta(max_length=64)] = {}


class SessionMessage(Struct, frozen=True, kw_only=True):
    """Retained: who is plugged in."""

    ts: Instant | None = None
    assets: Annotated[dict[Name, SessionAsset], Meta(max_length=256)]


class AlarmMessage(Struct, frozen=True, kw_only=True):
    """Not retained: something began or ended."""

    id: Name
    severity: Name
    text: Text = ""
    active: bool


class AckMessage(Struct, frozen=True, kw_only=True):
    """Not retained: the answer to one command."""

    id: Name
    state: Literal["accepted", "applied", "rejected", "expired"]
    power_kw: Power | None = None
    reason: Text | None = None
    seq: Whole | None = None
    """Of the command answered; a device may leave it out."""


class Malformed(ValueError):
    """A payload that is not of the convention."""


class Oversized(Malformed):
    """A payload beyond the cap; it is not even looked at."""


class Format(Generic[Said]):
    """Reads one kind of message."""

    def __init__(self, kind: type[Said]) -> None:
        self._decoder = msgspec.json.Decoder(kind)

    def read(self, payload: bytes) -> Said:
        """The message.

        Raises:
            Malformed: it is too long, no JSON, or not of this kind.
        """
        if len(payload) > LARGEST_PAYLOAD:
            raise Oversized(f"{len(payload)} bytes, at most {LARGEST_PAYLOAD} are read")
        try:
            return self._decoder.decode(payload)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as wrong:
            raise Malformed(str(wrong)) from wrong


META = Format(MetaMessage)
STATUS = Format(StatusMessage)
TELEMETRY = Format(TelemetryMessage)
SESSION = Format(SessionMessage)
ALARM = Format(AlarmMessage)
ACK = Format(AckMessage)
