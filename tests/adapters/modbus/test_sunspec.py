"""Chains of models as devices in the field have them, and what is read together."""

import struct
from collections.abc import Mapping

import pytest

from adapters.modbus.blocks import Decoder, blocks_of
from adapters.modbus.codec import SUNSPEC_TYPES, TYPES
from adapters.modbus.definitions import points_of
from adapters.modbus.layout import Registers
from adapters.modbus.sunspec import Model, discover
from vpp.domain.errors import Refused, WrongDevice


class Chain:
    """Registers from a base on; outside them a read is refused."""

    def __init__(self, base: int, *models: tuple[int, int], marker: bytes = b"SunS") -> None:
        self._base = base
        self._data = marker + b"".join(
            struct.pack(">HH", model, length) + bytes(2 * length) for model, length in models
        )
        self.reads: list[int] = []

    async def read(self, address: int, count: int) -> bytes:
        self.reads.append(address)
        first = 2 * (address - self._base)
        data = self._data[first : first + 2 * count] if first >= 0 else b""
        if len(data) < 2 * count:
            raise Refused("illegal address", code=2)
        return data


END = (0xFFFF, 0)


@pytest.mark.parametrize("base", [40000, 0, 50000])
async def test_the_chain_is_found_at_each_of_its_places(base: int) -> None:
    models = await discover(Chain(base, (1, 66), (103, 50), END).read)

    assert models[103] == Model(id=103, address=base + 2 + 68, length=50)


async def test_the_length_that_the_device_says_is_trusted_and_unknown_models_are_skipped() -> None:
    models = await discover(Chain(40000, (1, 65), (64110, 282), (103, 50), END).read)

    assert models[103].address == 40002 + 67 + 284


async def test_a_second_common_model_begins_another_device() -> None:
    models = await discover(Chain(40000, (1, 66), (103, 50), (1, 65), (203, 105), END).read)

    assert sorted(models) == [1, 103]


async def test_of_two_equal_models_the_first_counts() -> None:
    models = await discover(Chain(40000, (1, 66), (713, 7), (713, 7), END).read)

    assert models[713].address == 40002 + 68


async def test_no_marker_is_another_device() -> None:
    with pytest.raises(WrongDevice, match="no SunSpec marker"):
        await discover(Chain(40000, END, marker=b"Moon").read)


async def test_a_chain_without_an_end_is_given_up() -> None:
    endless = Chain(40000, *[(64001, 0)] * 500)
    with pytest.raises(WrongDevice, match="no end"):
        await discover(endless.read)
    assert len(endless.reads) < 120


@pytest.mark.parametrize(
    ("model", "point", "offset"),
    [(1, "SN", 50), (701, "W", 10), (701, "W_SF", 116), (704, "WSet", 24), (704, "WSetRvrtRem", 33),
     (713, "SoC", 4), (802, "CtrlHb", 19), (203, "W", 18), (203, "TotWhImp", 46), (103, "St", 38),
     (702, "WDisChaRteMax", 35)],
)  # fmt: skip
def test_definitions_stand_where_the_specification_says(
    model: int, point: str, offset: int
) -> None:
    points = points_of(model)
    assert points is not None
    assert points[point].offset == offset


def test_a_model_that_nobody_defined() -> None:
    assert points_of(60001) is None


def at(
    name: str,
    address: int,
    kind: str = "int16",
    *,
    region: int = 0,
    low_first: bool = False,
    input_registers: bool = False,
) -> Registers:
    wire = SUNSPEC_TYPES.get(kind) or TYPES[kind]
    return Registers(
        name=name,
        address=address,
        type=wire,
        region=region,
        missing=wire.missing,
        low_first=low_first,
        input_registers=input_registers,
    )


def spans(
    *points: Registers, most: int = 125, gap: int = 0, across: bool = False
) -> list[tuple[int, int]]:
    blocks = blocks_of(points, most=most, gap=gap, across=across)
    return [struct.unpack_from(">HH", block.request, 1) for block in blocks]


def test_what_may_be_read_together_is() -> None:
    assert spans(at("a", 10, region=701), at("b", 60, region=701)) == [(10, 51)]
    assert spans(at("a", 10, region=701), at("b", 11, region=702)) == [(10, 1), (11, 1)]
    assert spans(at("a", 10, region=701), at("b", 160, region=701)) == [(10, 1), (160, 1)]
    assert spans(at("a", 10), at("b", 12)) == [(10, 1), (12, 1)]
    assert spans(at("a", 10), at("b", 12), gap=1) == [(10, 3)]
    assert spans(at("a", 10), at("b", 11, input_registers=True)) == [(10, 1), (11, 1)]
    assert spans(at("a", 10), at("b", 11), at("c", 12), most=2) == [(10, 2), (12, 1)]


def test_models_are_read_together_only_where_that_is_allowed_and_fits() -> None:
    models = at("a", 10, region=701), at("b", 60, region=702), at("c", 134, region=704)
    assert spans(*models) == [(10, 1), (60, 1), (134, 1)]
    assert spans(*models, across=True) == [(10, 125)]
    assert spans(*models, across=True, most=124) == [(10, 51), (134, 1)]
    assert spans(models[0], at("d", 11), across=True) == [(10, 1), (11, 1)]


def test_a_block_decodes_with_gaps_word_order_and_sentinels() -> None:
    points = (
        at("a", 10, "int16"),
        at("b", 12, "f32", low_first=True),
        at("c", 14, "uint16"),
        at("d", 15, "u64", low_first=True),
    )
    (block,) = blocks_of(points, gap=1)
    high, low = struct.unpack(">HH", struct.pack(">f", 12.5))
    data = struct.pack(">hHHHHHHHH", -7, 0xDEAD, low, high, 0xFFFF, 4, 3, 2, 1)
    decoder = Decoder([block], {})
    _, values = decoder.house(block.decode(data))
    found: Mapping[str, float] = {name: float(values[decoder.at(name)]) for name in "abcd"}

    assert (found["a"], found["b"]) == (-7.0, 12.5)
    assert found["c"] != found["c"]
    assert found["d"] == float(0x0001000200030004)
    assert values[decoder.at("nowhere")] != values[decoder.at("nowhere")]


@pytest.mark.parametrize("code", [4, 6, 11])
async def test_a_device_that_is_busy_is_not_taken_for_another_one(code: int) -> None:
    async def busy(address: int, count: int) -> bytes:
        raise Refused(f"exception {code}", code=code)

    with pytest.raises(Refused):
        await discover(busy)
