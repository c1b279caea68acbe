"""One supervised task per device; each has its own rhythm, and none waits for another."""

from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from vpp.control.cells import poll_period_s
from vpp.control.connection import OFFLINE_AFTER, Connection, Counters, IdentityWatch
from vpp.control.listening import Listener
from vpp.control.pace import Pace
from vpp.control.polling import Poller
from vpp.control.state_table import StateTable
from vpp.control.supervision import Health, Supervisor
from vpp.domain.devices import Device
from vpp.domain.ids import DeviceId
from vpp.ports.device import DevicePort, Polled, Reconnecting, Streaming

LATENESS_KEPT = 8192
LOOK_S = 0.25
"""Wire seconds between two looks for rounds that hang."""


class Sensing:
    """Reads every device into the table from entering to leaving."""

    def __init__(
        self,
        *,
        devices: Mapping[DeviceId, Device],
        ports: Mapping[DeviceId, DevicePort],
        table: StateTable,
        identities: IdentityWatch,
        pace: Pace,
    ) -> None:
        """Prepare a reader per port.

        Raises:
            TypeError: a port can neither be polled nor listened to.
        """
        self._ports, self._table, self._pace = ports, table, pace
        self._tasks = Supervisor(pace.wire, draw=pace.draw)
        self.lateness_s: deque[float] = deque(maxlen=LATENESS_KEPT)
        """Of the newest rounds of all polled devices, wire seconds."""
        self._connections = {
            device: Connection(
                devices[device], port, table=table, identities=identities, wire=pace.wire
            )
            for device, port in ports.items()
        }
        self._readers = {device: self._reader(device, port) for device, port in ports.items()}
        self._polled = [
            self._connections[device]
            for device, reader in self._readers.items()
            if isinstance(reader, Poller)
        ]

    @property
    def counters(self) -> Mapping[DeviceId, Counters]:
        return {device: one.counters for device, one in self._connections.items()}

    @property
    def slow_s(self) -> float:
        """Wire seconds that three quarters of the polled devices' rounds stay below.

        Devices that do not answer do not count: they are no word about the wire.
        """
        slow_s = sorted(one.slow_s for one in self._polled if one.identified)
        return slow_s[3 * len(slow_s) // 4] if slow_s else 0.0

    def hurry(self) -> None:
        """The city goes faster from now on: no device is read by its old period."""
        for reader in self._readers.values():
            if isinstance(reader, Poller):
                reader.hurry()

    def at_once(self, device: DeviceId) -> None:
        """Read this device now, whenever its turn is."""
        self._readers[device].at_once()

    def leave(self) -> None:
        """The daemon leaves within seconds: no device that could be reached is waited out."""
        self._tasks.leave()
        for device, reader in self._readers.items():
            reader.leave()
            port = self._ports[device]
            if isinstance(port, Reconnecting):
                port.reconnect()

    async def __aenter__(self) -> Self:
        for device, reader in self._readers.items():
            lost_after = OFFLINE_AFTER if isinstance(reader, Poller) else 1
            self._tasks.watch(f"device {device}", reader.live, lost_after=lost_after)
        self._tasks.watch("overdue rounds", self._end_overdue)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)

    async def _end_overdue(self, health: Health) -> None:
        while True:
            await self._pace.wire.sleep(LOOK_S)
            for connection in self._connections.values():
                connection.end_overdue()
            health.good()

    def _reader(self, device: DeviceId, port: DevicePort) -> Poller | Listener:
        connection = self._connections[device]

        def period_s() -> float:
            return poll_period_s(port.facts, self._pace.timing) / self._pace.speed()

        if isinstance(port, Streaming):
            return Listener(connection, port, self._table, wire=self._pace.wire, period_s=period_s)
        if isinstance(port, Polled):
            return Poller(
                connection,
                port,
                self._table,
                wire=self._pace.wire,
                period_s=period_s,
                lateness_s=self.lateness_s,
            )
        raise TypeError(f"device {device} can neither be polled nor listened to")
