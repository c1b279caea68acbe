"""Devices as the core sees them: two ways to read, one to write.

An adapter (entry-point group ``vpp.adapters``) is a callable of the form of ``Adapter``. It opens a
link, dialled or listening, and gives a port for every configured device on it. A port exists from
the start, also for a device that calls in: until it has called, ``identify`` and ``read`` raise
ConnectionLost and ``batches`` waits.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from vpp.domain.assets import Asset
from vpp.domain.batch import Batch
from vpp.domain.command import Answer, Command
from vpp.domain.devices import Device, Identity, Link
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId, PortfolioId
from vpp.domain.points import Point
from vpp.ports.clock import Clock


@runtime_checkable
class DevicePort(Protocol):
    """Every device."""

    @property
    def facts(self) -> DeviceFacts:
        """What it promises now.

        ``identify`` may make its capabilities narrower by what the device says of itself; periods
        and time-outs stay as they were when the link was opened.
        """
        ...

    async def identify(self) -> Identity:
        """Who answers, asked anew; re-reads scale factors and whatever is fixed per connection.

        Raises:
            Retryable: nothing usable came.
            WrongDevice: what answers does not speak this profile at all.
        """
        ...


@runtime_checkable
class Polled(DevicePort, Protocol):
    """The core owns the timing."""

    async def read(self) -> Batch:
        """One round of all points, setpoints read back included.

        Raises:
            Retryable: nothing usable came; the connection is rebuilt by the next call.
        """
        ...


@runtime_checkable
class Streaming(DevicePort, Protocol):
    """The adapter owns reconnection."""

    def batches(self) -> AsyncIterator[Batch]:
        """Batches as they come, across reconnections; ends only by cancellation."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the device is there now, by its own status or connection."""
        ...

    @property
    def trouble(self) -> str:
        """Why it is not there now; empty while it is."""
        ...


@runtime_checkable
class Reconnecting(DevicePort, Protocol):
    """A device whose adapter waits longer and longer between two tries to reach it."""

    def reconnect(self) -> None:
        """Try again now, and wait no more than a moment from here on: the daemon leaves."""
        ...


@runtime_checkable
class Writable(DevicePort, Protocol):
    """Only the write gate calls these."""

    async def send(self, command: Command) -> Answer:
        """Send one command by its recipe, once, without a repeat.

        The device's own watchdog is armed to the command's life.

        Raises:
            NoAnswer: the outcome is unknown.
            ProtocolViolation: likewise.
            ConnectionLost: not sent, or the outcome is unknown; the message says which.
            Refused: the device said no.
        """
        ...


@runtime_checkable
class Beating(DevicePort, Protocol):
    """A device whose watchdog wants a changing heartbeat."""

    async def beat(self) -> None: ...


class OpenLink(Protocol):
    """A link that is being kept; leaving its context closes it in bounded time."""

    def port(self, device: DeviceId) -> DevicePort: ...


@runtime_checkable
class Described(Protocol):
    """A link that is not entered yet, and knows from its profiles what will be measured."""

    @property
    def measures(self) -> Mapping[DeviceId, frozenset[Point]]:
        """Of every device of the link."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRequest:
    """What an adapter gets to open one link."""

    portfolio: PortfolioId
    link: Link
    devices: tuple[Device, ...]
    """All configured devices on this link."""
    assets: Mapping[AssetId, Asset]
    """Those the devices carry, for their ratings."""
    city: Clock
    wire: Clock
    epoch: int = 0


class Adapter(Protocol):
    """The factory behind an entry point."""

    def __call__(self, request: LinkRequest) -> AbstractAsyncContextManager[OpenLink]:
        """Check options and profiles, then open the link when entered.

        What is returned may be ``Described`` too.

        Raises:
            ConfigurationError: options or profile are wrong; mistakes carry paths relative to the
                device's or link's entry (as ``devices.<id>.options.unit``), and the composition
                root adds file and line.
        """
        ...
