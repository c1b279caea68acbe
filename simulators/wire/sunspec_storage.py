"""A SunSpec battery system: models 701, 702, 704, 713 and 802; + is discharging."""

from collections.abc import Mapping
from math import ceil
from typing import ClassVar

from simulators.physics.battery import BatteryUnit
from simulators.wire.registers import ILLEGAL_VALUE, Refused
from simulators.wire.sunspec_model import Model, fitting_scale

NOMINAL_V, NOMINAL_HZ, DC_V = 400.0, 60.0, 768.0
LARGEST_UINT16 = 65534


def rating_w(unit: BatteryUnit) -> float:
    """The greater of its two AC ratings."""
    return max(unit.plant.charge_w, unit.plant.discharge_w)


class Measured(Model):
    """Model 701: W at offset 10 (+ generation, - absorption), TotWhInj 19, TotWhAbs 23."""

    powers: ClassVar[tuple[str, ...]] = ("W", "WL1", "WL2", "WL3")

    def __init__(self, largest_w: float) -> None:
        watts = fitting_scale(largest_w)
        scales = {"W_SF": watts, "VA_SF": watts, "Var_SF": watts, "A_SF": -1 if watts == 0 else 0}
        super().__init__(701, scales | {"V_SF": -1, "Hz_SF": -2, "PF_SF": -3, "TotWh_SF": 0})
        for name, raw in (("ACType", 2), ("St", 1), ("ConnSt", 1), ("Alrm", 0), ("DERMode", 0)):
            self.put_raw(name, raw)
        for name in ("LLV", "VL1L2", "VL2L3", "VL3L1"):
            self.put(name, NOMINAL_V)
        for name in ("LNV", "VL1", "VL2", "VL3"):
            self.put(name, NOMINAL_V / 3**0.5)
        self.put("Hz", NOMINAL_HZ)
        self.put("Var", 0)
        self.put("PF", 1)

    def show(self, generated_w: float, injected_wh: float, absorbed_wh: float) -> None:
        self.put("W", generated_w)
        for phase in ("WL1", "WL2", "WL3"):
            self.put(phase, generated_w / 3)
        self.put("VA", abs(generated_w))
        self.put("A", abs(generated_w) / (NOMINAL_V * 3**0.5))
        self.put_raw("InvSt", 3 if generated_w else 7)
        self.put("TotWhInj", injected_wh)
        self.put("TotWhAbs", absorbed_wh)


class MeasuredBattery(Measured):
    """Model 701 of a battery system."""

    def __init__(self, unit: BatteryUnit) -> None:
        super().__init__(rating_w(unit))
        self._unit = unit

    def refresh(self) -> None:
        self.show(-self._unit.power_w, self._unit.discharged_wh, self._unit.charged_wh)


class Capacity(Model):
    """Model 702: ratings WMaxRtg 2, WChaRteMaxRtg 10, WDisChaRteMaxRtg 11; settings from 26 on."""

    def __init__(self, largest_w: float) -> None:
        watts = fitting_scale(largest_w, LARGEST_UINT16)
        super().__init__(702, {"W_SF": watts, "VA_SF": watts, "V_SF": 0})
        for name in ("WMaxRtg", "WMax", "VAMaxRtg", "VAMax"):
            self.put(name, largest_w)
        for name in ("VNomRtg", "VNom"):
            self.put(name, NOMINAL_V)


class StorageCapacity(Capacity):
    """Model 702 of a battery system."""

    def __init__(self, unit: BatteryUnit) -> None:
        super().__init__(rating_w(unit))
        for name in ("WChaRteMaxRtg", "WChaRteMax"):
            self.put(name, unit.plant.charge_w)
        for name in ("WDisChaRteMaxRtg", "WDisChaRteMax"):
            self.put(name, unit.plant.discharge_w)
        self.put_raw("CtrlModes", 1 << 1)


class PowerSetpoint(Model):
    """Model 704 of a battery system: WSetEna at offset 22 to WSetRvrtRem 33, + injects, - absorbs.

    Writing WSetEna = 1 takes the setpoint in force and (re)starts the reversion timer with
    WSetRvrtTms; a new WSet, WSetPct or WSetMod while enabled acts at once and leaves the timer
    running. When the timer ends, WSetEnaRvrt decides: 1 goes to WSetRvrt or WSetPctRvrt, else the
    setpoint is disabled.
    """

    writable: ClassVar[frozenset[str]] = frozenset(
        {
            "WSetEna", "WSetMod", "WSet", "WSetRvrt", "WSetPct", "WSetPctRvrt", "WSetEnaRvrt",
            "WSetRvrtTms",
        }
    )  # fmt: skip

    def __init__(self, unit: BatteryUnit) -> None:
        self._unit = unit
        super().__init__(704, {"WSet_SF": fitting_scale(rating_w(unit)), "WSetPct_SF": -1})
        self._set_defaults()

    def _set_defaults(self) -> None:
        for name in self.writable:
            self.put_raw(name, 0)
        self.put_raw("WSetMod", 1)
        self.put_raw("WSetRvrtRem", 0)

    def refresh(self) -> None:
        setpoint_w = self._unit.setpoint_w
        left_s = self._unit.reversion_left_s
        self.put_raw("WSetEna", int(setpoint_w is not None))
        self.put_raw("WSetRvrtRem", ceil(left_s or 0.0))
        if setpoint_w is not None and self.get_raw("WSetMod") == 1:
            self.put("WSet", -setpoint_w)
        elif setpoint_w is not None:
            self.put("WSetPct", -100 * setpoint_w / rating_w(self._unit))

    def check(self, wanted: Mapping[str, int]) -> None:
        for name in wanted.keys() & {"WSetEna", "WSetMod", "WSetEnaRvrt"}:
            if wanted[name] not in (0, 1):
                raise Refused(ILLEGAL_VALUE, f"{name} is 0 or 1")
        for name in wanted.keys() & {"WSet", "WSetRvrt"}:
            self._check_power(name, wanted[name] * 10 ** self.scale_of(name))
        for name in wanted.keys() & {"WSetPct", "WSetPctRvrt"}:
            percent = wanted[name] * 10 ** self.scale_of(name)
            self._check_power(name, percent / 100 * rating_w(self._unit))

    def _check_power(self, name: str, injected_w: float) -> None:
        plant = self._unit.plant
        slack_w = 10 ** self.scale_of("WSet")
        if not -plant.charge_w - slack_w <= injected_w <= plant.discharge_w + slack_w:
            raise Refused(ILLEGAL_VALUE, f"{name}: {injected_w:g} W is beyond the ratings")

    def apply(self, written: frozenset[str]) -> None:
        enabled = self.get_raw("WSetEna") == 1
        if "WSetEna" in written and enabled:
            self._unit.command(self._power_w(""), self.get_raw("WSetRvrtTms") or None, self._then())
        elif "WSetEna" in written:
            self._unit.release()
        elif enabled and written & {"WSet", "WSetPct", "WSetMod"}:
            self._unit.command(self._power_w(""), self._unit.reversion_left_s, self._then())

    def _power_w(self, suffix: str) -> float:
        """The power that the registers ask for, + into the battery."""
        if self.get_raw("WSetMod") == 1:
            return -self.get("WSet" + suffix)
        return -self.get("WSetPct" + suffix) / 100 * rating_w(self._unit)

    def _then(self) -> float | None:
        return self._power_w("Rvrt") if self.get_raw("WSetEnaRvrt") == 1 else None

    def reboot(self) -> None:
        self._set_defaults()
        self._unit.release()


class StoredEnergy(Model):
    """Model 713: WHRtg at offset 2, WHAvail 3 (what is stored), SoC 4, SoH 5, Sta 6."""

    def __init__(self, unit: BatteryUnit) -> None:
        self._unit = unit
        energy = fitting_scale(unit.plant.capacity_wh, LARGEST_UINT16)
        super().__init__(713, {"WH_SF": energy, "Pct_SF": -1})
        self.put("WHRtg", unit.plant.capacity_wh)
        self.put("SoH", 100 * unit.health)
        self.put_raw("Sta", 0)

    def refresh(self) -> None:
        self.put("WHAvail", self._unit.stored_wh)
        self.put("SoC", 100 * self._unit.soc)


class BatteryBase(Model):
    """Model 802: SoC at offset 11, ChaSt 16, Hb 18, CtrlHb 19 (watchdog), State 22, A 44, W 47.

    The definition leaves the sign of A and W open; this vendor's is + = discharging. SetOp 50:
    2 disconnects (no power), 1 connects again. A changed CtrlHb feeds the watchdog.
    """

    writable: ClassVar[frozenset[str]] = frozenset({"CtrlHb", "AlmRst", "SetOp"})
    powers: ClassVar[tuple[str, ...]] = ("W", "A")

    def __init__(self, unit: BatteryUnit) -> None:
        self._unit = unit
        self._connected = True
        watts, energy = fitting_scale(rating_w(unit)), unit.plant.capacity_wh
        super().__init__(802, _SCALES_802 | {
            "AHRtg_SF": fitting_scale(energy / DC_V, LARGEST_UINT16),
            "WHRtg_SF": fitting_scale(energy, LARGEST_UINT16),
            "WChaDisChaMax_SF": fitting_scale(rating_w(unit), LARGEST_UINT16),
            "W_SF": watts, "A_SF": -1 if watts == 0 else 0,
        })  # fmt: skip
        self.put("AHRtg", energy / DC_V)
        self.put("WHRtg", energy)
        self.put("WChaRteMax", unit.plant.charge_w)
        self.put("WDisChaRteMax", unit.plant.discharge_w)
        self.put("SoCMax", 100 * unit.plant.soc_max)
        self.put("SoCMin", 100 * unit.plant.soc_min)
        self.put("SoH", 100 * unit.health)
        self.put("V", DC_V)
        for name, raw in _FIXED_802:
            self.put_raw(name, raw)

    def refresh(self) -> None:
        unit = self._unit
        self.put("SoC", 100 * unit.soc)
        self.put_raw("ChaSt", self._charge_status())
        self.put_raw("Hb", int(unit.now_s) % LARGEST_UINT16)
        self.put_raw("State", 3 if self._connected else 1)
        self.put("A", -unit.power_w / DC_V)
        self.put("W", -unit.power_w)

    def _charge_status(self) -> int:
        """1 off, 2 empty, 3 discharging, 4 charging, 5 full, 6 holding."""
        unit = self._unit
        if not self._connected:
            return 1
        if unit.power_w:
            return 4 if unit.power_w > 0 else 3
        if unit.charge_limit_w <= 0:
            return 5
        return 2 if unit.discharge_limit_w <= 0 else 6

    def check(self, wanted: Mapping[str, int]) -> None:
        if wanted.get("SetOp", 1) not in (1, 2):
            raise Refused(ILLEGAL_VALUE, "SetOp is 1 (connect) or 2 (disconnect)")

    def apply(self, written: frozenset[str]) -> None:
        if "CtrlHb" in written:
            self._unit.beat(self.get_raw("CtrlHb"))
        if "SetOp" in written:
            self._connect(self.get_raw("SetOp") == 1)

    def _connect(self, connected: bool) -> None:
        self._connected = connected
        if connected:
            self._unit.release()
        else:
            self._unit.stop()

    def reboot(self) -> None:
        self._connected = True
        self.put_raw("SetOp", 1)
        self.put_raw("CtrlHb", 0)


_SCALES_802 = {"SoC_SF": -1, "SoH_SF": -1, "DoD_SF": -1, "V_SF": -1, "CellV_SF": -3, "AMax_SF": 0}
_FIXED_802 = (
    ("LocRemCtl", 0), ("CtrlHb", 0), ("AlmRst", 0), ("Typ", 4), ("SetOp", 1), ("SetInvState", 3),
    ("Evt1", 0), ("Evt2", 0), ("EvtVnd1", 0), ("EvtVnd2", 0),
)  # fmt: skip
