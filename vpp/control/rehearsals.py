"""After every tick: what devices in shadow would be told, by the gate's rules, onto the record."""

from collections.abc import Iterable
from typing import Any

import structlog

from vpp.control.inputs import Alarm
from vpp.control.pool_loop import PoolLoop
from vpp.control.shadow_book import ShadowBook
from vpp.control.write_gate import WriteGate
from vpp.domain.ids import PoolId

_log = structlog.get_logger(__name__)


class Rehearsals:
    """Nothing that goes wrong here reaches the tick."""

    def __init__(self, gate: WriteGate, book: ShadowBook) -> None:
        self._gate, self._book = gate, book
        self._failed: dict[PoolId, str] = {}

    def run(self, pools: Iterable[PoolLoop[Any]]) -> None:
        """Of pools whose tick just completed."""
        for pool in pools:
            name = pool.model.pool
            try:
                for decision in pool.rehearse():
                    self._book.take(*self._gate.rehearse(decision))
            except Exception as fault:  # noqa: BLE001 - what is only thought must not break the loop
                if name not in self._failed:
                    _log.error("rehearsal failed", pool=name, exc_info=fault)
                self._failed[name] = repr(fault)
            else:
                self._failed.pop(name, None)

    def alarms(self) -> list[Alarm]:
        return [
            Alarm(code="SHADOW_FAILED", subject=name, text=f"shadows are not on record: {text}")
            for name, text in self._failed.items()
        ]
