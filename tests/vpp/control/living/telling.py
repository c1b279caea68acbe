"""What is told through a gate, and which rule kept it in."""

import asyncio

from tests.vpp.control.living.small_city import decide
from vpp.control.inputs import Decision
from vpp.domain.command import WriteClass
from vpp.domain.outcome import GateRefusal


def now() -> float:
    return asyncio.get_running_loop().time()


def tell(power_kw: float, write_class: WriteClass = WriteClass.COMMAND) -> Decision:
    return decide(power_kw, now_s=now(), write_class=write_class)


def rule_of(refused: GateRefusal | None) -> str | None:
    return None if refused is None else refused.rule
