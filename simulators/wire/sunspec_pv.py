"""SunSpec PV plants: curtailable (701, 702, 704) and read-only (103); + is generation."""

from collections.abc import Mapping
from math import ceil
from typing import ClassVar

from simulators.physics.pv import PvUnit
from simulators.wire.registers import ILLEGAL_VALUE, Refused
from simulators.wire.sunspec_model import Model, fitting_scale
from simulators.wire.sunspec_storage import NOMINAL_HZ, NOMINAL_V, Measured


class MeasuredPv(Measured):
    """Model 701 of a PV plant."""

    def __init__(self, unit: PvUnit) -> None:
        super().__init__(unit.plant.clip_w)
        self._unit = unit

    def refresh(self) -> None:
        self.show(-self._unit.power_w, self._unit.produced_wh, 0.0)


class Curtailment(Model):
    """Model 704 of a PV plant: WMaxLimPctEna at offset 14 to WMaxLimPctRvrtRem 20, % of 702.WMax.

    Writing WMaxLimPctEna = 1 takes the limit in force and (re)starts the reversion timer with
    WMaxLimPctRvrtTms; a new WMaxLimPct while enabled acts at once and leaves the timer running.
    When the timer ends, WMaxLimPctEnaRvrt decides: 1 goes to WMaxLimPctRvrt, else no limit holds.
    """

    writable: ClassVar[frozenset[str]] = frozenset(
        {
            "WMaxLimPctEna", "WMaxLimPct", "WMaxLimPctRvrt", "WMaxLimPctEnaRvrt",
            "WMaxLimPctRvrtTms",
        }
    )  # fmt: skip

    def __init__(self, unit: PvUnit) -> None:
        self._unit = unit
        super().__init__(704, {"WMaxLimPct_SF": -2})
        self._set_defaults()

    def _set_defaults(self) -> None:
        for name in self.writable:
            self.put_raw(name, 0)
        self.put("WMaxLimPct", 100)
        self.put("WMaxLimPctRvrt", 100)
        self.put_raw("WMaxLimPctRvrtRem", 0)

    def refresh(self) -> None:
        limit_w = self._unit.limit_w
        self.put_raw("WMaxLimPctEna", int(limit_w is not None))
        self.put_raw("WMaxLimPctRvrtRem", ceil(self._unit.reversion_left_s or 0.0))
        if limit_w is not None:
            self.put("WMaxLimPct", 100 * limit_w / self._unit.plant.clip_w)

    def check(self, wanted: Mapping[str, int]) -> None:
        for name in wanted.keys() & {"WMaxLimPctEna", "WMaxLimPctEnaRvrt"}:
            if wanted[name] not in (0, 1):
                raise Refused(ILLEGAL_VALUE, f"{name} is 0 or 1")
        for name in wanted.keys() & {"WMaxLimPct", "WMaxLimPctRvrt"}:
            if wanted[name] * 10 ** self.scale_of(name) > 100:
                raise Refused(ILLEGAL_VALUE, f"{name} is at most 100 %")

    def apply(self, written: frozenset[str]) -> None:
        enabled = self.get_raw("WMaxLimPctEna") == 1
        if "WMaxLimPctEna" in written and enabled:
            self._limit(self.get_raw("WMaxLimPctRvrtTms") or None)
        elif "WMaxLimPctEna" in written:
            self._unit.release()
        elif enabled and "WMaxLimPct" in written:
            self._limit(self._unit.reversion_left_s)

    def _limit(self, valid_s: float | None) -> None:
        reverts = self.get_raw("WMaxLimPctEnaRvrt") == 1
        then_w = self._watts("WMaxLimPctRvrt") if reverts else None
        self._unit.limit(self._watts("WMaxLimPct"), valid_s, then_w)

    def _watts(self, name: str) -> float:
        return self.get(name) / 100 * self._unit.plant.clip_w

    def reboot(self) -> None:
        self._set_defaults()
        self._unit.release()


class ThreePhaseInverter(Model):
    """Model 103: W at offset 14 (+ generation), WH 24 (acc32), DCW 31, St 38."""

    powers: ClassVar[tuple[str, ...]] = ("W", "DCW")

    def __init__(self, largest_w: float) -> None:
        watts = fitting_scale(largest_w)
        scales = {"W_SF": watts, "VA_SF": watts, "DCW_SF": watts, "A_SF": -1 if watts == 0 else 0}
        super().__init__(103, scales | {"V_SF": -1, "Hz_SF": -2, "WH_SF": 0, "Tmp_SF": -1})
        for name in ("PPVphAB", "PPVphBC", "PPVphCA"):
            self.put(name, NOMINAL_V)
        for name in ("PhVphA", "PhVphB", "PhVphC"):
            self.put(name, NOMINAL_V / 3**0.5)
        self.put("Hz", NOMINAL_HZ)
        self.put("TmpCab", 40)
        for name in ("Evt1", "Evt2"):
            self.put_raw(name, 0)

    def show(self, generated_w: float, generated_wh: float, limited: bool) -> None:
        self.put("W", generated_w)
        self.put("DCW", generated_w)
        self.put("VA", abs(generated_w))
        amperes = abs(generated_w) / (NOMINAL_V * 3**0.5)
        self.put("A", amperes)
        for phase in ("AphA", "AphB", "AphC"):
            self.put(phase, amperes)
        self.put_raw("WH", int(generated_wh) % 2**32)
        self.put_raw("St", 5 if limited else 4 if generated_w else 2)


class PvInverter(ThreePhaseInverter):
    """Model 103 of a PV plant."""

    def __init__(self, unit: PvUnit) -> None:
        super().__init__(unit.plant.clip_w)
        self._unit = unit

    def refresh(self) -> None:
        unit = self._unit
        self.show(-unit.power_w, unit.produced_wh, unit.limit_w is not None)
