"""Alarms of one device that have begun and not ended."""

from adapters.mqtt.messages import AlarmMessage
from vpp.domain.device_alarm import DeviceAlarm

MOST = 64
"""A device that names more is heard no further until one of them ends."""


class StandingAlarms:
    """The convention tells beginnings and ends and retains neither: a new life begins without."""

    def __init__(self) -> None:
        self._by_id: dict[str, DeviceAlarm] = {}
        self.all: tuple[DeviceAlarm, ...] = ()

    def take(self, said: AlarmMessage) -> bool:
        """Whether it changes what stands."""
        before = self._by_id.get(said.id)
        if not said.active:
            self._by_id.pop(said.id, None)
        elif before is not None or len(self._by_id) < MOST:
            self._by_id[said.id] = DeviceAlarm(id=said.id, severity=said.severity, text=said.text)
        if self._by_id.get(said.id) == before:
            return False
        self.all = tuple(self._by_id.values())
        return True

    def restart(self) -> None:
        """The device began a new life."""
        self._by_id.clear()
        self.all = ()
