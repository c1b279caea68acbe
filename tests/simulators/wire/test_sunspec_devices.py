"""Values, signs and scales of the SunSpec devices, and what their writes do to the physics."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient

from simulators.physics.battery import BatteryUnit
from simulators.physics.pv import PvUnit
from simulators.wire import SimulatedCity
from simulators.wire.sunspec_model import points_of
from tests.simulators.wire.cities import house
from tests.simulators.wire.clients import modbus, read, signed16, words32, write
from tests.simulators.wire.test_sunspec_layout import in_thread

STARTS = {  # first register of each model, by unit id on the bus
    1: {701: 40070, 702: 40225, 704: 40277, 713: 40344, 802: 40353},
    2: {701: 40070, 702: 40225, 704: 40277},
    3: {103: 40070},
    4: {203: 40070},
}


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedCity]:
    async with SimulatedCity(house(without_stations=True), speed=0) as sim:
        yield sim


@pytest.fixture
async def bus(sim: SimulatedCity) -> AsyncIterator[AsyncModbusTcpClient]:
    async with modbus(sim.ports["bus"].number) as client:
        yield client


@pytest.fixture
def battery(sim: SimulatedCity) -> BatteryUnit:
    unit = sim.world.asset["bat"]
    assert isinstance(unit, BatteryUnit)
    return unit


@pytest.fixture
def roof(sim: SimulatedCity) -> PvUnit:
    unit = sim.world.asset["roof"]
    assert isinstance(unit, PvUnit)
    return unit


def address(unit: int, model: int, name: str) -> int:
    return STARTS[unit][model] + points_of(model)[name].offset


async def value(client: AsyncModbusTcpClient, unit: int, model: int, name: str) -> float:
    """The scaled value of a point, decoded here and not by the code under test."""
    point = points_of(model)[name]
    registers = await read(client, address(unit, model, name), point.size, unit)
    raw = 0
    for register in registers:
        raw = raw << 16 | register
    if point.type.startswith("int") and raw >= 1 << (16 * point.size - 1):
        raw -= 1 << 16 * point.size
    if isinstance(point.scale, str):
        (scale,) = await read(client, address(unit, model, point.scale), 1, unit)
        return raw * 10.0 ** signed16(scale)
    return float(raw)


async def set_points(client: AsyncModbusTcpClient, unit: int, **values: int) -> None:
    """Raw values of model 704, each in a write of its own, in the order given."""
    for name, raw in values.items():
        registers = words32(raw) if points_of(704)[name].size == 2 else [raw & 0xFFFF]
        await write(client, address(unit, 704, name), registers, unit)


async def test_pysunspec2_discharges_with_reversion_and_the_physics_follows_and_reverts(
    sim: SimulatedCity, battery: BatteryUnit
) -> None:
    def discharge(device: Any) -> float:
        controls = device.DERCtlAC[0]
        controls.WSetRvrtTms.cvalue = 60
        controls.WSetEnaRvrt.cvalue = 0
        controls.WSet.cvalue = 20_000
        controls.WSetMod.cvalue = 1
        controls.write()
        controls.WSetEna.cvalue = 1
        controls.write()
        controls.read()
        soc: float = device.DERStorageCapacity[0].SoC.cvalue
        assert (controls.WSet.cvalue, controls.WSetEna.cvalue) == (20_000, 1)
        return soc

    assert await in_thread(sim.ports["bus"].number, 1, discharge) == 40.0
    assert battery.power_w == 0.0
    await sim.advance(30)
    assert battery.power_w == pytest.approx(-20_000)
    async with modbus(sim.ports["bus"].number) as client:
        assert await value(client, 1, 701, "W") == 20_000
        assert await value(client, 1, 704, "WSetRvrtRem") == 30
        await sim.advance(60)
        assert await value(client, 1, 704, "WSetEna") == 0
        assert await value(client, 1, 704, "WSetRvrtRem") == 0
        assert await value(client, 1, 701, "W") == 0
    assert battery.power_w == 0.0


async def test_absorbing_charges(
    sim: SimulatedCity, bus: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await set_points(bus, 1, WSetMod=1, WSet=-1_000, WSetEna=1)
    await sim.advance(288)
    assert battery.power_w == pytest.approx(10_000)
    assert await value(bus, 1, 701, "W") == -10_000
    assert await value(bus, 1, 802, "W") == -10_000
    assert await value(bus, 1, 701, "TotWhAbs") == pytest.approx(800, abs=10)
    assert await value(bus, 1, 701, "TotWhInj") == 0
    assert await value(bus, 1, 713, "SoC") == pytest.approx(40.8, abs=0.1)
    assert await value(bus, 1, 713, "WHAvail") == pytest.approx(40_768, abs=10)
    assert await value(bus, 1, 802, "ChaSt") == 4


async def test_the_ratings(bus: AsyncModbusTcpClient) -> None:
    assert await value(bus, 1, 702, "WChaRteMaxRtg") == 50_000
    assert await value(bus, 1, 702, "WDisChaRteMaxRtg") == 40_000
    assert await value(bus, 1, 702, "WMax") == 50_000
    assert await value(bus, 1, 713, "WHRtg") == 100_000
    assert await value(bus, 1, 713, "SoH") == 100
    assert await value(bus, 1, 802, "SoC") == 40


async def test_percent_is_of_the_rating(
    sim: SimulatedCity, bus: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await set_points(bus, 1, WSetMod=0, WSetPct=-500, WSetEna=1)
    await sim.advance(10)
    assert battery.power_w == pytest.approx(25_000)


async def test_reversion_to_a_value(
    sim: SimulatedCity, bus: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await set_points(
        bus, 1, WSetRvrt=-200, WSetEnaRvrt=1, WSetRvrtTms=30, WSetMod=1, WSet=1_000, WSetEna=1
    )
    await sim.advance(20)
    assert battery.power_w == pytest.approx(-10_000)
    await sim.advance(20)
    assert battery.power_w == pytest.approx(2_000)
    assert await value(bus, 1, 704, "WSet") == -2_000
    assert await value(bus, 1, 704, "WSetEna") == 1


async def test_only_enabling_again_restarts_the_timer(
    sim: SimulatedCity, bus: AsyncModbusTcpClient
) -> None:
    await set_points(bus, 1, WSetRvrtTms=60, WSetMod=1, WSet=1_000, WSetEna=1)
    await sim.advance(40)
    await set_points(bus, 1, WSet=500)
    assert await value(bus, 1, 704, "WSetRvrtRem") == 20
    await set_points(bus, 1, WSetEna=1)
    assert await value(bus, 1, 704, "WSetRvrtRem") == 60


async def test_disabling_ends_the_setpoint(
    sim: SimulatedCity, bus: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await set_points(bus, 1, WSetMod=1, WSet=1_000, WSetEna=1)
    await sim.advance(10)
    await set_points(bus, 1, WSetEna=0)
    await sim.advance(10)
    assert battery.power_w == 0.0


@pytest.mark.parametrize(
    ("name", "registers", "code"),
    [
        ("WSet", words32(4_100), 3),
        ("WSet", words32(-5_100), 3),
        ("WSetEna", [2], 3),
        ("WSetMod", [5], 3),
        ("WSet", [0], 3),
        ("WSetRvrtRem", [0, 9], 2),
        ("VarSetEna", [1], 2),
    ],
)
async def test_what_is_out_of_range_or_read_only_is_refused(
    sim: SimulatedCity, bus: AsyncModbusTcpClient, name: str, registers: list[int], code: int
) -> None:
    before = await read(bus, STARTS[1][704], 67)
    answer = await bus.write_registers(address(1, 704, name), registers, device_id=1)
    assert answer.isError()
    assert answer.exception_code == code
    assert await read(bus, STARTS[1][704], 67) == before
    assert [write.accepted for write in sim.write_log] == [False]


async def test_without_heartbeat_the_battery_falls_back_and_with_it_it_holds(
    sim: SimulatedCity, bus: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await set_points(bus, 1, WSetMod=1, WSet=1_000, WSetEna=1)
    for beat in range(1, 4):
        await write(bus, address(1, 802, "CtrlHb"), [beat])
        await sim.advance(200)
    assert battery.power_w == pytest.approx(-10_000)
    await sim.advance(301)
    assert battery.power_w == 0.0
    assert await value(bus, 1, 704, "WSetEna") == 0


async def test_a_disconnected_battery_rests_and_says_so(
    sim: SimulatedCity, bus: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await set_points(bus, 1, WSetMod=1, WSet=1_000, WSetEna=1)
    await write(bus, address(1, 802, "SetOp"), [2])
    await sim.advance(10)
    assert battery.power_w == 0.0
    assert await value(bus, 1, 802, "State") == 1


async def test_the_battery_s_own_bms_tells_the_same(sim: SimulatedCity) -> None:
    async with modbus(sim.ports["bms-link"].number) as client:
        (soc,) = await read(client, 40070 + points_of(713)["SoC"].offset, 1)
    assert soc == 400


async def test_curtailment_limits_and_reverts(
    sim: SimulatedCity, bus: AsyncModbusTcpClient, roof: PvUnit
) -> None:
    await sim.advance(60)
    free_w = -roof.power_w
    assert free_w > 5_000
    assert await value(bus, 2, 701, "W") == pytest.approx(free_w, abs=10)
    await set_points(bus, 2, WMaxLimPctRvrtTms=60, WMaxLimPct=1_000, WMaxLimPctEna=1)
    await sim.advance(30)
    assert -roof.power_w == pytest.approx(0.1 * roof.plant.clip_w)
    assert await value(bus, 2, 704, "WMaxLimPctRvrtRem") == 30
    await sim.advance(60)
    assert -roof.power_w > 0.8 * free_w
    assert await value(bus, 2, 704, "WMaxLimPctEna") == 0
    assert await value(bus, 2, 702, "WMax") == pytest.approx(roof.plant.clip_w, abs=1)


async def test_an_inverter_that_takes_no_orders(
    sim: SimulatedCity, bus: AsyncModbusTcpClient
) -> None:
    await sim.advance(600)
    unit = sim.world.asset["shed"]
    assert isinstance(unit, PvUnit)
    assert await value(bus, 3, 103, "W") == pytest.approx(-unit.power_w, abs=1)
    assert await value(bus, 3, 103, "W") > 500
    assert await value(bus, 3, 103, "WH") == pytest.approx(unit.produced_wh, abs=1)
    assert await value(bus, 3, 103, "St") == 4


@pytest.mark.parametrize(("sign", "turned"), [("import_positive", 1), ("export_positive", -1)])
async def test_the_meter_s_sign_is_the_vendor_s(sign: str, turned: int) -> None:
    city = house(without_stations=True, devices={"meter": {"sign": sign}})
    start = datetime.fromisoformat("2026-07-15T21:00:00+09:00")
    async with SimulatedCity(city, speed=0, start=start) as sim:
        await sim.advance(900)
        meter = sim.world.meter["grid"]
        assert meter.power_w > 1_000
        async with modbus(sim.ports["bus"].number) as client:
            shown_w = await value(client, 4, 203, "W")
            imported = await value(client, 4, 203, "TotWhImp")
            exported = await value(client, 4, 203, "TotWhExp")
    assert shown_w == pytest.approx(turned * meter.power_w, abs=500)
    assert imported == pytest.approx(meter.import_wh, abs=1)
    assert exported == pytest.approx(meter.export_wh, abs=1)
    assert imported > 100
