"""A world behind one adapter, as the contract's tests drive it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from vpp.domain.devices import Device
from vpp.domain.ids import AssetId
from vpp.ports.device import Adapter, LinkRequest


class World(Protocol):
    """Two simulated devices on one link; the first carries a battery that is written.

    The battery rests, holds no setpoint, and can take in and give out at least 5 kW.
    """

    @property
    def adapter(self) -> Adapter: ...

    @property
    def first(self) -> Device: ...

    @property
    def second(self) -> Device: ...

    @property
    def battery(self) -> AssetId: ...

    def request(self, *devices: Device) -> LinkRequest:
        """A request to open the link with these devices on it."""
        ...

    async def appear(self) -> None:
        """Let the devices be there: a device that calls in calls once the link is open."""
        ...

    async def settle(self) -> None:
        """Let city time pass until a setpoint is followed."""
        ...

    def power_kw(self) -> float:
        """What the battery really does, positive into it."""
        ...

    def writes(self) -> int:
        """Writes that have reached the first device, taken, refused or unanswered."""
        ...

    async def silence(self) -> None:
        """From now on the first device takes requests and answers none."""
        ...

    async def reset(self) -> None:
        """From now on every request to the first device ends its connection."""
        ...

    async def refuse(self) -> None:
        """From now on the first device says no to every request."""
        ...

    async def vanish(self) -> None:
        """Nobody is there any more; connections end."""
        ...

    async def recover(self) -> None:
        """All is well again; a device that calls in has called."""
        ...


Worlds = Callable[[], AbstractAsyncContextManager[World]]
