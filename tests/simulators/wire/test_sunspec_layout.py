"""A SunSpec scanner of other people finds its way through every simulated device."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from simulators.wire import SimulatedCity
from simulators.wire.sunspec_model import Model, points_of
from tests.simulators.wire.cities import house
from tests.simulators.wire.clients import modbus, read

MODELS = (1, 103, 203, 701, 702, 704, 713, 802)


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedCity]:
    async with SimulatedCity(house(without_stations=True), speed=0) as sim:
        yield sim


@contextlib.contextmanager
def scanned(port: int, unit: int) -> Iterator[Any]:
    device = SunSpecModbusClientDeviceTCP(unit, "127.0.0.1", port, timeout=3)
    try:
        device.connect()
        device.scan(connect=False)
        yield device
    finally:
        device.disconnect()


async def in_thread(port: int, unit: int, work: Callable[[Any], Any]) -> Any:
    def scan_and_work() -> Any:
        with scanned(port, unit) as device:
            return work(device)

    return await asyncio.to_thread(scan_and_work)


def models_of(device: Any) -> list[int]:
    return [model.model_id for model in device.model_list]


@pytest.mark.parametrize(
    ("device", "models"),
    [
        ("ess", [1, 701, 702, 704, 713, 802]),
        ("bms", [1, 713, 802]),
        ("pv", [1, 701, 702, 704]),
        ("inverter", [1, 103]),
        ("meter", [1, 203]),
        ("hybrid", [1, 103]),
    ],
)
async def test_the_chain_of_every_profile(
    sim: SimulatedCity, device: str, models: list[int]
) -> None:
    port = sim.devices[device].port
    unit = next(number for number, unit in port.units.items() if unit.device == device)
    assert await in_thread(port.number, unit, models_of) == models


async def test_it_says_who_it_is(sim: SimulatedCity) -> None:
    def identity(device: Any) -> tuple[str, str, str]:
        common = device.common[0]
        return common.Mn.value, common.Md.value, common.SN.value

    found = await in_thread(sim.ports["bus"].number, 1, identity)
    assert found == ("Hanbit", "ESS-50", "HB-1")


async def test_what_is_not_implemented_says_so_in_its_own_type(sim: SimulatedCity) -> None:
    def absent(device: Any) -> list[Any]:
        measured, base = device.DERMeasureAC[0], device.battery[0]
        return [measured.TmpAmb.value, measured.TotVarhInj.value, base.NCyc.value, base.VMax.value]

    assert await in_thread(sim.ports["bus"].number, 1, absent) == [None, None, None, None]


@pytest.mark.parametrize("model", MODELS)
def test_a_fresh_model_is_filled_with_the_sentinel_of_each_type(model: int) -> None:
    fresh = Model(model, {})
    sentinels = {
        "int16": 0x8000, "sunssf": 0x8000, "pad": 0x8000, "uint16": 0xFFFF, "enum16": 0xFFFF,
        "bitfield16": 0xFFFF, "int32": 0x80000000, "uint32": 0xFFFFFFFF, "enum32": 0xFFFFFFFF,
        "bitfield32": 0xFFFFFFFF, "uint64": 2**64 - 1, "acc32": 0, "string": 0,
    }  # fmt: skip
    image = fresh.image()
    for point in points_of(model).values():
        if point.name not in ("ID", "L"):
            raw = image[2 * point.offset : 2 * (point.offset + point.size)]
            assert int.from_bytes(raw, "big") == sentinels[point.type], point.name
    assert struct.unpack_from(">HH", image) == (model, len(image) // 2 - 2)


async def test_the_chain_ends_where_it_says(sim: SimulatedCity) -> None:
    address = 40002
    async with modbus(sim.ports["bus"].number) as client:
        while True:
            model, length = await read(client, address, 2)
            if model == 0xFFFF:
                break
            address += 2 + length
        assert length == 0
        beyond = await client.read_holding_registers(address + 2, count=1, device_id=1)
    assert address == 40417
    assert beyond.exception_code == 2
