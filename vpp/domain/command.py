"""What leaves for a device, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vpp.domain.ids import DeviceId
from vpp.domain.setpoint import Setpoint


class WriteClass(StrEnum):
    """The classes that pass the write gate."""

    COMMAND = "command"
    """A new value: intent on disk first."""
    REFRESH = "refresh"
    """The same value under the same lease: covered by the command's record."""
    HEARTBEAT = "heartbeat"
    PROTECTION = "protection"
    """A command of a protection or safe state.

    Waits for the disk at most 100 ms, then goes and is recorded as late.
    """


class Verb(StrEnum):
    """Recipes of a profile."""

    CHARGE = "charge"
    DISCHARGE = "discharge"
    IDLE = "idle"
    LIMIT = "limit"
    RELEASE = "release"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One setpoint on its way to one device, through the write gate."""

    id: str
    """Unique; a refresh carries the id of the command it refreshes."""
    device: DeviceId
    setpoint: Setpoint
    write_class: WriteClass
    epoch: int
    """Fencing epoch of the issuing daemon; a device that knows a higher one refuses."""
    seq: int
    issued_at: datetime
    issued_s: float
    """City monotonic."""

    @property
    def valid_s(self) -> float:
        """Life from issue to expiry, city seconds."""
        return self.setpoint.expires_s - self.issued_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the device answered to one send. Faults are exceptions; this is the case without one."""

    echoed: bool
    """The device confirmed the write itself (Modbus echo, MQTT acknowledgement ``accepted`` or
    ``applied``)."""
    steps: int = 1
    """Writes that the recipe took."""
    note: str = ""
