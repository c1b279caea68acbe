"""SolarEdge dynamic power control, 62208 (0xF300): how much the whole inverter may give at AC.

Registers after the public map of the vendor's power control; values of two registers come with the
low word first.
"""

import math
from collections.abc import Mapping

from simulators.physics.hybrid import HybridUnit
from simulators.wire.registers import ILLEGAL_VALUE, Refused
from simulators.wire.word_swapped import Field, SwappedBlock

FIELDS = (
    Field("enable", 62208, "u16", writable=True),
    Field("max_active_power", 62212, "f32"),  # W
    Field("command_timeout", 62224, "u32", writable=True),  # s
    Field("fallback_limit", 62226, "f32", writable=True),  # %
    Field("dynamic_limit", 62242, "f32", writable=True),  # %
)


class DynamicPowerControl(SwappedBlock):
    """Limits act only while it is enabled; writing 62242 (re)starts the time-out.

    After the time-out the fallback holds, and 62242 reads as that. All but 62242 are kept over a
    restart.
    """

    def __init__(self, unit: HybridUnit) -> None:
        super().__init__(62208, 36, FIELDS)
        self._unit = unit
        self.put("enable", 0)
        self.put("max_active_power", unit.rating_w)
        self.put("command_timeout", 60)
        self.put("fallback_limit", 100.0)
        self.put("dynamic_limit", 100.0)

    def refresh(self) -> None:
        if self.get("enable"):
            self.put("dynamic_limit", 100 * self._unit.most_given_w / self._unit.rating_w)

    def check(self, wanted: Mapping[str, float]) -> None:
        if wanted.get("enable", 0) not in (0, 1):
            raise Refused(ILLEGAL_VALUE, "enable is 0 or 1")
        for name in ("fallback_limit", "dynamic_limit"):
            value = wanted.get(name, 0.0)
            if not (math.isfinite(value) and 0 <= value <= 100):
                raise Refused(ILLEGAL_VALUE, f"{name} is 0 to 100 %")

    def apply(self, written: frozenset[str]) -> None:
        if not self.get("enable"):
            self._unit.release()
        elif written & {"enable", "dynamic_limit"}:
            self._unit.limit(
                self._watts("dynamic_limit"), self.get("command_timeout"),
                self._watts("fallback_limit"),
            )  # fmt: skip

    def _watts(self, name: str) -> float:
        return self.get(name) / 100 * self._unit.rating_w

    def reboot(self) -> None:
        self.put("dynamic_limit", 100.0)
        self._unit.release()
