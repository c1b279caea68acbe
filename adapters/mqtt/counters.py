"""What went wrong or was left out, counted; reading them changes nothing."""

from dataclasses import dataclass


@dataclass(slots=True)
class DeviceCounters:
    """Of one device, since the link was opened."""

    received: int = 0
    malformed: int = 0
    """Not of the convention: wrong type, unit range, depth or text."""
    oversized: int = 0
    retained: int = 0
    """Retained where the convention knows nothing retained: old, dropped."""
    duplicates: int = 0
    older: int = 0
    """Overtaken by something newer."""
    restarts: int = 0
    old_wills: int = 0
    """Statuses of an earlier life of the device."""
    skewed: int = 0
    """Source time more than 5 s from ours."""
    unknown_assets: int = 0
    dropped: int = 0
    """Telemetry that gave way to newer telemetry because nobody took it."""
    unmatched_acks: int = 0


@dataclass(slots=True)
class LinkCounters:
    """Of one broker session, since the link was opened."""

    connections: int = 0
    failures: int = 0
    """Attempts that came to nothing."""
    losses: int = 0
    unknown_topics: int = 0
