"""Topics of one device: ``vpp/1/<site>/<device>/<suffix>``."""

from dataclasses import dataclass

SPOKEN = ("meta", "status", "telemetry", "session", "alarm", "ack")
"""What a device says; ``cmd`` is what it is told."""
REMEMBERED = frozenset(("meta", "status", "session"))
"""What the broker retains; anything else that arrives retained is old news and is dropped."""


@dataclass(frozen=True, slots=True)
class DeviceTopics:
    """The subtree of one device."""

    site: str
    device: str

    def of(self, suffix: str) -> str:
        return f"vpp/1/{self.site}/{self.device}/{suffix}"

    @property
    def spoken(self) -> tuple[str, ...]:
        return tuple(self.of(suffix) for suffix in SPOKEN)

    @property
    def command(self) -> str:
        return self.of("cmd")


def is_level(text: str) -> bool:
    """Whether this can stand as one level of a topic."""
    return bool(text) and not any(sign in text for sign in "/+#\0")
