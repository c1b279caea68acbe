"""Numbers to registers and back, and streams cut anywhere."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.modbus.codec import SUNSPEC_TYPES, TYPES, WireType, decode, decode_text, encode
from adapters.modbus.framing import Deframer, Frame, framed
from vpp.domain.errors import InvariantError, ProtocolViolation

WHOLE = {name: kind for name, kind in {**TYPES, **SUNSPEC_TYPES}.items() if not kind.is_float}


def bounds(kind: WireType) -> tuple[int, int]:
    bits = 16 * kind.registers
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if kind.code.islower() else (0, 2**bits - 1)


def data_of(registers: tuple[int, ...]) -> bytes:
    return struct.pack(f">{len(registers)}H", *registers)


@given(st.data(), st.sampled_from(sorted(WHOLE)), st.booleans())
def test_whole_numbers_come_back(data: st.DataObject, name: str, low_first: bool) -> None:
    kind = WHOLE[name]
    number = data.draw(st.integers(*bounds(kind)).filter(lambda n: n not in kind.missing))

    registers = encode(kind, number, low_first=low_first)

    assert len(registers) == kind.registers
    assert decode(kind, data_of(registers), low_first=low_first) == number


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.booleans())
def test_short_floats_come_back(number: float, low_first: bool) -> None:
    registers = encode(TYPES["f32"], number, low_first=low_first)

    assert decode(TYPES["f32"], data_of(registers), low_first=low_first) == number


def test_the_low_word_comes_first_where_it_is_said_to() -> None:
    assert encode(TYPES["u32"], 0x00010002) == (1, 2)
    assert encode(TYPES["u32"], 0x00010002, low_first=True) == (2, 1)
    assert encode(TYPES["u64"], 0x0001000200030004, low_first=True) == (4, 3, 2, 1)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_what_does_not_fit_is_refused(name: str) -> None:
    low, high = bounds(WHOLE[name])
    for number in (low - 1, high + 1, math.nan, math.inf):
        with pytest.raises(InvariantError):
            encode(WHOLE[name], number)


def test_a_number_that_would_read_as_not_implemented_is_refused() -> None:
    with pytest.raises(InvariantError, match="not implemented"):
        encode(SUNSPEC_TYPES["uint16"], 0xFFFF)
    with pytest.raises(InvariantError, match="not implemented"):
        encode(SUNSPEC_TYPES["int32"], -0x80000000)


@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters="\0"), max_size=16))
def test_text_ends_at_the_first_nul(text: str) -> None:
    assert decode_text(text.encode().ljust(32, b"\0")) == text.strip()


frames = st.lists(
    st.tuples(st.integers(0, 0xFFFF), st.integers(0, 255), st.binary(min_size=1, max_size=253)),
    max_size=5,
)


@given(frames, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_frames_survive_any_cut(sent: list[tuple[int, int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(framed(*frame) for frame in sent)
    deframer, got, at = Deframer(), list[Frame](), 0
    while at < len(stream):
        step = cuts[at % len(cuts)]
        got += deframer.feed(stream[at : at + step])
        at += step

    assert [tuple(frame) for frame in got] == sent


@given(st.binary(max_size=600))
def test_junk_is_refused_or_waited_for_but_never_more(junk: bytes) -> None:
    deframer = Deframer()
    try:
        got = deframer.feed(junk)
    except ProtocolViolation:
        return
    used = sum(len(framed(*frame)) for frame in got)
    rest = junk[used:]
    assert len(rest) < 7 or rest[2:4] == b"\0\0"
