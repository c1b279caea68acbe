"""Every reading of every shipped profile against the physics of the simulators.

What the devices do is set by an independent client in raw registers, so that an error of ours
cannot cancel itself out.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from adapters.modbus.factory import open_link
from adapters.profile.library import MODBUS
from simulators.physics.battery import BatteryUnit
from simulators.physics.meter import MeterUnit
from simulators.physics.pv import PvUnit
from simulators.wire import SimulatedCity
from tests.adapters.modbus.house import (
    BAT,
    BMS,
    ESS,
    GRID,
    HYBAT,
    HYBRID,
    HYPV,
    INVERTER,
    METER,
    PV,
    ROOF,
    SHED,
    request,
    simulated,
    value,
)
from tests.simulators.wire.clients import modbus, swapped_words, words32, write
from vpp.domain.ids import AssetId, MeterId
from vpp.domain.points import OperatingState, Quantity
from vpp.ports.device import Polled

M704 = 40277
"""Where model 704 stands in the battery and the curtailable inverter."""
LINKS = {"bus": (ESS, PV, INVERTER, METER), "bms-link": (BMS,), "hybrid-link": (HYBRID,)}
Key = tuple[str, AssetId | MeterId, Quantity]


@dataclass(frozen=True)
class Truth:
    """The physics, in house units and signs."""

    city: SimulatedCity

    def battery(self, name: str) -> BatteryUnit:
        unit = self.city.world.asset[name]
        assert isinstance(unit, BatteryUnit)
        return unit

    def pv(self, name: str) -> PvUnit:
        unit = self.city.world.asset[name]
        assert isinstance(unit, PvUnit)
        return unit

    @property
    def grid(self) -> MeterUnit:
        return self.city.world.meter["grid"]


Expected = Callable[[Truth], float]
EXPECTED: Mapping[Key, Expected] = {
    ("sunspec-ess", BAT, Quantity.POWER_KW): lambda t: t.battery("bat").power_w / 1e3,
    ("sunspec-ess", BAT, Quantity.SOC): lambda t: t.battery("bat").soc,
    ("sunspec-ess", BAT, Quantity.AVAILABLE_KWH): lambda t: t.battery("bat").stored_wh / 1e3,
    ("sunspec-ess", BAT, Quantity.HEALTH): lambda t: t.battery("bat").health,
    ("sunspec-ess", BAT, Quantity.ENERGY_IN_KWH): lambda t: t.battery("bat").charged_wh / 1e3,
    ("sunspec-ess", BAT, Quantity.ENERGY_OUT_KWH): lambda t: t.battery("bat").discharged_wh / 1e3,
    ("sunspec-ess", BAT, Quantity.LIMIT_CHARGE_KW): lambda _: 50.0,
    ("sunspec-ess", BAT, Quantity.LIMIT_DISCHARGE_KW): lambda _: 40.0,
    ("sunspec-ess", BAT, Quantity.SETPOINT_KW): lambda _: -7.0,
    ("sunspec-ess", BAT, Quantity.REVERSION_S): lambda t: t.battery("bat").reversion_left_s or 0.0,
    ("sunspec-ess", BAT, Quantity.STATE): lambda _: OperatingState.RUNNING,
    ("sunspec-bms", BAT, Quantity.SOC): lambda t: t.battery("bat").soc,
    ("sunspec-bms", BAT, Quantity.AVAILABLE_KWH): lambda t: t.battery("bat").stored_wh / 1e3,
    ("sunspec-bms", BAT, Quantity.HEALTH): lambda t: t.battery("bat").health,
    ("sunspec-bms", BAT, Quantity.LIMIT_CHARGE_KW): lambda _: 50.0,
    ("sunspec-bms", BAT, Quantity.LIMIT_DISCHARGE_KW): lambda _: 40.0,
    ("sunspec-bms", BAT, Quantity.STATE): lambda _: OperatingState.RUNNING,
    ("sunspec-pv", ROOF, Quantity.POWER_KW): lambda t: t.pv("roof").power_w / 1e3,
    ("sunspec-pv", ROOF, Quantity.AVAILABLE_KW): lambda t: -t.pv("roof").power_w / 1e3,
    ("sunspec-pv", ROOF, Quantity.ENERGY_IN_KWH): lambda _: 0.0,
    ("sunspec-pv", ROOF, Quantity.ENERGY_OUT_KWH): lambda t: t.pv("roof").produced_wh / 1e3,
    ("sunspec-pv", ROOF, Quantity.STATE): lambda _: OperatingState.RUNNING,
    ("sunspec-inverter", SHED, Quantity.POWER_KW): lambda t: t.pv("shed").power_w / 1e3,
    ("sunspec-inverter", SHED, Quantity.AVAILABLE_KW): lambda t: -t.pv("shed").power_w / 1e3,
    ("sunspec-inverter", SHED, Quantity.ENERGY_OUT_KWH): lambda t: t.pv("shed").produced_wh / 1e3,
    ("sunspec-inverter", SHED, Quantity.STATE): lambda _: OperatingState.RUNNING,
    ("sunspec-meter", GRID, Quantity.POWER_KW): lambda t: t.grid.power_w / 1e3,
    ("sunspec-meter", GRID, Quantity.ENERGY_IN_KWH): lambda t: t.grid.import_wh / 1e3,
    ("sunspec-meter", GRID, Quantity.ENERGY_OUT_KWH): lambda t: t.grid.export_wh / 1e3,
    **{
        ("sunspec-meter", GRID, phase): lambda t: abs(t.grid.power_w) / (400 * math.sqrt(3))
        for phase in (Quantity.CURRENT_L1_A, Quantity.CURRENT_L2_A, Quantity.CURRENT_L3_A)
    },
    ("storedge", HYBAT, Quantity.POWER_KW): lambda t: t.battery("hybat").power_w / 1e3,
    ("storedge", HYBAT, Quantity.SOC): lambda t: t.battery("hybat").soc,
    ("storedge", HYBAT, Quantity.AVAILABLE_KWH): lambda t: t.battery("hybat").stored_wh / 1e3,
    ("storedge", HYBAT, Quantity.HEALTH): lambda t: t.battery("hybat").health,
    ("storedge", HYBAT, Quantity.ENERGY_IN_KWH): lambda t: t.battery("hybat").charged_wh / 1e3,
    ("storedge", HYBAT, Quantity.ENERGY_OUT_KWH): lambda t: t.battery("hybat").discharged_wh / 1e3,
    ("storedge", HYBAT, Quantity.LIMIT_CHARGE_KW): lambda _: 10.0,
    ("storedge", HYBAT, Quantity.LIMIT_DISCHARGE_KW): lambda _: 8.0,
    ("storedge", HYBAT, Quantity.SETPOINT_KW): lambda _: -2.0,
    ("storedge", HYBAT, Quantity.STATE): lambda _: OperatingState.RUNNING,
    ("storedge", HYPV, Quantity.POWER_KW): lambda t: t.pv("hypv").power_w / 1e3,
    ("storedge", HYPV, Quantity.AVAILABLE_KW): lambda t: -t.pv("hypv").power_w / 1e3,
}  # fmt: skip
"""A limited roof is measured apart: it says other things than one without a limit."""
LIMITED: Mapping[Key, Expected] = {
    ("sunspec-pv", ROOF, Quantity.SETPOINT_KW): lambda t: -(t.pv("roof").limit_w or 0.0) / 1e3,
    ("sunspec-pv", ROOF, Quantity.REVERSION_S): lambda t: t.pv("roof").reversion_left_s or 0.0,
    ("sunspec-pv", ROOF, Quantity.POWER_KW): lambda _: -10.9,
}
TOLERANCE = {"_kw": 0.06, "_kwh": 0.02, "_s": 1.5, "_a": 0.6, "soc": 0.001, "health": 0.001}


COARSE = {"sunspec-meter": 0.5}
"""kW; the simulated meter counts whole kilowatts."""


def tolerance(key: Key) -> float:
    ending = max((t for e, t in TOLERANCE.items() if key[2].value.endswith(e)), default=0.0)
    return max(ending, COARSE.get(key[0], 0.0) if key[2] is Quantity.POWER_KW else 0.0)


def says(profile: str) -> set[Quantity]:
    return {r.quantity for readings in MODBUS.shipped(profile).readings.values() for r in readings}


@pytest.mark.parametrize("profile", MODBUS.names())
def test_every_reading_is_measured_here(profile: str) -> None:
    measured = {key[2] for key in [*EXPECTED, *LIMITED] if key[0] == profile}

    assert measured == says(profile)


Measured = dict[Key, tuple[float | None, float]]


async def command_battery(port: int, injected_w: int) -> None:
    """WSet counts tens of watts in this device."""
    async with modbus(port) as client:
        await write(client, M704 + 31, words32(900))
        await write(client, M704 + 24, words32(injected_w // 10))
        await write(client, M704 + 22, [1])


async def command_hybrid(port: int, mode: int, watts: float) -> None:
    async with modbus(port) as client:
        await write(client, 57348, [4])
        await write(client, 57355, swapped_words(900))
        await write(client, 57358 if mode == 3 else 57360, swapped_words(watts))
        await write(client, 57357, [mode])


async def limit_roof(port: int) -> None:
    async with modbus(port) as client:
        await write(client, M704 + 18, words32(900), unit=2)
        await write(client, M704 + 15, [2500], unit=2)
        await write(client, M704 + 14, [1], unit=2)


async def live(city: SimulatedCity) -> None:
    """Both batteries charge for ten minutes, then discharge, so that every counter moves."""
    bus, hybrid = city.ports["bus"].number, city.ports["hybrid-link"].number
    await command_battery(bus, -45_000)
    await command_hybrid(hybrid, 3, 6000.0)
    await city.advance(600)
    await command_battery(bus, 7_000)
    await command_hybrid(hybrid, 4, 2000.0)
    await city.advance(300)


async def measure(city: SimulatedCity, table: Mapping[Key, Expected], found: Measured) -> None:
    truth = Truth(city)
    for link, devices in LINKS.items():
        async with open_link(request(city.ports[link].number, *devices)) as opened:
            for device in devices:
                port = opened.port(device.id)
                assert isinstance(port, Polled)
                batch = await port.read()
                for key, expected in table.items():
                    if key[0] == device.profile:
                        found[key] = value(batch, key[1], key[2]), expected(truth)


async def whole_story() -> tuple[Measured, Measured]:
    free: Measured = {}
    limited: Measured = {}
    async with simulated(devices={"ess": {"watchdog_s": 3600}}) as city:
        await live(city)
        await measure(city, EXPECTED, free)
        await limit_roof(city.ports["bus"].number)
        await city.advance(30)
        await measure(city, LIMITED, limited)
    return free, limited


@pytest.fixture(scope="module")
def story() -> tuple[Measured, Measured]:
    return asyncio.run(whole_story())


def name(key: Key) -> str:
    return f"{key[0]}.{key[1]}.{key[2]}"


@pytest.mark.parametrize("key", EXPECTED, ids=name)
def test_what_is_read_is_what_happens(story: tuple[Measured, Measured], key: Key) -> None:
    read, true = story[0][key]

    assert read == pytest.approx(true, abs=tolerance(key))


@pytest.mark.parametrize("key", LIMITED, ids=name)
def test_what_is_read_of_a_limited_roof(story: tuple[Measured, Measured], key: Key) -> None:
    read, true = story[1][key]

    assert read == pytest.approx(true, abs=tolerance(key))


def test_the_story_moves_everything_that_has_a_direction(
    story: tuple[Measured, Measured],
) -> None:
    """A value of zero would hide a wrong sign."""
    directed = (Quantity.POWER_KW, Quantity.ENERGY_IN_KWH, Quantity.ENERGY_OUT_KWH)
    still = [
        name(key) for key, (_, true) in story[0].items() if key[2] in directed and abs(true) < 0.05
    ]

    assert still == ["sunspec-pv.roof.energy_in_kwh"]
