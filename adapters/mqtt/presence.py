"""Whether a device is there, from its status, its will and its signs of life."""

from datetime import datetime
from enum import Enum

from adapters.mqtt.messages import StatusMessage

HOLD_OFF_S = 2.0
"""Wire seconds after a will in which telemetry still on its way proves nothing."""


class News(Enum):
    """What a status changed."""

    NOTHING = "nothing"
    CAME = "came"
    LEFT = "left"
    RESTARTED = "restarted"
    OLD = "old"
    """Of an earlier life, or overtaken: ignored."""


class Presence:
    """The boot number tells the lives of a device apart.

    The will of an earlier life is ignored, however late it comes. A device whose boot counter fell
    back is believed if its status is newer by its own clock.
    """

    def __init__(self) -> None:
        self.online = False
        self.boot: int | None = None
        self._born: datetime | None = None
        self._left_s = 0.0

    def heard(self, status: StatusMessage, now_s: float) -> News:
        """Take in a status at this wire time."""
        return self._came(status) if status.online else self._left(status, now_s)

    def alive(self, now_s: float) -> bool:
        """Telemetry came; whether that brings a device back that a will had taken for gone."""
        if self.online or self.boot is None or now_s - self._left_s < HOLD_OFF_S:
            return False
        self.online = True
        return True

    def forget(self) -> None:
        """The broker is gone: the next status counts, whatever its time."""
        self.online, self._born = False, None
        self._left_s = float("inf")

    def cleared(self, now_s: float) -> None:
        """Its retained status was taken away: the next one counts, and so do signs of life."""
        self.online, self._born, self._left_s = False, None, now_s

    def _came(self, status: StatusMessage) -> News:
        restarted = self.boot is not None and status.boot != self.boot
        fell_back = self.boot is not None and status.boot < self.boot
        if fell_back and not self._is_newer(status):
            return News.OLD
        if not restarted and not self._is_newer(status):
            return News.NOTHING if self.online else News.OLD
        self.online, self.boot, self._born, self._left_s = True, status.boot, status.ts, 0.0
        return News.RESTARTED if restarted else News.CAME

    def _left(self, status: StatusMessage, now_s: float) -> News:
        if self.boot is not None and status.boot < self.boot:
            return News.OLD
        was = self.online
        self.online, self.boot = False, status.boot
        self._left_s = now_s
        return News.LEFT if was else News.NOTHING

    def _is_newer(self, status: StatusMessage) -> bool:
        return self._born is None or status.ts is None or status.ts > self._born
