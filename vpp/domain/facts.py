"""What a profile promises of one device: how it is polled, written, watched and believed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vpp.domain.capability import Capability, SharedLimit
from vpp.domain.ids import AssetId


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """How a write is believed: the point read back, within a tolerance and a time."""

    tolerance_kw: float = 0.1
    within_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """All times in city seconds, but for ``timeout_s``, which is on the wire."""

    capabilities: Mapping[AssetId, Capability] = field(default_factory=dict)
    """Of the assets that are written through this device."""
    shared_limits: tuple[SharedLimit, ...] = ()
    poll_period_s: float = 1.0
    timeout_s: float = 1.0
    meter_age_s: float = 0.0
    """How old a value already is when the device gives it out."""
    min_write_interval_s: float = 5.0
    writes_per_day: int | None = None
    refresh_s: float | None = 10.0
    """None: the register is stored or of unknown persistence and is never refreshed
    periodically."""
    watchdog_s: float | None = None
    """Fixed time after which the device falls back by itself.

    None where it is armed per command or does not exist.
    """
    heartbeat_s: float | None = None
    """How often the device's heartbeat must change."""
    confirm: Confirm = Confirm()
    atomic_reversal: bool = False
    """Charge to discharge may be one write; else it passes through idle."""
    profile_digest: str = ""
    """Of what the profile says; another one under the same name is another profile."""
