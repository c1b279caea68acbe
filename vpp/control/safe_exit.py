"""On the way out every device is told its safe state: decreases first, read back, within 5 s."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from vpp.control.dispatch import DAEMON, Dispatch
from vpp.control.evidence import Witness
from vpp.control.inputs import Decision
from vpp.control.outcomes import is_held
from vpp.control.pace import Pace
from vpp.control.safe_states import Farewell, safe_setpoint
from vpp.control.state_table import StateTable
from vpp.control.supervision import end_all
from vpp.control.write_gate import WriteGate
from vpp.domain.capability import Form
from vpp.domain.command import WriteClass
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import Outcome
from vpp.domain.portfolio import Portfolio
from vpp.domain.setpoint import Setpoint

WAVE_S, ALL_S, LOOK_S = 1.5, 4.5, 0.05
"""Wire seconds: for each of two waves of writes, for these and all read-backs, between looks."""


class Ending(StrEnum):
    """How an asset was left."""

    READ_BACK = "read_back"
    """It was seen holding its safe state."""
    SENT = "sent"
    """It took the write; it was not read back in time."""
    UNKNOWN = "unknown"
    """It did not answer in time; its own watchdog ends what it holds."""
    NOT_WRITTEN = "not_written"
    """A rule of the gate forbade it: not ours to write, or not reachable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """One asset as the daemon left it."""

    asset: AssetId
    device: DeviceId
    setpoint: Setpoint
    ending: Ending
    at_s: float
    """City monotonic time of the answer."""
    detail: str = ""


class SafeExit:
    """Works while sensing and the gate's tasks still run."""

    def __init__(
        self,
        portfolio: Portfolio,
        facts: Mapping[DeviceId, DeviceFacts],
        *,
        gate: WriteGate,
        table: StateTable,
        pace: Pace,
    ) -> None:
        self._portfolio, self._facts = portfolio, facts
        self._gate, self._table, self._pace = gate, table, pace

    async def run(self) -> tuple[Left, ...]:
        """Close the gate to all else and leave every asset safe, in at most 4.5 wire seconds."""
        until_s = self._pace.wire.monotonic() + ALL_S
        self._gate.close()
        now, decisions = self._look(), self._decisions()
        decreases = [d for d in decisions if _takes_less(d.setpoint, now)]
        increases = [d for d in decisions if d not in decreases]
        left = [*await self._wave(decreases), *await self._wave(increases)]
        return await self._read_back(left, until_s)

    def _decisions(self) -> list[Decision]:
        farewell = Farewell(
            owner=DAEMON, expires_s=self._pace.city.monotonic() + self._pace.timing.life_s
        )
        return [
            Decision(
                asset=asset,
                device=device,
                setpoint=safe_setpoint(
                    self._portfolio.assets[asset],
                    self._portfolio.devices[device].safe,
                    self._facts[device].capabilities[asset],
                    farewell,
                ),
                write_class=WriteClass.PROTECTION,
            )
            for asset, device in self._portfolio.writer_of.items()
            if asset in self._facts[device].capabilities
        ]

    async def _wave(self, decisions: Sequence[Decision]) -> list[Left]:
        tasks = [
            asyncio.create_task(self._gate.carry(decision), name=f"safe {decision.asset}")
            for decision in decisions
        ]
        if tasks:
            await asyncio.wait(tasks, timeout=WAVE_S)
        left = [
            _left(decision, task.result() if task.done() else None)
            for decision, task in zip(decisions, tasks, strict=True)
        ]
        await end_all(tasks)
        return left

    async def _read_back(self, left: Sequence[Left], until_s: float) -> tuple[Left, ...]:
        wire, seen, written = self._pace.wire, list(left), self._look()
        while True:
            now = self._look()
            seen = [self._seen(one, written, now) for one in seen]
            if all(one.ending is not Ending.SENT for one in seen) or wire.monotonic() >= until_s:
                return tuple(seen)
            await wire.sleep(LOOK_S)

    def _seen(self, one: Left, written: Witness, now: Witness) -> Left:
        """A reading counts that is dated after the answer, or came after it, if by a late clock."""
        if one.ending is not Ending.SENT:
            return one
        look, facts = now.of(one.asset), self._facts[one.device]
        tolerance_kw = max(facts.confirm.tolerance_kw, facts.capabilities[one.asset].resolution_kw)
        after_s = min(one.at_s, written.of(one.asset).setpoint_s)
        if look.setpoint_kw is None or look.setpoint_s <= after_s:
            return one
        held = is_held(one.setpoint, look.setpoint_kw, tolerance_kw)
        return replace(one, ending=Ending.READ_BACK) if held else one

    def _look(self) -> Witness:
        city = self._pace.city
        return Witness(self._table.freeze(0, city.now(), city.monotonic()))


def _takes_less(setpoint: Setpoint, now: Witness) -> bool:
    """Whether consumption falls by it; a released device may do anything."""
    if setpoint.form is Form.RELEASE:
        return False
    power_kw = now.power_kw(setpoint.asset)
    bound_kw = 0.0 if setpoint.form is Form.STOP else setpoint.hi_kw
    return power_kw is None or power_kw > (bound_kw if math.isfinite(bound_kw) else 0.0)


def _left(decision: Decision, dispatch: Dispatch | None) -> Left:
    ending = Ending.UNKNOWN
    if dispatch is not None and dispatch.outcome in (Outcome.SENT, Outcome.ACCEPTED):
        ending = Ending.SENT
    elif dispatch is not None and dispatch.outcome is not Outcome.UNKNOWN:
        ending = Ending.NOT_WRITTEN
    return Left(
        asset=decision.asset,
        device=decision.device,
        setpoint=decision.setpoint,
        ending=ending,
        at_s=math.inf if dispatch is None else dispatch.at_s,
        detail="no answer in time" if dispatch is None else dispatch.detail,
    )
