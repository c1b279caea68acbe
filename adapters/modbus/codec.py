"""Types on the wire: how many registers, in which order, and what means "not implemented"."""

import math
import struct
from dataclasses import dataclass

from vpp.domain.errors import InvariantError


@dataclass(frozen=True, slots=True, kw_only=True)
class WireType:
    """How one number stands in registers, big-endian within each."""

    code: str
    """Of the ``struct`` module; "s" for a string."""
    registers: int
    missing: tuple[int, ...] = ()
    """Raw values that mean "not implemented"; NaN always does."""

    @property
    def is_float(self) -> bool:
        return self.code in "fd"


def _whole(code: str, *missing: int) -> WireType:
    return WireType(code=code, registers=struct.calcsize(">" + code) // 2, missing=missing)


TYPES = {
    "u16": _whole("H"), "i16": _whole("h"), "u32": _whole("I"), "i32": _whole("i"),
    "u64": _whole("Q"), "i64": _whole("q"), "f32": _whole("f"), "f64": _whole("d"),
    "enum16": _whole("H"), "enum32": _whole("I"),
    "bitfield16": _whole("H"), "bitfield32": _whole("I"),
    "acc16": _whole("H", 0, 0xFFFF), "acc32": _whole("I", 0, 0xFFFFFFFF),
    "acc64": _whole("Q", 0, 0xFFFFFFFFFFFFFFFF),
}  # fmt: skip
"""Types of a profile. An accumulator that stands at 0 has not begun to count."""

SUNSPEC_TYPES = {
    "int16": _whole("h", -0x8000), "sunssf": _whole("h", -0x8000), "pad": _whole("h", -0x8000),
    "uint16": _whole("H", 0xFFFF), "count": _whole("H", 0xFFFF), "enum16": _whole("H", 0xFFFF),
    "bitfield16": _whole("H", 0xFFFF), "raw16": _whole("H"),
    "int32": _whole("i", -0x80000000), "uint32": _whole("I", 0xFFFFFFFF),
    "enum32": _whole("I", 0xFFFFFFFF), "bitfield32": _whole("I", 0xFFFFFFFF),
    "ipaddr": _whole("I", 0), "int64": _whole("q", -0x8000000000000000),
    "uint64": _whole("Q", 0xFFFFFFFFFFFFFFFF), "bitfield64": _whole("Q", 0xFFFFFFFFFFFFFFFF),
    "float32": _whole("f"), "float64": _whole("d"),
    "acc16": TYPES["acc16"], "acc32": TYPES["acc32"], "acc64": TYPES["acc64"],
}  # fmt: skip
"""Types of SunSpec definitions, with the sentinels of the specification."""


def string_type(registers: int) -> WireType:
    """Text of so many registers."""
    return WireType(code="s", registers=registers)


def decode(kind: WireType, data: bytes, *, low_first: bool = False) -> float | int:
    """The raw number in these registers."""
    raw: float | int = struct.unpack(">" + kind.code, swapped(data) if low_first else data)[0]
    return raw


def decode_text(data: bytes) -> str:
    """Text up to the first NUL, without surrounding blanks; what is no text becomes '?'."""
    return data.split(b"\0", 1)[0].decode("utf-8", errors="replace").strip()


def encode(kind: WireType, value: float, *, low_first: bool = False) -> tuple[int, ...]:
    """The registers of a raw number; whole types round to the nearest.

    Raises:
        InvariantError: it does not fit, or would read as "not implemented".
    """
    if not math.isfinite(value):
        raise InvariantError(f"{value} cannot be written to a register")
    raw = value if kind.is_float else round(value)
    if raw in kind.missing and raw != 0:
        raise InvariantError(f"{raw} would read as not implemented")
    try:
        data = struct.pack(">" + kind.code, raw)
    except (struct.error, OverflowError) as error:
        raise InvariantError(f"{raw} does not fit {8 * 2 * kind.registers} bits") from error
    return struct.unpack(f">{kind.registers}H", swapped(data) if low_first else data)


def swapped(data: bytes) -> bytes:
    """The same registers in reverse order."""
    return b"".join(data[i : i + 2] for i in range(len(data) - 2, -2, -2))
