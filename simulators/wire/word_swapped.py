"""Register blocks of vendors that send 32 and 64-bit values with the low word first."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from simulators.wire.live_block import LiveBlock
from simulators.wire.registers import ILLEGAL_ADDRESS, ILLEGAL_VALUE, Refused

FORMATS = {"u16": ">H", "u32": ">I", "u64": ">Q", "f32": ">f"}
SENTINELS = {"u16": b"\xff\xff", "u32": b"\xff" * 4, "u64": b"\xff" * 8, "f32": b"\x00\x00\x7f\xc0"}


@dataclass(frozen=True, slots=True)
class Field:
    """A named value at a protocol address; `kind` is u16, u32, u64, f32 or text of n registers."""

    name: str
    address: int
    kind: str
    writable: bool = False
    text_registers: int = 0

    @property
    def registers(self) -> int:
        return self.text_registers or struct.calcsize(FORMATS[self.kind]) // 2


class SwappedBlock(LiveBlock[float]):
    """Fields between two addresses; registers between fields read as 0."""

    def __init__(self, start: int, count: int, fields: Iterable[Field]) -> None:
        self.start = start
        self.count = count
        self.fields = {field.name: field for field in fields}
        self.powers: tuple[str, ...] = ()
        self.data = bytearray(2 * count)

    def put(self, name: str, value: float) -> None:
        self.data[self._span(name)] = encoded(self.fields[name].kind, value)

    def put_text(self, name: str, text: str) -> None:
        room = 2 * self.fields[name].registers
        self.data[self._span(name)] = text.encode()[:room].ljust(room, b"\0")

    def get(self, name: str) -> float:
        return decoded(self.fields[name].kind, bytes(self.data[self._span(name)]))

    def dressed(self, image: bytes, missing: frozenset[str], flipped: bool) -> bytes:
        changed = bytearray(image)
        for name in self.powers if flipped else ():
            kind = self.fields[name].kind
            span = self._span(name)
            changed[span] = encoded(kind, -decoded(kind, bytes(changed[span])))
        for name in missing & self.fields.keys():
            changed[self._span(name)] = SENTINELS[self.fields[name].kind]
        return bytes(changed)

    def named(self, offset: int, data: bytes) -> dict[str, float]:
        first, last = self.start + offset, self.start + offset + len(data) // 2
        wanted: dict[str, float] = {}
        covered = 0
        for field in self.fields.values():
            end = field.address + field.registers
            if end <= first or last <= field.address:
                continue
            if not field.writable:
                raise Refused(ILLEGAL_ADDRESS, f"{field.name} is read-only")
            if field.address < first or end > last:
                raise Refused(ILLEGAL_VALUE, f"only a part of {field.name} was written")
            span = slice(2 * (field.address - first), 2 * (end - first))
            wanted[field.name] = decoded(field.kind, data[span])
            covered += field.registers
        if covered != last - first:
            raise Refused(ILLEGAL_ADDRESS, "a register between the fields was written")
        return wanted

    def _span(self, name: str) -> slice:
        field = self.fields[name]
        first = 2 * (field.address - self.start)
        return slice(first, first + 2 * field.registers)


def encoded(kind: str, value: float) -> bytes:
    raw = struct.pack(FORMATS[kind], value if kind == "f32" else int(value))
    return _swapped(raw)


def decoded(kind: str, data: bytes) -> float:
    value: float = struct.unpack(FORMATS[kind], _swapped(data))[0]
    return value


def _swapped(raw: bytes) -> bytes:
    """The same 16-bit words in reverse order."""
    return b"".join(raw[index : index + 2] for index in range(len(raw) - 2, -2, -2))
