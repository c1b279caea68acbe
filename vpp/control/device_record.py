"""One device as it is connected, identified and read, apart from its values."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from vpp.domain.batch import Batch
from vpp.domain.device_alarm import DeviceAlarm
from vpp.domain.devices import Authority, Device
from vpp.domain.ids import AssetId
from vpp.domain.points import OperatingState, Point, Quantity
from vpp.domain.quality import Quality
from vpp.domain.snapshot import DeviceState

_GOOD = int(Quality.GOOD)
UPTIME_TOLERANCE_S = 1.0
"""Rounding of devices' own clocks."""


@dataclass(slots=True)
class DeviceRecord:
    """Changes with what sensing sees; ``state`` gives it out frozen."""

    writes: frozenset[AssetId]
    unread: frozenset[AssetId]
    """Written assets whose setpoint was not read since the connection was made, or the device
    started anew."""
    read_back_s: float = -np.inf
    heard_s: float = np.inf
    online: bool = False
    identified: bool = False
    local: bool = False
    arrived_s: float = -np.inf
    trouble: str = "has not answered yet"
    wrong: bool = False
    """Another device answers in its place."""
    alarming: bool = False
    complaints: tuple[DeviceAlarm, ...] = ()
    """Its own, as it told them last."""
    restarted: bool = False
    """The newest batch was the first of another life of the device."""
    _boot: int | None = None
    _uptime_s: float = -np.inf
    _points: tuple[Point, ...] = ()
    _setpoints: tuple[tuple[int, AssetId], ...] = ()
    _states: tuple[int, ...] = field(default=())
    _uptimes: tuple[int, ...] = field(default=())

    @classmethod
    def of(cls, device: Device) -> Self:
        writes = frozenset(device.written_assets)
        return cls(writes=writes, unread=writes)

    def note(self, batch: Batch) -> None:
        """Its complaints, and what decides at once whether it may be written."""
        self.arrived_s = max(self.arrived_s, batch.arrived_s)
        if batch.alarms is not None:
            self.complaints = batch.alarms
        if batch.points is not self._points:
            self._find(batch.points)
        if self.unread:
            self._read_back(batch)
        if batch.points:
            self.restarted = self._began_anew(batch)
        if self.identified and batch.points and (self.restarted or np.isinf(self.heard_s)):
            self.heard_s = batch.arrived_s
        if self.restarted:
            self.unread = self.writes  # and this batch may have been read on either side of it
        said = [batch.values[i] for i in self._states if batch.quality[i] == _GOOD]
        if said:
            self.local = OperatingState.LOCAL in said

    def _read_back(self, batch: Batch) -> None:
        self.unread -= {a for i, a in self._setpoints if batch.quality[i] == _GOOD}
        if not self.unread:
            self.read_back_s = batch.arrived_s

    def _began_anew(self, batch: Batch) -> bool:
        """Whether the device has started since the batch before, by its own word."""
        boot = self._boot if batch.boot is None else batch.boot
        rebooted = self._boot is not None and boot != self._boot
        uptime_s = [batch.values[i] for i in self._uptimes if batch.quality[i] == _GOOD]
        fell = bool(uptime_s) and max(uptime_s) < self._uptime_s - UPTIME_TOLERANCE_S
        self._boot, self._uptime_s = boot, max(uptime_s, default=self._uptime_s)
        return rebooted or fell

    def answers(self) -> None:
        self.identified, self.unread, self.heard_s = True, self.writes, np.inf

    def well(self) -> None:
        self.online, self.trouble = True, ""
        self.wrong = self.alarming = False

    def disconnected(self) -> None:
        self.identified, self.unread, self.heard_s = False, self.writes, np.inf

    def lost(self, trouble: str, *, wrong: bool) -> None:
        self.disconnected()
        self.online, self.trouble = False, trouble
        self.wrong, self.alarming = wrong, True

    def state(self, authority: Authority) -> DeviceState:
        """``authority`` is what it would have if it were not under local control."""
        decided = authority.writable or authority is Authority.SHADOW
        return DeviceState(
            online=self.online,
            authority=Authority.LOCAL if self.local and decided else authority,
            identified=self.identified,
            read_back=self.identified and not self.unread,
            read_back_s=self.read_back_s,
            heard_s=self.heard_s,
            arrived_s=self.arrived_s,
            trouble=self.trouble,
        )

    def _find(self, points: tuple[Point, ...]) -> None:
        mine = [(i, p) for i, p in enumerate(points) if p.subject in self.writes]
        self._points = points
        self._setpoints = tuple(
            (i, AssetId(p.subject)) for i, p in mine if p.quantity is Quantity.SETPOINT_KW
        )
        self._states = tuple(i for i, p in mine if p.quantity is Quantity.STATE)
        self._uptimes = tuple(i for i, p in enumerate(points) if p.quantity is Quantity.UPTIME_S)
