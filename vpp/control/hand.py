"""The one hand through which a device is written, heartbeats included."""

import asyncio
import math

import structlog

from vpp.control.connection import PATIENCE
from vpp.control.gate_ledger import GateLedger
from vpp.domain.command import WriteClass
from vpp.domain.errors import DeviceError, NoAnswer
from vpp.ports.clock import Clock
from vpp.ports.device import Beating, Writable

BEATS_PER_CHANGE = 2
"""So often within the time in which the device wants to see a change."""
_log = structlog.get_logger(__name__)


class Hand:
    """Only the write gate has one; ``held`` while something is in flight to the device."""

    def __init__(self, port: Writable, *, ledger: GateLedger, city: Clock) -> None:
        self.port, self._ledger, self._city = port, ledger, city
        self._beaten_s = -math.inf
        self.held = asyncio.Lock()

    async def beat(self, port: Beating) -> None:
        """Send one heartbeat, in bounded time.

        Raises:
            DeviceError: it did not arrive.
        """
        limit_s = PATIENCE * port.facts.timeout_s
        try:
            async with asyncio.timeout(limit_s):
                await port.beat()
        except TimeoutError as late:
            raise NoAnswer(f"the heartbeat did not end within {limit_s:g} s") from late
        self._beaten_s = self._city.monotonic()
        self._ledger.written[WriteClass.HEARTBEAT] += 1

    async def rouse(self) -> bool:
        """Beat before a command where the last beat is old; whether that was so.

        A device that has given its controller up takes no order before it hears the next beat. If
        none arrives, the command itself will tell.
        """
        port, within_s = self.port, self.port.facts.heartbeat_s
        if within_s is None or not isinstance(port, Beating):
            return False
        if self._city.monotonic() - self._beaten_s < within_s / BEATS_PER_CHANGE:
            return False
        try:
            await self.beat(port)
        except DeviceError:
            pass
        except Exception:  # noqa: BLE001 - an adapter's bug stays with its device
            _log.exception("adapter failed in a beat")
        return True
