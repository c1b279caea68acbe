"""Feeds watchdogs that want a changing heartbeat, as long as the control loop really decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from vpp.control.dispatch import DAEMON
from vpp.control.hand import BEATS_PER_CHANGE
from vpp.control.pace import Pace
from vpp.control.supervision import Health, Supervisor
from vpp.control.write_gate import WriteGate
from vpp.domain.audit import AuditRecord, Event
from vpp.domain.errors import DeviceError
from vpp.domain.ids import DeviceId
from vpp.ports.device import Beating, DevicePort
from vpp.ports.store import Audit


@dataclass(slots=True)
class _Told:
    beating: bool = False
    failed: bool = False


class Heartbeats:
    """One task per device that wants them; starts, stops and failures are on record."""

    def __init__(
        self, ports: Mapping[DeviceId, DevicePort], *, gate: WriteGate, audit: Audit, pace: Pace
    ) -> None:
        self._ports, self._gate, self._audit, self._pace = ports, gate, audit, pace
        self._tasks = Supervisor(pace.wire, draw=pace.draw)

    async def __aenter__(self) -> Self:
        for device, port in self._ports.items():
            if isinstance(port, Beating) and port.facts.heartbeat_s is not None:
                period_s = port.facts.heartbeat_s / BEATS_PER_CHANGE
                self._tasks.watch(f"heartbeat {device}", partial(self._beat, device, period_s))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)

    async def _beat(self, device: DeviceId, period_s: float, health: Health) -> None:
        told = _Told()
        while True:
            await self._once(device, told)
            health.good()
            await self._pace.city.sleep(period_s)

    async def _once(self, device: DeviceId, told: _Told) -> None:
        try:
            refused = await self._gate.beat(device)
        except DeviceError as fault:
            if not told.failed:
                self._note(device, "failed", str(fault))
            told.failed = True
            return
        if refused is None and (told.failed or not told.beating):
            self._note(device, "started", "decided, with a live setpoint")
        elif refused is not None and told.beating:
            self._note(device, "stopped", refused.detail)
        told.beating, told.failed = refused is None, False

    def _note(self, device: DeviceId, outcome: str, why: str) -> None:
        self._audit.note(
            AuditRecord(
                event=Event.HEARTBEAT,
                at=self._pace.city.now(),
                subject=device,
                who=DAEMON,
                why=why,
                outcome=outcome,
            )
        )
