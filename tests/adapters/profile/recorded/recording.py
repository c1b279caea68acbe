"""What a device of a vendor's map answers, register by register, and what each point means.

Written out from the maps and not from our profiles, so that an error of ours cannot cancel itself
out. Every register that no map names holds noise: who reads or writes one beside the right one is
found out.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simulators.wire.registers import ILLEGAL_ADDRESS
from vpp.domain.errors import Refused
from vpp.domain.points import Quantity
from vpp.domain.setpoint import Setpoint

Words = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class At:
    """A number's registers at a protocol address, and its value in house units and sign."""

    address: int
    words: Words
    means: float


def at(address: int, *words: int, means: float) -> At:
    return At(address=address, words=words, means=means)


@dataclass(frozen=True, kw_only=True)
class Says:
    """What the device says of an asset while these points hold these registers."""

    kind: str
    quantity: Quantity
    value: float | None
    """NaN: it holds none; None: nothing is known."""
    while_: Mapping[str, Words]


@dataclass(frozen=True, kw_only=True)
class Told:
    """A setpoint and the requests that arrive for it, in their order."""

    kind: str
    verb: str
    safe: str
    setpoint: Setpoint
    arrives: Sequence[tuple[int, Words]]
    """Address and registers."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One device."""

    base: int
    models: Sequence[tuple[int, int]]
    """SunSpec model and length, in the order of the chain; the first stands at ``base`` + 2."""
    scales: Mapping[int, int]
    """Powers of ten by address."""
    points: Mapping[str, At]
    vendor: Sequence[tuple[int, int]] = ()
    """First register and count of what stands apart from the chain."""
    says: Sequence[Says] = ()
    told: Sequence[Told] = ()
    options: Mapping[str, object] = field(default_factory=dict)

    def registers(self, holding: Mapping[str, Words] | None = None) -> dict[int, int]:
        """All registers by address, with other words for some points."""
        ends = [self._chain_end, *(first + count for first, count in self.vendor)]
        starts = [self.base, *(first for first, _ in self.vendor)]
        image = {a: _noise(a) for s, e in zip(starts, ends, strict=True) for a in range(s, e)}
        image |= _placed(self.base, struct.unpack(">2H", b"SunS"))
        address = self.base + 2
        for model, length in (*self.models, (0xFFFF, 0)):
            image |= _placed(address, (model, length))
            address += 2 + length
        image |= {a: power & 0xFFFF for a, power in self.scales.items()}
        for offset, (words, text) in IDENTITY.items():
            image |= _placed(self.base + 2 + offset, _text(text, words))
        for name, point in self.points.items():
            words_now = (holding or {}).get(name, point.words)
            assert len(words_now) == len(point.words), name
            image |= _placed(point.address, words_now)
        return image

    @property
    def _chain_end(self) -> int:
        return self.base + 4 + sum(2 + length for _, length in self.models)


IDENTITY = {
    2: (16, "Voltwerk"), 18: (16, "VW-9"), 42: (8, "3.14"), 50: (16, "VW-000451"),
}  # fmt: skip
"""Model 1: registers and text by offset; maker, model, version and serial."""


class Answers:
    """Answers reads from registers, as a function from request to what they hold."""

    def __init__(self, registers: Mapping[int, int]) -> None:
        self._registers = registers

    async def __call__(self, request: bytes) -> bytes:
        function, address, count = struct.unpack(">BHH", request)
        assert function == 3, "no profile that is shipped reads input registers"
        try:
            words = [self._registers[a] for a in range(address, address + count)]
        except KeyError:
            raise Refused("not there", code=ILLEGAL_ADDRESS) from None
        return struct.pack(f">{count}H", *words)


def f32(value: float) -> Words:
    """Low word first, as the hybrid has them; so are the next two."""
    high, low = struct.unpack(">2H", struct.pack(">f", value))
    return low, high


def u32(value: int) -> Words:
    return value & 0xFFFF, value >> 16


def u64(value: int) -> Words:
    return tuple(value >> 16 * i & 0xFFFF for i in range(4))


def _noise(address: int) -> int:
    return 0x2000 | address * 37 & 0xFFF


def _placed(address: int, words: Sequence[int]) -> dict[int, int]:
    return {address + i: word for i, word in enumerate(words)}


def _text(text: str, registers: int) -> Words:
    return struct.unpack(f">{registers}H", text.encode().ljust(2 * registers, b"\0"))
