"""What a device itself complains of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAlarm:
    """One complaint that stands; the device names and words it."""

    id: str
    severity: str
    text: str
