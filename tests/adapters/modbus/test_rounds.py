"""What one round asks of a battery whose models stand one behind the other."""

import struct
from collections.abc import Awaitable, Callable

import pytest

from adapters.modbus.definitions import points_of
from adapters.modbus.device import WritableDevice
from adapters.modbus.factory import open_link
from adapters.modbus.survey import Survey, survey
from adapters.profile.library import MODBUS
from tests.adapters.modbus.house import BAT, ESS, request, simulated, value
from vpp.domain.errors import Refused
from vpp.domain.points import Quantity

MODELS = (1, 701, 702, 704, 713, 802)
POLLED = frozenset({"W", "WChaRteMax", "WSet", "WSetEna", "SoC", "CtrlHb"})


def registers() -> tuple[bytes, tuple[int, ...]]:
    """The marker, the models and the end from 40000 on; the address behind each model."""
    words, ends = bytearray(b"SunS"), []
    for model in MODELS:
        last = max((points_of(model) or {}).values(), key=lambda point: point.offset)
        length = last.offset + last.type.registers
        words += struct.pack(">HH", model, length - 2) + bytes(2 * (length - 2))
        ends.append(40000 + len(words) // 2)
    return bytes(words) + struct.pack(">HH", 0xFFFF, 0), tuple(ends)


def answering(code: int | None) -> Callable[[bytes], Awaitable[bytes]]:
    """A device that answers reads over the end of a model with this exception."""
    image, ends = registers()

    async def ask(asked: bytes) -> bytes:
        address, count = struct.unpack_from(">HH", asked, 1)
        inside = [end for end in ends if address < end < address + count]
        if code is not None and inside and address > 40001:
            raise Refused("over the end of a model", code=code)
        first = 2 * (address - 40000)
        return image[first : first + 2 * count]

    return ask


async def surveyed(code: int | None) -> Survey:
    profile = MODBUS.shipped("sunspec-ess")
    return await survey(profile, (), POLLED, answering(code), connect=1)


async def test_a_battery_of_five_models_takes_three_requests_a_round() -> None:
    async with simulated() as city, open_link(request(city.ports["bus"].number, ESS)) as link:
        ess = link.port(ESS.id)
        assert isinstance(ess, WritableDevice)
        await ess.identify()
        assert len(ess.round()) <= 3
        batch = await ess.read()
        assert value(batch, BAT, Quantity.LIMIT_CHARGE_KW) == pytest.approx(50.0)
        assert value(batch, BAT, Quantity.SOC) is not None


async def test_a_device_that_refuses_to_be_read_over_models_is_read_model_by_model() -> None:
    together, apart = await surveyed(None), await surveyed(2)
    assert any(block.across for block in together.blocks)
    assert not any(block.across for block in apart.blocks)
    assert len(together.blocks) < len(apart.blocks) == 5


async def test_a_device_that_is_busy_says_nothing_about_how_it_may_be_read() -> None:
    with pytest.raises(Refused):
        await surveyed(6)
