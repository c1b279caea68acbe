"""The one door through which every write of any origin passes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Self

from vpp.control.device_writer import DeviceWriter, Pending
from vpp.control.dispatch import Dispatch
from vpp.control.gate_ledger import GateLedger
from vpp.control.gate_rules import WRITER, Situation, refusal
from vpp.control.hand import Hand
from vpp.control.inputs import Decision
from vpp.control.intents import Intents
from vpp.control.pace import Pace
from vpp.control.power_bounds import Abilities
from vpp.control.state_table import StateTable
from vpp.control.supervision import Supervisor
from vpp.control.tenure import Tenure
from vpp.domain.capability import Form
from vpp.domain.command import Command, WriteClass
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import GateRefusal, Outcome
from vpp.domain.portfolio import Portfolio
from vpp.ports.device import Beating, DevicePort, Writable
from vpp.ports.store import Audit

_NOTHING: frozenset[AssetId] = frozenset()
RECENT_TICKS = 3
"""A tick counts as just completed for so many tick lengths."""


class WriteGate:
    """Nothing else calls ``send`` or ``beat`` of a port.

    ``submit`` never waits; commands leave by a task per device, from entering to leaving.
    """

    def __init__(
        self,
        portfolio: Portfolio,
        ports: Mapping[DeviceId, DevicePort],
        *,
        table: StateTable,
        audit: Audit,
        tenure: Tenure,
        pace: Pace,
    ) -> None:
        self._ports, self._table, self._abilities = ports, table, Abilities(portfolio.assets)
        self._written = {
            device: frozenset(portfolio.devices[device].written_assets) for device in ports
        }
        self._tenure, self._pace = tenure, pace
        self._intents = Intents(audit)
        self._tasks = Supervisor(pace.wire, draw=pace.draw)
        self._writers: dict[DeviceId, DeviceWriter] = {}
        self._listeners: list[Callable[[Dispatch], None]] = []
        self._decided: frozenset[DeviceId] = frozenset()
        self._completed_s = -float("inf")
        self._closing = False
        self._seq = self._rehearsed = 0
        self.ledger = GateLedger(audit, pace.city)

    async def __aenter__(self) -> Self:
        for device, port in self._ports.items():
            if isinstance(port, Writable) and self._written[device]:
                writer = self._writer(port)
                self._writers[device] = writer
                self._tasks.watch(f"writer {device}", writer.live)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)
        await self._intents.__aexit__(kind, error, trace)

    def listen(self, listener: Callable[[Dispatch], None]) -> None:
        """Tell ``listener`` of everything that left, or did not."""
        self._listeners.append(listener)

    def submit(self, *decisions: Decision) -> None:
        """Queue what a tick decided; each device's writer asks the rules, outside the tick."""
        stamp = self._stamp()
        for decision in decisions:
            self._queue(Pending(self._command(decision, stamp)))

    def rehearse(self, decision: Decision) -> tuple[Command, GateRefusal | None]:
        """The command that a device in shadow would get, and the first rule that would forbid it.

        Nothing is queued, counted or numbered with what leaves.
        """
        self._rehearsed += 1
        command = self._numbered(decision, self._rehearsed, self._stamp())
        found = self._situation(command.device, command.setpoint.asset, leaving=False)
        if found.state.authority is Authority.SHADOW:
            found = found._replace(state=found.state._replace(authority=Authority.AUTO))
        command = replace(command, id=f"shadow-{command.id}")
        return command, refusal(command, found._replace(decided=True))

    async def carry(self, decision: Decision) -> Dispatch:
        """Write on the daemon's way out, and wait for what came of it."""
        done: asyncio.Future[Dispatch] = asyncio.get_running_loop().create_future()
        self._queue(Pending(self._command(decision, self._stamp()), done))
        return await done

    def completed(self, decided: frozenset[DeviceId]) -> None:
        """A tick completed; only what it decided may be kept alive by refreshes and heartbeats."""
        self._decided, self._completed_s = decided, self._pace.city.monotonic()

    def close(self) -> None:
        """From here on only ``carry`` writes; what waits is dropped."""
        self._closing = True
        self._decided = frozenset()
        for writer in self._writers.values():
            writer.drop()

    async def beat(self, device: DeviceId) -> GateRefusal | None:
        """Send one heartbeat, or say which rule forbids it.

        Raises:
            DeviceError: it did not arrive.
        """
        port, writer = self._ports[device], self._writers.get(device)
        if writer is None or not isinstance(port, Beating):
            return GateRefusal(rule="writer", detail=f"{device} takes no heartbeat")
        async with writer.hand.held:
            refused = self._beat_refused(device)
            if refused is None:
                await writer.hand.beat(port)
        return refused

    def _queue(self, pending: Pending) -> None:
        writer = self._writers.get(pending.command.device)
        if writer is not None:
            writer.put(pending)
            return
        dispatch = _unwritable(pending.command, self._pace)
        self._report(dispatch, GateRefusal(rule=dispatch.rule, detail=dispatch.detail))
        if pending.done is not None:
            pending.done.set_result(dispatch)

    def _beat_refused(self, device: DeviceId) -> GateRefusal | None:
        for asset in self._written[device]:
            live = self.ledger.alive(asset)
            if live is not None and live.setpoint.form is not Form.RELEASE:
                beat = replace(live, write_class=WriteClass.HEARTBEAT)
                return refusal(beat, self._situation(device, asset, leaving=False))
        return GateRefusal(rule="setpoint", detail="it holds no live setpoint")

    def _stamp(self) -> tuple[datetime, float]:
        """Now, by the city's clock and monotonic."""
        return self._pace.city.now(), self._pace.city.monotonic()

    def _command(self, decision: Decision, stamp: tuple[datetime, float]) -> Command:
        self._seq += 1
        command = self._numbered(decision, self._seq, stamp)
        if decision.write_class is not WriteClass.REFRESH:
            return command
        covering = self.ledger.covering(decision.setpoint)
        if covering is None:
            return replace(command, write_class=WriteClass.COMMAND)  # no record covers it
        return replace(command, id=covering.id)

    def _numbered(self, decision: Decision, seq: int, stamp: tuple[datetime, float]) -> Command:
        epoch = self._tenure.epoch
        return Command(
            id=f"{epoch}-{seq}",
            device=decision.device,
            setpoint=decision.setpoint,
            write_class=decision.write_class,
            epoch=epoch,
            seq=seq,
            issued_at=stamp[0],
            issued_s=stamp[1],
        )

    def _check(self, pending: Pending) -> GateRefusal | None:
        command = pending.command
        situation = self._situation(command.device, command.setpoint.asset, leaving=pending.leaving)
        return refusal(command, situation)

    def _situation(self, device: DeviceId, asset: AssetId, *, leaving: bool) -> Situation:
        facts, now_s = self._ports[device].facts, self._pace.city.monotonic()
        recent_s = RECENT_TICKS * self._pace.timing.tick_s
        return Situation(
            state=self._table.device(device),
            facts=facts,
            writes=self._written[device] if device in self._writers else _NOTHING,
            ability=self._abilities.of(asset, self._table.latest)
            if asset in self._written[device]
            else None,
            epoch=self._tenure.epoch,
            lease_left_s=self._tenure.until_s() - self._pace.wire.monotonic(),
            now_s=now_s,
            decided=device in self._decided and now_s - self._completed_s <= recent_s,
            budget_left=self.ledger.budget_left(device, facts),
            closing=self._closing and not leaving,
            leaving=leaving,
        )

    def _writer(self, port: Writable) -> DeviceWriter:
        interval_s = max(port.facts.min_write_interval_s, self._pace.timing.write_interval_s)
        return DeviceWriter(
            Hand(port, ledger=self.ledger, city=self._pace.city),
            intents=self._intents,
            city=self._pace.city,
            interval_s=interval_s,
            check=self._check,
            report=self._report,
        )

    def _report(self, dispatch: Dispatch, refused: GateRefusal | None) -> None:
        if dispatch.left:
            self.ledger.left(dispatch)
        elif refused is not None:
            self.ledger.refused(dispatch.command, refused)
        for listener in self._listeners:
            listener(dispatch)


def _unwritable(command: Command, pace: Pace) -> Dispatch:
    """A command to a device that takes none."""
    return Dispatch(
        command=command,
        at_s=pace.city.monotonic(),
        outcome=Outcome.REFUSED,
        detail=f"{command.setpoint.asset} is not written through {command.device}",
        rule=WRITER,
    )
