"""The StorEdge hybrid: word order, signs, the command's time-out."""

from collections.abc import AsyncIterator

import pytest
from pymodbus.client import AsyncModbusTcpClient

from simulators.physics.battery import AUTONOMOUS, BatteryUnit
from simulators.wire import SimulatedCity
from tests.simulators.wire.cities import house
from tests.simulators.wire.clients import (
    modbus,
    read,
    signed16,
    swapped_float,
    swapped_words,
    write,
)


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedCity]:
    async with SimulatedCity(house(without_stations=True), speed=0) as sim:
        yield sim


@pytest.fixture
async def hybrid(sim: SimulatedCity) -> AsyncIterator[AsyncModbusTcpClient]:
    async with modbus(sim.ports["hybrid-link"].number) as client:
        yield client


@pytest.fixture
def battery(sim: SimulatedCity) -> BatteryUnit:
    return sim.world.hybrid["hybrid"].battery


async def float_at(client: AsyncModbusTcpClient, address: int) -> float:
    return swapped_float(await read(client, address, 2))


async def command(
    client: AsyncModbusTcpClient, mode: int, limit_w: float, timeout_s: int = 60
) -> None:
    """In the order of the field: remote, time-out, limits, mode last."""
    await write(client, 57348, [4])
    await write(client, 57355, swapped_words(timeout_s))
    await write(client, 57358 if mode == 3 else 57360, swapped_words(limit_w))
    await write(client, 57357, [mode])


async def test_what_the_battery_block_says(hybrid: AsyncModbusTcpClient) -> None:
    assert await float_at(hybrid, 57666) == 20_000
    assert await float_at(hybrid, 57668) == 10_000
    assert await float_at(hybrid, 57670) == 8_000
    assert await float_at(hybrid, 57728) == 10_000
    assert await float_at(hybrid, 57730) == 100
    assert await float_at(hybrid, 57732) == 50
    serial = await read(hybrid, 57648, 16)
    assert b"".join(word.to_bytes(2, "big") for word in serial).rstrip(b"\0") == b"HO-1-B1"


async def test_a_float_comes_low_word_first(hybrid: AsyncModbusTcpClient) -> None:
    assert await read(hybrid, 57732, 2) == [0x0000, 0x4248]  # 50.0 is 0x42480000


async def test_charging_is_positive_at_the_battery_and_lowers_ac_generation(
    sim: SimulatedCity, hybrid: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await command(hybrid, 3, 4_000.0)
    await sim.advance(30)
    assert battery.power_w == pytest.approx(4_000)
    assert await float_at(hybrid, 57716) == pytest.approx(4_000)
    assert await read(hybrid, 57734, 2) == [3, 0]
    ac, scale = await read(hybrid, 40083, 2)
    solar_w = -sim.world.hybrid["hybrid"].pv.power_w
    assert solar_w > 1_000
    assert signed16(ac) * 10 ** signed16(scale) == pytest.approx(solar_w - 4_000, abs=2)


async def test_discharging_is_negative(
    sim: SimulatedCity, hybrid: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await command(hybrid, 4, 1_000.0)
    await sim.advance(30)
    assert battery.power_w == pytest.approx(-1_000)
    assert await float_at(hybrid, 57716) == pytest.approx(-1_000)
    assert await read(hybrid, 57734, 2) == [4, 0]


async def test_the_command_times_out_into_the_default_mode(
    sim: SimulatedCity, hybrid: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await write(hybrid, 57354, [0])
    await command(hybrid, 3, 4_000.0, timeout_s=60)
    await sim.advance(59)
    assert battery.power_w == pytest.approx(4_000)
    await sim.advance(10)
    assert battery.power_w == 0
    assert await read(hybrid, 57357, 1) == [0]


async def test_new_limits_act_at_once_and_leave_the_time_out_running(
    sim: SimulatedCity, hybrid: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await write(hybrid, 57354, [0])
    await command(hybrid, 3, 4_000.0, timeout_s=60)
    await sim.advance(50)
    await write(hybrid, 57358, swapped_words(2_000.0))
    await sim.advance(5)
    assert battery.power_w == pytest.approx(2_000)
    await sim.advance(10)
    assert battery.power_w == 0


async def test_mode_and_limits_in_one_write(
    sim: SimulatedCity, hybrid: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await write(hybrid, 57348, [4])
    await write(hybrid, 57357, [3, *swapped_words(3_000.0), *swapped_words(8_000.0)])
    await sim.advance(10)
    assert battery.power_w == pytest.approx(3_000)


async def test_commands_do_nothing_before_remote_control(
    sim: SimulatedCity, hybrid: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await write(hybrid, 57358, swapped_words(3_000.0))
    await write(hybrid, 57357, [3])
    assert battery.mode == AUTONOMOUS
    assert battery.setpoint_w is None


async def test_leaving_remote_control_ends_command_and_limits(
    sim: SimulatedCity, hybrid: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await command(hybrid, 3, 4_000.0)
    await write(hybrid, 57348, [1])
    assert battery.mode == AUTONOMOUS
    assert battery.limits_w is None


async def test_charging_from_the_sun_takes_all_of_it_and_nothing_from_the_grid(
    sim: SimulatedCity, hybrid: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await write(hybrid, 57354, [0])
    await command(hybrid, 2, 8_000.0)
    await sim.advance(30)
    unit = sim.world.hybrid["hybrid"]
    assert battery.power_w > 5_000
    assert unit.ac_w == pytest.approx(0.0, abs=20)
    await sim.advance(40)
    assert battery.power_w == 0
    assert await read(hybrid, 57357, 1) == [0]


async def test_charging_from_the_sun_keeps_the_charge_limit(
    hybrid: AsyncModbusTcpClient, sim: SimulatedCity, battery: BatteryUnit
) -> None:
    await command(hybrid, 3, 2_000.0)
    await write(hybrid, 57357, [2])
    await sim.advance(10)
    assert battery.power_w == pytest.approx(2_000)


async def test_charging_from_spare_sun_takes_only_what_the_inverter_would_clip(
    sim: SimulatedCity, hybrid: AsyncModbusTcpClient, battery: BatteryUnit
) -> None:
    await write(hybrid, 57348, [4])
    await write(hybrid, 57357, [1])
    await sim.advance(30)
    assert battery.power_w == 0
    before_w = -sim.world.hybrid["hybrid"].pv.power_w
    await write(hybrid, 62208, [1])
    await write(hybrid, 62242, swapped_words(50.0))
    await sim.advance(20)
    unit = sim.world.hybrid["hybrid"]
    assert before_w > 6_000
    assert battery.power_w == pytest.approx(before_w - 5_000, abs=200)
    assert unit.ac_w == pytest.approx(-5_000, abs=20)


async def test_the_limit_of_what_the_inverter_gives_acts_only_when_enabled_and_times_out(
    sim: SimulatedCity, hybrid: AsyncModbusTcpClient
) -> None:
    unit = sim.world.hybrid["hybrid"]
    unit.battery.stop()
    await write(hybrid, 62242, swapped_words(30.0))
    await sim.advance(5)
    assert unit.ac_w < -4_000
    await write(hybrid, 62208, [1])
    await write(hybrid, 62224, swapped_words(60))
    await write(hybrid, 62242, swapped_words(30.0))
    await sim.advance(50)
    assert unit.ac_w == pytest.approx(-3_000, abs=1)
    await sim.advance(20)
    assert unit.ac_w < -4_000
    assert await float_at(hybrid, 62242) == 100


@pytest.mark.parametrize(
    ("address", "registers", "code"),
    [
        (57348, [9], 3),
        (57357, [6], 3),
        (62208, [2], 3),
        (62242, swapped_words(101.0), 3),
        (62212, swapped_words(1.0), 2),
        (57355, swapped_words(90_000), 3),
        (57358, swapped_words(11_000.0), 3),
        (57360, swapped_words(float("nan")), 3),
        (57358, [0], 3),
        (57716, swapped_words(1.0), 2),
        (57362, [0], 2),
    ],
)
async def test_what_it_refuses(
    hybrid: AsyncModbusTcpClient, address: int, registers: list[int], code: int
) -> None:
    answer = await hybrid.write_registers(address, registers, device_id=1)
    assert answer.isError()
    assert answer.exception_code == code


async def test_reads_between_the_blocks_are_refused(hybrid: AsyncModbusTcpClient) -> None:
    answer = await hybrid.read_holding_registers(57340, count=20, device_id=1)
    assert answer.exception_code == 2
