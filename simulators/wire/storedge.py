"""SolarEdge StorEdge: a hybrid inverter, battery + = charging, AC + = generation.

Registers after the public maps of the vendor's storage control: 57348 (0xE004) control, 57600
(0xE100) battery 1; SunSpec common (L = 65) and model 103 from 40000, so that AC power is at 40083.
"""

import math
from collections.abc import Mapping
from typing import Any

from simulators.physics.battery import (
    AUTONOMOUS,
    COMMANDED,
    SPARE_SUN,
    SUN,
    ZERO,
    BatteryUnit,
)
from simulators.physics.hybrid import HybridUnit
from simulators.wire.registers import ILLEGAL_VALUE, Block, Refused
from simulators.wire.storedge_limit import DynamicPowerControl
from simulators.wire.sunspec_model import Model, chain
from simulators.wire.sunspec_pv import ThreePhaseInverter
from simulators.wire.word_swapped import Field, SwappedBlock

REMOTE_CONTROL = 4
OFF, FROM_SPARE_SUN, FROM_SUN, CHARGE, DISCHARGE, TO_LOAD, SELF_USE = 0, 1, 2, 3, 4, 5, 7
COMMAND_MODES = (OFF, FROM_SPARE_SUN, FROM_SUN, CHARGE, DISCHARGE, TO_LOAD, SELF_USE)
SOLAR = {FROM_SPARE_SUN: SPARE_SUN, FROM_SUN: SUN}
LONGEST_TIMEOUT_S = 86400
DC_V = 400.0

CONTROL = (
    Field("control_mode", 57348, "u16", writable=True),  # 1 self-use, 4 remote
    Field("ac_charge_policy", 57349, "u16", writable=True),  # 1 always
    Field("ac_charge_limit", 57350, "f32", writable=True),
    Field("backup_reserve", 57352, "f32", writable=True),  # %
    Field("default_mode", 57354, "u16", writable=True),  # after the time-out: 0 off, 7 self-use
    Field("command_timeout", 57355, "u32", writable=True),  # s
    Field("command_mode", 57357, "u16", writable=True),
    Field("charge_limit", 57358, "f32", writable=True),  # W
    Field("discharge_limit", 57360, "f32", writable=True),  # W
)
BATTERY = (
    Field("manufacturer", 57600, "text", text_registers=16),
    Field("model", 57616, "text", text_registers=16),
    Field("firmware", 57632, "text", text_registers=16),
    Field("serial", 57648, "text", text_registers=16),
    Field("device_address", 57664, "u16"),
    Field("rated_energy", 57666, "f32"),  # Wh
    Field("max_charge_power", 57668, "f32"),  # W
    Field("max_discharge_power", 57670, "f32"),  # W
    Field("max_charge_peak_power", 57672, "f32"),  # W
    Field("max_discharge_peak_power", 57674, "f32"),  # W
    Field("average_temperature", 57708, "f32"),  # degrees C
    Field("max_temperature", 57710, "f32"),  # degrees C
    Field("voltage", 57712, "f32"),  # V
    Field("current", 57714, "f32"),  # A, + charging
    Field("power", 57716, "f32"),  # W, + charging
    Field("discharged_energy", 57718, "u64"),  # Wh
    Field("charged_energy", 57722, "u64"),  # Wh
    Field("max_energy", 57726, "f32"),  # Wh at the present health
    Field("available_energy", 57728, "f32"),  # Wh stored
    Field("soh", 57730, "f32"),  # %
    Field("soe", 57732, "f32"),  # %
    Field("status", 57734, "u32"),  # 3 charging, 4 discharging, 6 preserving, 7 idle
)


class StorageControl(SwappedBlock):
    """The storage control block.

    Command mode acts only under control mode 4. Writing it (re)starts the command time-out; new
    limits act at once and leave the time-out running. After the time-out the default mode holds,
    and 57357 reads as that; modes 5 and 7 then only lose their limits. Modes 1 and 2 charge from PV
    alone, up to the charge limit: 1 with what the inverter would clip, 2 with all of it.
    """

    def __init__(self, unit: BatteryUnit) -> None:
        super().__init__(57348, 14, CONTROL)
        self._unit = unit
        self._set_defaults()

    def _set_defaults(self) -> None:
        own = SELF_USE if self._unit.default_mode == AUTONOMOUS else OFF
        self.put("control_mode", 1)
        self.put("ac_charge_policy", 1)
        self.put("ac_charge_limit", 0.0)
        self.put("backup_reserve", 0.0)
        self.put("default_mode", own)
        self.put("command_timeout", 3600)
        self.put("command_mode", own)
        self.put("charge_limit", self._unit.plant.charge_w)
        self.put("discharge_limit", self._unit.plant.discharge_w)

    def refresh(self) -> None:
        timed = self._commanded not in (TO_LOAD, SELF_USE)
        if self._remote and timed and self._unit.mode not in COMMANDED:
            self.put("command_mode", self.get("default_mode"))

    def check(self, wanted: Mapping[str, float]) -> None:
        for name, allowed in (
            ("control_mode", (0, 1, 2, 3, REMOTE_CONTROL)),
            ("default_mode", (OFF, SELF_USE)),
            ("command_mode", COMMAND_MODES),
        ):
            if name in wanted and wanted[name] not in allowed:
                raise Refused(ILLEGAL_VALUE, f"{name} is one of {allowed}")
        if wanted.get("command_timeout", 0) > LONGEST_TIMEOUT_S:
            raise Refused(ILLEGAL_VALUE, "command_timeout is 0 to 86400 s")
        plant = self._unit.plant
        for name, most in (
            ("charge_limit", plant.charge_w),
            ("discharge_limit", plant.discharge_w),
            ("backup_reserve", 100.0),
        ):
            value = wanted.get(name, 0.0)
            if not (math.isfinite(value) and 0 <= value <= most + 1):
                raise Refused(ILLEGAL_VALUE, f"{name}: {value:g} is outside 0 to {most:g}")

    def apply(self, written: frozenset[str]) -> None:
        if "default_mode" in written:
            self._unit.default_mode = AUTONOMOUS if self.get("default_mode") == SELF_USE else ZERO
        if "control_mode" in written and not self._remote:
            self._leave_remote()
        elif self._remote and "command_mode" in written:
            self._command(self.get("command_timeout"))
        elif self._remote and written & {"charge_limit", "discharge_limit"}:
            self._command(self._unit.reversion_left_s)

    @property
    def _remote(self) -> bool:
        return self.get("control_mode") == REMOTE_CONTROL

    @property
    def _commanded(self) -> int:
        return int(self.get("command_mode"))

    def _command(self, valid_s: float | None) -> None:
        charge_w, discharge_w = self.get("charge_limit"), self.get("discharge_limit")
        powers = {OFF: 0.0, CHARGE: charge_w, DISCHARGE: -discharge_w}
        most_w = 0.0 if self._commanded == TO_LOAD else charge_w
        self._unit.set_limits(-discharge_w, most_w, valid_s)
        if self._commanded in SOLAR:
            self._unit.charge_from(SOLAR[self._commanded], valid_s)
        elif self._commanded in powers:
            self._unit.command(powers[self._commanded], valid_s)
        else:
            self._autonomous()

    def _leave_remote(self) -> None:
        self._unit.set_limits(-math.inf, math.inf, None)
        if self.get("control_mode") == 0:
            self._unit.stop()
        else:
            self._autonomous()

    def _autonomous(self) -> None:
        default = self._unit.default_mode
        self._unit.default_mode = AUTONOMOUS
        self._unit.release()
        self._unit.default_mode = default

    def reboot(self) -> None:
        self._set_defaults()
        self._unit.release()


class BatteryOne(SwappedBlock):
    """The block of battery 1; what is reserved reads as 0."""

    def __init__(self, unit: BatteryUnit, identity: Mapping[str, Any], serial: str) -> None:
        super().__init__(57600, 138, BATTERY)
        self._unit = unit
        self.powers = ("power", "current")
        self.put_text("manufacturer", str(identity.get("maker", "Simulated")))
        self.put_text("model", "Battery")
        self.put_text("firmware", "1.0.0")
        self.put_text("serial", f"{serial}-B1")
        self.put("rated_energy", unit.plant.capacity_wh)
        self.put("max_energy", unit.capacity_wh)
        self.put("soh", 100 * unit.health)
        self.put("voltage", DC_V)
        for name in ("max_charge_power", "max_charge_peak_power"):
            self.put(name, unit.plant.charge_w)
        for name in ("max_discharge_power", "max_discharge_peak_power"):
            self.put(name, unit.plant.discharge_w)
        for name in ("average_temperature", "max_temperature"):
            self.put(name, 25.0)

    def refresh(self) -> None:
        unit = self._unit
        self.put("power", unit.power_w)
        self.put("current", unit.power_w / DC_V)
        self.put("charged_energy", unit.charged_wh)
        self.put("discharged_energy", unit.discharged_wh)
        self.put("available_energy", unit.stored_wh)
        self.put("soe", 100 * unit.soc)
        self.put("status", 7 if not unit.power_w else 3 if unit.power_w > 0 else 4)


class HybridInverter(ThreePhaseInverter):
    """Model 103 of the hybrid: W and DCW are PV less what charges the battery, + generation."""

    def __init__(self, hybrid: HybridUnit) -> None:
        super().__init__(hybrid.rating_w)
        self._hybrid = hybrid

    def refresh(self) -> None:
        battery, pv = self._hybrid.battery, self._hybrid.pv
        given_wh = pv.produced_wh + battery.discharged_wh - battery.charged_wh
        self.show(-(battery.power_w + pv.power_w), max(0.0, given_wh), self._limited)

    @property
    def _limited(self) -> bool:
        return self._hybrid.most_given_w < self._hybrid.rating_w


def blocks(
    hybrid: HybridUnit, common: Model, identity: Mapping[str, Any], serial: str
) -> list[Block]:
    """All registers of one hybrid inverter; `common` is its model 1, without the pad."""
    inverter = HybridInverter(hybrid)
    battery = BatteryOne(hybrid.battery, identity, serial)
    control = StorageControl(hybrid.battery), DynamicPowerControl(hybrid)
    return [*chain([common, inverter]), *control, battery]
