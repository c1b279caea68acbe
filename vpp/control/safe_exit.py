"""On the way out every device is told its safe state: decreases first, read back, within 5 s.

The time is used whole: a device that has not answered yet, or is lost, may come in it.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence

from vpp.control.dispatch import DAEMON
from vpp.control.evidence import Witness
from vpp.control.inputs import Decision
from vpp.control.pace import Pace
from vpp.control.parting import Left, Parting
from vpp.control.safe_states import Farewell, safe_setpoint
from vpp.control.sensing import Sensing
from vpp.control.state_table import StateTable
from vpp.control.supervision import end_all
from vpp.control.write_gate import WriteGate
from vpp.domain.capability import Form
from vpp.domain.command import WriteClass
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.portfolio import Portfolio
from vpp.domain.setpoint import Setpoint

FIRST_S, ALL_S, LOOK_S = 1.5, 4.2, 0.05
"""Wire seconds: for decreases before anything else is told, for all, between two looks."""
LAST_WORD_S = 0.1
"""Wire seconds for the gate to say why it lets nothing out."""


class SafeExit:
    """Works while sensing and the gate's tasks still run."""

    def __init__(
        self,
        portfolio: Portfolio,
        facts: Mapping[DeviceId, DeviceFacts],
        *,
        gate: WriteGate,
        sensing: Sensing,
        table: StateTable,
        pace: Pace,
    ) -> None:
        self._portfolio, self._facts, self._pace = portfolio, facts, pace
        self._gate, self._sensing, self._table = gate, sensing, table

    async def run(self) -> tuple[Left, ...]:
        """Close the gate to all else and leave every asset safe, in at most 4.5 wire seconds."""
        wire = self._pace.wire
        began_s = wire.monotonic()
        self._gate.close()
        self._sensing.leave()
        partings = [Parting(decision) for decision in self._decisions()]
        until_s = began_s + ALL_S - LAST_WORD_S
        while not all(one.over for one in partings) and wire.monotonic() < until_s:
            self._attend(partings, increases=wire.monotonic() >= began_s + FIRST_S)
            await wire.sleep(LOOK_S)
        await self._last_words(partings)
        return tuple(one.left() for one in partings)

    def _attend(self, partings: Sequence[Parting], *, increases: bool) -> None:
        """Take in what came, and tell whom it is time to tell; increases once no decrease waits."""
        now = self._look()
        self._take_in(partings, now)
        open_ = [one for one in partings if not one.over]
        decreases = [one for one in open_ if _takes_less(self._decision(one.asset).setpoint, now)]
        pending = any(one.waits or one.under_way is not None for one in decreases)
        for one in open_ if increases or not pending else decreases:
            if one.waits and self._may_be_told(one.device):
                self._tell(one)

    def _take_in(self, partings: Sequence[Parting], now: Witness) -> None:
        for one in (one for one in partings if not one.over):
            look = now.of(one.asset)
            if one.answered(look):
                self._sensing.at_once(one.device)
            one.look(look, self._tolerance_kw(one), self._table.device(one.device).heard_s)

    def _may_be_told(self, device: DeviceId) -> bool:
        """Whether the gate will not want it to be heard first."""
        state = self._table.device(device)
        return math.isfinite(state.heard_s) or not state.authority.writable

    def _tolerance_kw(self, one: Parting) -> float:
        facts = self._facts[one.device]
        return max(facts.confirm.tolerance_kw, facts.capabilities[one.asset].resolution_kw)

    def _tell(self, one: Parting) -> None:
        decision = self._decision(one.asset)
        carrying = asyncio.create_task(self._gate.carry(decision), name=f"safe {one.asset}")
        one.tell(decision, carrying)

    async def _last_words(self, partings: Sequence[Parting]) -> None:
        for one in partings:
            if one.waits:
                self._tell(one)
        carrying = [task for one in partings if (task := one.under_way) is not None]
        if carrying:
            await asyncio.wait(carrying, timeout=LAST_WORD_S)
        self._take_in(partings, self._look())
        await end_all(carrying)

    def _decisions(self) -> list[Decision]:
        return [
            self._decision(asset)
            for asset, device in self._portfolio.writer_of.items()
            if asset in self._facts[device].capabilities
        ]

    def _decision(self, asset: AssetId) -> Decision:
        device = self._portfolio.writer_of[asset]
        farewell = Farewell(
            owner=DAEMON, expires_s=self._pace.city.monotonic() + self._pace.timing.life_s
        )
        setpoint = safe_setpoint(
            self._portfolio.assets[asset],
            self._portfolio.devices[device].safe,
            self._facts[device].capabilities[asset],
            farewell,
        )
        return Decision(
            asset=asset, device=device, setpoint=setpoint, write_class=WriteClass.PROTECTION
        )

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
