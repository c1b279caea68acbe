"""Who is spoken to: links, the devices on them, what they carry, and what may be done to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from vpp.domain.ids import AssetId, DeviceId, LinkId, MeterId
from vpp.domain.plain_words import legible
from vpp.domain.points import Quantity


class SafeState(StrEnum):
    """What a device falls back to without us. "Keep the last value for ever" does not exist."""

    AUTONOMOUS = "autonomous"
    """Its own rule, usually following its site's meter."""
    ZERO = "zero"
    FLOOR = "floor"
    """The guaranteed minimum, such as 6 A for a car."""


class Authority(StrEnum):
    """What the daemon may do to a device. Only ``auto`` and ``manual`` pass the write gate."""

    OUT_OF_SERVICE = "out_of_service"
    OBSERVE = "observe"
    SHADOW = "shadow"
    """The whole loop runs and records what it would have written."""
    AUTO = "auto"
    MANUAL = "manual"
    """Only the operator's overrides and protections are written."""
    LOCAL = "local"
    """The device says that it is under local control."""

    @property
    def writable(self) -> bool:
        return self in (Authority.AUTO, Authority.MANUAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a device says it is. An empty field is not compared.

    Characters that steer a terminal are replaced: these are words of the device's own.
    """

    maker: str = ""
    model: str = ""
    serial: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        for one in fields(self):
            object.__setattr__(self, one.name, legible(getattr(self, one.name)))

    def contradicts(self, answered: "Identity") -> str | None:
        """The first stated field that the answering device contradicts; None if it is the one.

        The version is not part of who it is: a change of it is news, handled by authority.
        """
        for name in ("maker", "model", "serial"):
            stated, seen = getattr(self, name), getattr(answered, name)
            if stated and stated != seen:
                return f"{name} is {seen!r}, expected {stated!r}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A connection or a listener with its own pacing and supervision.

    TCP, serial, broker session.
    """

    id: LinkId
    adapter: str
    """Entry-point name in ``vpp.adapters``."""
    host: str = "127.0.0.1"
    port: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    """Belongs to the adapter's factory, which validates it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One asset or meter on a device.

    Which quantities are read here, with what rank, and whether it is written here.
    """

    subject: AssetId | MeterId
    reads: Mapping[Quantity, int] = field(default_factory=dict)
    """Rank by quantity, 0 is the preferred source."""
    writes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An identity on a link, dialled or calling in, that carries assets and meters."""

    id: DeviceId
    link: LinkId
    adapter: str
    profile: str
    identity: Identity = Identity()
    safe: SafeState = SafeState.ZERO
    authority: Authority = Authority.OBSERVE
    carries: tuple[Carried, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    """Belongs to the adapter's factory, which validates it."""

    @property
    def written_assets(self) -> tuple[AssetId, ...]:
        return tuple(AssetId(carried.subject) for carried in self.carries if carried.writes)
