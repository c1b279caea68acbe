"""What polling and listening share: who answers, and what a failure means for what is known."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from vpp.control.state_table import StateTable
from vpp.control.supervision import Health
from vpp.domain.devices import Device, Identity
from vpp.domain.errors import NoAnswer, WrongDevice
from vpp.domain.ids import DeviceId
from vpp.ports.clock import Clock
from vpp.ports.device import DevicePort

OFFLINE_AFTER = 3
"""Failed rounds in a row after which a device counts as offline."""
PATIENCE = 5.0
"""Of a device's time-out: an adapter that keeps a round for longer is taken to hang."""
Brought = TypeVar("Brought")


class IdentityWatch(Protocol):
    """Who is told about every identity that answered."""

    def seen(self, device: DeviceId, identity: Identity) -> None: ...


@dataclass(slots=True)
class Counters:
    """What one device's task did since the start."""

    rounds: int = 0
    failures: int = 0
    connections: int = 0
    """How often the configured identity answered anew."""
    late_s: float = 0.0
    """Of the newest round, wire seconds after it was due."""
    took_s: float = 0.0
    """The newest round that went well, wire seconds."""


@dataclass(slots=True)
class _Round:
    """What the adapter was asked and has not answered."""

    task: asyncio.Task[Any]
    cancelling: int
    """Cancellations of the task that were under way before."""
    began_s: float
    overdue: bool = False


class Connection:
    """One device as its task meets it."""

    def __init__(
        self,
        device: Device,
        port: DevicePort,
        *,
        table: StateTable,
        identities: IdentityWatch,
        wire: Clock,
    ) -> None:
        self.device, self._port, self._table = device, port, table
        self._identities, self._wire = identities, wire
        self._round: _Round | None = None
        self.counters = Counters()
        self.identified = False

    async def identify(self) -> None:
        """Ask who answers; only the configured identity lets values in and writes out.

        Raises:
            WrongDevice: another one answers.
            DeviceError: nothing usable came.
        """
        identity = await self.bounded(self._port.identify())
        contradiction = self.device.identity.contradicts(identity)
        if contradiction is not None:
            raise WrongDevice(f"another device answers: {contradiction}")
        self._identities.seen(self.device.id, identity)
        self._table.answers(self.device.id)
        self.counters.connections += 1
        self.identified = True

    def good(self, health: Health) -> None:
        self.counters.rounds += 1
        self._table.well(self.device.id)
        health.good()

    def failed(self, fault: Exception, health: Health) -> None:
        """After any failure it is identified and read again before anything is written."""
        self.identified = False
        self.counters.failures += 1
        wrong = isinstance(fault, WrongDevice)
        if wrong or health.failures + 1 >= OFFLINE_AFTER:
            self._table.lost(self.device.id, str(fault) or type(fault).__name__, wrong=wrong)
        else:
            self._table.disconnected(self.device.id)

    def gone(self, trouble: str) -> None:
        """The device itself is known to be away."""
        self.identified = False
        self._table.lost(self.device.id, trouble)

    async def bounded(self, round_: Awaitable[Brought]) -> Brought:
        """Await a round of the adapter, which has its own time-outs; ``end_overdue`` may end it.

        A timer of its own for every round would cost as much as the round.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a round is awaited outside of any task")
        current = self._round = _Round(task, task.cancelling(), self._wire.monotonic())
        try:
            brought = await round_
        except asyncio.CancelledError as cancelled:
            if current.overdue and task.uncancel() <= current.cancelling:
                raise NoAnswer(f"nothing came within {self._patience_s:g} s") from cancelled
            raise
        else:
            self.counters.took_s = self._wire.monotonic() - current.began_s
            return brought
        finally:
            self._round = None

    @property
    def slow_s(self) -> float:
        """How long its rounds take, wire seconds: the newest, or the one that is under way."""
        current = self._round
        running_s = 0.0 if current is None else self._wire.monotonic() - current.began_s
        return max(self.counters.took_s, running_s)

    def end_overdue(self) -> None:
        """Give up a round that takes far longer than the device's time-out."""
        current = self._round
        if current is None or current.overdue:
            return
        if self._wire.monotonic() - current.began_s >= self._patience_s:
            current.overdue = True
            current.task.cancel()

    @property
    def _patience_s(self) -> float:
        return PATIENCE * self._port.facts.timeout_s
