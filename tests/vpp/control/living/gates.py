"""A write gate around one fake battery that was identified and read."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from tests.vpp.control.living.fakes import READS, FakeAudit, FakeBattery, LoopClock, pace
from tests.vpp.control.living.small_city import (
    batch,
    battery,
    battery_facts,
    city_of,
    device_of,
    point,
)
from vpp.control.dispatch import Dispatch
from vpp.control.inputs import Decision, Timing
from vpp.control.state_table import StateTable
from vpp.control.tenure import Tenure
from vpp.control.write_gate import WriteGate
from vpp.domain.devices import Authority, Carried
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import AssetId, DeviceId
from vpp.domain.outcome import Outcome

D1 = DeviceId("d1")


@dataclass
class Lease:
    until_s: float = math.inf


@dataclass
class GateRig:
    gate: WriteGate
    table: StateTable
    port: FakeBattery
    audit: FakeAudit
    lease: Lease
    authority: dict[DeviceId, Authority]
    told: list[Dispatch] = field(default_factory=list)

    @property
    def outcomes(self) -> list[Outcome]:
        return [dispatch.outcome for dispatch in self.told]

    @property
    def sent_kw(self) -> list[float]:
        return [command.setpoint.lo_kw for _, command in self.port.written]

    async def rule_for(self, decision: Decision) -> str | None:
        """Which rule held this back, if one did at once."""
        before = len(self.told)
        self.gate.submit(decision)
        await asyncio.sleep(0.01)
        return self.told[-1].rule or None if len(self.told) > before else None


@asynccontextmanager
async def gate_rig(
    *,
    facts: DeviceFacts | None = None,
    audit: FakeAudit | None = None,
    port: FakeBattery | None = None,
    known: bool = True,
    timing: Timing | None = None,
    assets: Sequence[str] = ("b1",),
) -> AsyncIterator[GateRig]:
    """``assets``: that the one device carries."""
    facts, audit = facts or battery_facts(), audit or FakeAudit()
    (ability,) = facts.capabilities.values()
    facts = replace(facts, capabilities=dict.fromkeys(map(AssetId, assets), ability))
    port = port or FakeBattery(D1, AssetId("b1"), LoopClock(), facts)
    carried = (Carried(subject=AssetId(name), reads=READS, writes=True) for name in assets)
    portfolio = city_of([battery(name) for name in assets], [device_of("d1", *carried)])
    authority = {D1: Authority.AUTO}
    beat = pace(timing)
    table = StateTable(portfolio, {D1: facts}, beat.timing, lambda device: authority[device])
    lease = Lease()
    gate = WriteGate(
        portfolio,
        {D1: port},
        table=table,
        audit=audit,
        tenure=Tenure(epoch=7, until_s=lambda: lease.until_s),
        pace=beat,
    )
    made = GateRig(gate, table, port, audit, lease, authority)
    gate.listen(made.told.append)
    if known:
        table.answers(D1)
        table.well(D1)
        read = {point(name, quantity): 0.0 for name in assets for quantity in READS}
        table.apply(batch("d1", read, at_s=0.0))
    async with gate:
        yield made
