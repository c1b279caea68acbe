"""SunSpec models as register blocks, laid out from the definitions that `pysunspec2` ships."""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

from simulators.wire.live_block import LiveBlock
from simulators.wire.registers import ILLEGAL_ADDRESS, ILLEGAL_VALUE, Refused

FIRST_REGISTER = 40000
SENTINELS = {
    "int16": b"\x80\x00",
    "sunssf": b"\x80\x00",
    "pad": b"\x80\x00",
    "uint16": b"\xff\xff",
    "enum16": b"\xff\xff",
    "bitfield16": b"\xff\xff",
    "count": b"\xff\xff",
    "int32": b"\x80\x00\x00\x00",
    "uint32": b"\xff\xff\xff\xff",
    "enum32": b"\xff\xff\xff\xff",
    "bitfield32": b"\xff\xff\xff\xff",
    "int64": b"\x80" + bytes(7),
    "uint64": b"\xff" * 8,
    "float32": b"\x7f\xc0\x00\x00",
    "float64": b"\x7f\xf8" + bytes(6),
    "eui48": b"\xff" * 8,
}  # accumulators, strings and addresses are all zero where they are not implemented
FORMATS = {
    "int16": ">h", "sunssf": ">h", "pad": ">h", "uint16": ">H", "enum16": ">H", "bitfield16": ">H",
    "count": ">H", "acc16": ">H", "int32": ">i", "uint32": ">I", "enum32": ">I",
    "bitfield32": ">I", "acc32": ">I", "int64": ">q", "uint64": ">Q", "acc64": ">Q",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a model: `offset` and `size` in registers, the model's id at offset 0.

    `low` and `high` are the least and greatest raw value, the sentinel left out.
    """

    name: str
    offset: int
    size: int
    type: str
    scale: str | int | None
    packer: struct.Struct
    low: int
    high: int

    @classmethod
    def of(cls, name: str, offset: int, entry: Mapping[str, Any]) -> "Point":
        kind = entry["type"]
        packer = struct.Struct(FORMATS.get(kind, f"{2 * entry['size']}s"))
        return cls(name, offset, entry["size"], kind, entry.get("sf"), packer, *_range(kind))

    @property
    def sentinel(self) -> bytes:
        return SENTINELS.get(self.type, bytes(2 * self.size))

    def store(self, data: bytearray, raw: int) -> None:
        """Put `raw`, or the end of the type that is nearer to it, into the model's registers."""
        self.packer.pack_into(data, 2 * self.offset, min(max(raw, self.low), self.high))

    def load(self, data: bytes | bytearray) -> int:
        raw: int = self.packer.unpack_from(data, 2 * self.offset)[0]
        return raw


@cache
def points_of(model: int) -> Mapping[str, Point]:
    """The fixed points of a model; those of sub-groups are named `Group.Point`."""
    source = files("sunspec2").joinpath(f"models/json/model_{model}.json")
    group = json.loads(source.read_text(encoding="utf-8"))["group"]
    points: dict[str, Point] = {}
    offset = 0
    for prefix, entry in _entries(group):
        point = Point.of(prefix + entry["name"], offset, entry)
        points[point.name] = point
        offset += point.size
    return points


def _entries(group: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    own = [("", entry) for entry in group["points"]]
    nested = [
        (f"{inner['name']}.", entry)
        for inner in group.get("groups", ())
        if inner.get("count", 1) == 1
        for entry in inner["points"]
    ]
    return own + nested


@cache
def _template(model: int) -> bytes:
    points = points_of(model).values()
    return b"".join(point.sentinel * (2 * point.size // len(point.sentinel)) for point in points)


def fitting_scale(largest: float, most: int = 32767) -> int:
    """The least power of ten, from 0 up, at which `largest` with a fifth to spare fits `most`."""
    scale = 0
    while 1.2 * largest / 10**scale > most:
        scale += 1
    return scale


class Model(LiveBlock[int]):
    """One SunSpec model in one device's memory, every point not implemented until it is put.

    Attributes:
        writable: Points that this firmware takes.
        powers: Measured powers, whose sign the fault `sign_flip` turns.
    """

    writable: ClassVar[frozenset[str]] = frozenset()
    powers: ClassVar[tuple[str, ...]] = ()

    def __init__(self, model: int, scales: Mapping[str, int], length: int | None = None) -> None:
        self.id = model
        self.start = 0
        self.points = points_of(model)
        self.data = bytearray(_template(model))
        if length is not None:
            del self.data[2 * (length + 2) :]
        self.count = len(self.data) // 2
        self._scales = dict(scales)
        self._units: dict[str, float] = {}
        self.put_raw("ID", model)
        self.put_raw("L", self.count - 2)
        for name, scale in scales.items():
            self.put_raw(name, scale)

    def put(self, name: str, value: float) -> None:
        """Store a value in the point's unit; what does not fit stops at the type's end."""
        unit = self._units.get(name)
        if unit is None:
            unit = self._units[name] = 10.0 ** self.scale_of(name)
        self.points[name].store(self.data, round(value / unit))

    def put_raw(self, name: str, raw: int) -> None:
        self.points[name].store(self.data, raw)

    def put_text(self, name: str, text: str) -> None:
        point = self.points[name]
        room = 2 * point.size
        start = 2 * point.offset
        self.data[start : start + room] = text.encode()[:room].ljust(room, b"\0")

    def get(self, name: str) -> float:
        """The stored value in the point's unit."""
        return self.get_raw(name) * 10.0 ** self.scale_of(name)

    def get_raw(self, name: str) -> int:
        return self.points[name].load(self.data)

    def scale_of(self, name: str) -> int:
        scale = self.points[name].scale
        if isinstance(scale, int):
            return scale
        return 0 if scale is None else self._scales[scale]

    def dressed(self, image: bytes, missing: frozenset[str], flipped: bool) -> bytes:
        changed = bytearray(image)
        for name in self.powers if flipped else ():
            self.points[name].store(changed, -self.points[name].load(changed))
        for name in missing & self.points.keys():
            point = self.points[name]
            span = slice(2 * point.offset, 2 * (point.offset + point.size))
            changed[span] = point.sentinel
        return bytes(changed)

    def named(self, offset: int, data: bytes) -> dict[str, int]:
        """The raw values written, by point; half a point or a read-only one is refused."""
        end = offset + len(data) // 2
        touched = [p for p in self.points.values() if p.offset < end and offset < p.offset + p.size]
        for point in touched:
            if point.name not in self.writable:
                raise Refused(ILLEGAL_ADDRESS, f"{point.name} of model {self.id} is read-only")
            if point.offset < offset or point.offset + point.size > end:
                raise Refused(ILLEGAL_VALUE, f"only a part of {point.name} was written")
        return {p.name: p.packer.unpack_from(data, 2 * (p.offset - offset))[0] for p in touched}


@cache
def _range(kind: str) -> tuple[int, int]:
    """The least and greatest value of a type, its sentinel left out; (0, 0) where not a number."""
    if kind not in FORMATS:
        return 0, 0
    bits = 8 * struct.calcsize(FORMATS[kind])
    if kind.startswith("int"):
        return -(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1
    if kind in ("sunssf", "pad"):
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return 0, 2**bits - (1 if kind.startswith("acc") else 2)


class Words:
    """Registers that never change: the marker and the end of a chain."""

    def __init__(self, start: int, data: bytes) -> None:
        self.start = start
        self.count = len(data) // 2
        self._data = data

    def image(self) -> bytes:
        return self._data

    def dressed(self, image: bytes, missing: frozenset[str], flipped: bool) -> bytes:
        return image

    def write(self, offset: int, values: Sequence[int]) -> None:
        raise Refused(ILLEGAL_ADDRESS, "read-only")

    def reboot(self) -> None:
        """Nothing here is volatile."""


def chain(models: Sequence[Model], start: int = FIRST_REGISTER) -> list[Model | Words]:
    """Marker, the models one behind the other, and the end model."""
    blocks: list[Model | Words] = [Words(start, b"SunS")]
    address = start + 2
    for model in models:
        model.start = address
        blocks.append(model)
        address += model.count
    blocks.append(Words(address, b"\xff\xff\x00\x00"))
    return blocks


def common_model(
    identity: Mapping[str, Any], serial: str, unit_id: int, length: int | None = None
) -> Model:
    """Model 1: Mn offset 2, Md 18, Vr 42, SN 50, DA 66, from the device's `identity`.

    `serial` stands in where the identity has none; `length` 65 leaves out the pad.
    """
    model = Model(1, {}, length)
    model.put_text("Mn", str(identity.get("maker", "Simulated")))
    model.put_text("Md", str(identity.get("model", "Simulated device")))
    model.put_text("Vr", str(identity.get("firmware", "1.0.0")))
    model.put_text("SN", str(identity.get("serial", serial)))
    model.put_raw("DA", unit_id)
    return model
