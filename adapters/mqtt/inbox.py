"""What a device said and nobody has taken yet: bounded, the newest telemetry wins."""

import asyncio
from collections import deque
from collections.abc import Mapping

import numpy as np

from vpp.domain.batch import Batch
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.session import EvSession

KEPT = 32
"""Batches of telemetry."""
_NO_QUALITY = np.zeros(0, dtype=np.uint8)


class Inbox:
    """Filled by the link, emptied by one reader."""

    def __init__(self, device: DeviceId) -> None:
        self.dropped = 0
        self._device = device
        self._telemetry: deque[Batch] = deque()
        self._sessions: dict[AssetId, EvSession | None] = {}
        self._sessions_s = 0.0
        self._filled = asyncio.Event()
        self._closed: Exception | None = None

    def begin(self) -> None:
        """Somebody starts to read: telemetry from before is of no use to him, sessions are."""
        self._telemetry.clear()
        self._settle()

    def close(self, fault: Exception) -> None:
        """Nothing will come any more: whoever reads gets this fault."""
        self._closed = fault
        self._filled.set()

    def put(self, batch: Batch) -> None:
        """Telemetry; when the inbox is full the oldest gives way."""
        if len(self._telemetry) == KEPT:
            self._telemetry.popleft()
            self.dropped += 1
        self._telemetry.append(batch)
        self._filled.set()

    def put_sessions(self, sessions: Mapping[AssetId, EvSession | None], arrived_s: float) -> None:
        """Per connector only the newest is kept, and none is ever dropped."""
        self._sessions.update(sessions)
        self._sessions_s = arrived_s
        self._filled.set()

    async def take(self) -> Batch:
        """The next one; sessions go first."""
        await self._filled.wait()
        if self._closed is not None:
            raise self._closed
        batch = self._take_sessions() if self._sessions else self._telemetry.popleft()
        self._settle()
        return batch

    def _settle(self) -> None:
        if not self._telemetry and not self._sessions and self._closed is None:
            self._filled.clear()

    def _take_sessions(self) -> Batch:
        sessions, self._sessions = self._sessions, {}
        return Batch(
            device=self._device,
            points=(),
            values=np.zeros(0),
            quality=_NO_QUALITY,
            arrived_s=self._sessions_s,
            measured_s=self._sessions_s,
            sessions=sessions,
        )
