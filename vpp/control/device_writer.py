"""The queue and the one hand through which a device is written.

At most one write is in flight; what waits its turn gives way to what is newer. What waits for its
record goes: else a disk slower than the decisions change would silence the device. A hung device or
a slow disk holds up this device only.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from vpp.control.connection import PATIENCE
from vpp.control.dispatch import Dispatch
from vpp.control.gate_rules import AUDIT, EXPIRY
from vpp.control.hand import Hand
from vpp.control.intents import Intents
from vpp.control.supervision import Health
from vpp.domain.command import Command, WriteClass
from vpp.domain.errors import DeviceError, Refused, WrongDevice
from vpp.domain.ids import AssetId
from vpp.domain.outcome import GateRefusal, Outcome
from vpp.ports.clock import Clock

PROTECTION_WAIT_S = 0.1
"""Wire seconds for which a protection waits for the disk."""
_URGENCY = (WriteClass.PROTECTION, WriteClass.COMMAND, WriteClass.REFRESH)
_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Pending:
    """A command on its way to the door."""

    command: Command
    done: asyncio.Future[Dispatch] | None = None
    """Somebody waits for it: it is part of the daemon's way out."""
    intent: asyncio.Task[None] | None = None

    @property
    def leaving(self) -> bool:
        return self.done is not None

    @property
    def protects(self) -> bool:
        return self.command.write_class is WriteClass.PROTECTION


class DeviceWriter:
    """Carries commands to one device, the most urgent first."""

    def __init__(
        self,
        hand: Hand,
        *,
        intents: Intents,
        city: Clock,
        interval_s: float,
        check: Callable[[Pending], GateRefusal | None],
        report: Callable[[Dispatch, GateRefusal | None], None],
    ) -> None:
        """``interval_s``: least city seconds from any write to the next, but for protections."""
        self.hand, self._intents, self._city = hand, intents, city
        self._interval_s, self._check, self._report = interval_s, check, report
        self._waiting: dict[AssetId, Pending] = {}
        self._arrived = asyncio.Event()
        self._left_s = -float("inf")
        self._seq = 0

    def put(self, pending: Pending) -> None:
        """Queue a command; what waits for the same asset gives way, unless it would go in vain.

        The newer one has the older one's place in line.
        """
        asset = pending.command.setpoint.asset
        if asset in self._waiting:
            refused = self._check(pending)
            if refused is not None:
                self._refuse(pending, refused)
                return
        older = self._waiting.get(asset)
        if older is not None and _only_prolongs(pending, older):
            first = older.command
            older.command = replace(pending.command, id=first.id, write_class=first.write_class)
            pending, older = older, pending
        if older is not None:
            self._tell(older, Outcome.SUPERSEDED)
        self._waiting[asset] = pending
        self._arrived.set()

    def drop(self) -> None:
        """Let nothing go that has not gone."""
        for pending in self._waiting.values():
            self._tell(pending, Outcome.SUPERSEDED, "the daemon is stopping")
        self._waiting.clear()

    async def live(self, health: Health) -> None:
        """Carry commands until cancelled."""
        while True:
            pending = await self._next()
            if await self._on_record(pending):
                await self._carry(pending)
            health.good()

    async def _next(self) -> Pending:
        while True:
            self._arrived.clear()
            now_s = self._city.monotonic()
            ready = [p for p in self._waiting.values() if self._ready_s(p) <= now_s]
            if ready:
                first = min(ready, key=lambda p: _URGENCY.index(p.command.write_class))
                return self._waiting.pop(first.command.setpoint.asset)
            wait_s = min((self._ready_s(p) for p in self._waiting.values()), default=None)
            await self._arrival(None if wait_s is None else wait_s - now_s)

    def _ready_s(self, pending: Pending) -> float:
        if pending.protects:
            return -float("inf")
        return self._left_s + self._interval_s

    async def _arrival(
        self, at_most_s: float | None, also: asyncio.Task[None] | None = None
    ) -> None:
        """Wait until something arrives, ``also`` is done, or so many city seconds have passed."""
        ends: list[asyncio.Task[None]] = [asyncio.create_task(self._event())]
        if at_most_s is not None:
            ends.append(asyncio.create_task(self._city.sleep(at_most_s)))
        try:
            await asyncio.wait([*ends, also] if also else ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    async def _event(self) -> None:
        await self._arrived.wait()

    async def _on_record(self, pending: Pending) -> bool:
        """Whether it may go as far as the record of intents is concerned; else it is settled."""
        command = pending.command
        if command.write_class is WriteClass.REFRESH:
            return True
        refused = self._check(pending)
        if refused is not None:
            self._refuse(pending, refused)
            return False
        if pending.intent is None:
            pending.intent = self._intents.begin(command)
        if pending.protects:
            await asyncio.wait([pending.intent], timeout=PROTECTION_WAIT_S)
            if not _durable(pending.intent):
                self._intents.late(command)
            return True
        while (refused := self._check(pending)) is None and not pending.intent.done():
            self._arrived.clear()
            if self._gives_way(pending):
                return False
            await self._arrival(None, also=pending.intent)
        if refused is None and not _durable(pending.intent):
            refused = GateRefusal(rule=AUDIT, detail=str(pending.intent.exception()))
        if refused is not None:
            self._refuse(pending, refused)
            return False
        return not self._gives_way(pending)

    def _gives_way(self, pending: Pending) -> bool:
        """To a protection: to one of its asset for good, to another of the device for a moment."""
        if not any(waiting.protects for waiting in self._waiting.values()):
            return False
        asset = pending.command.setpoint.asset
        if asset in self._waiting:
            self._tell(pending, Outcome.SUPERSEDED)
        else:
            self._waiting[asset] = pending
        return True

    async def _carry(self, pending: Pending) -> None:
        async with self.hand.held:
            refused = self._check(pending)
            if refused is None and await self.hand.rouse():
                refused = self._check(pending)
            if refused is not None:
                self._refuse(pending, refused)
                return
            # Several assets' commands leave by urgency: a device sees them numbered in that order.
            self._seq = max(self._seq + 1, pending.command.seq)
            pending.command = replace(pending.command, seq=self._seq)
            began_s = self._city.monotonic()
            outcome, detail = await self._send(pending)
        now_s = self._left_s = self._city.monotonic()
        self._tell(pending, outcome, detail, took_s=now_s - began_s)

    async def _send(self, pending: Pending) -> tuple[Outcome, str]:
        """Send once. Whatever happens, it is not repeated."""
        try:
            async with asyncio.timeout(PATIENCE * self.hand.port.facts.timeout_s):
                answer = await self.hand.port.send(pending.command)
        except asyncio.CancelledError:
            self._tell(pending, Outcome.UNKNOWN, "cut off by the end of the daemon")
            raise
        except (Refused, WrongDevice) as fault:
            return Outcome.REFUSED, str(fault)
        except DeviceError as fault:
            return Outcome.UNKNOWN, str(fault)
        except TimeoutError:
            return Outcome.UNKNOWN, "the adapter did not return"
        except Exception as fault:  # noqa: BLE001 - an adapter's bug stays with its device
            _log.exception("adapter failed in a write", device=pending.command.device)
            return Outcome.UNKNOWN, repr(fault)
        return (Outcome.ACCEPTED if answer.echoed else Outcome.SENT), answer.note

    def _refuse(self, pending: Pending, refused: GateRefusal) -> None:
        outcome = Outcome.EXPIRED if refused.rule == EXPIRY else Outcome.REFUSED
        self._tell(pending, outcome, refused.detail, refused)

    def _tell(
        self,
        pending: Pending,
        outcome: Outcome,
        detail: str = "",
        refused: GateRefusal | None = None,
        *,
        took_s: float = 0.0,
    ) -> None:
        dispatch = Dispatch(
            command=pending.command,
            at_s=self._city.monotonic(),
            took_s=took_s,
            outcome=outcome,
            detail=detail,
            rule="" if refused is None else refused.rule,
            recorded=pending.intent is not None,
        )
        self._report(dispatch, refused)
        if pending.done is not None and not pending.done.done():
            pending.done.set_result(dispatch)


def _only_prolongs(newer: Pending, older: Pending) -> bool:
    """A refresh of what has not even left gives it its later expiry, and it stays what it is."""
    return newer.command.write_class is WriteClass.REFRESH and newer.command.setpoint.same_as(
        older.command.setpoint
    )


def _durable(intent: asyncio.Task[None]) -> bool:
    return intent.done() and not intent.cancelled() and intent.exception() is None
