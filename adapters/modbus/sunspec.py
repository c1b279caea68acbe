"""SunSpec discovery: finds the marker and walks the chain of models."""

import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from vpp.domain.errors import Refused, WrongDevice

MARKER = b"SunS"
BASES = (40000, 0, 50000)
NOT_THERE = (1, 2, 3)
"""Exceptions by which a device says that nothing can be read at an address."""
COMMON, END = 1, 0xFFFF
_MOST_MODELS = 100
_HEADER = struct.Struct(">HH")

Reader = Callable[[int, int], Awaitable[bytes]]
"""Reads so many holding registers from an address on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model where it stands: ``address`` is that of its id, ``length`` as the device says."""

    id: int
    address: int
    length: int
    """Registers after id and length; the definition's own size is not trusted."""

    @property
    def end(self) -> int:
        return self.address + 2 + self.length


async def discover(read: Reader) -> Mapping[int, Model]:
    """The device's models by id, the first of each.

    A second common model begins another device behind the same unit id; what follows it is left
    out.

    Raises:
        WrongDevice: there is no SunSpec marker, or the chain has no end.
        Refused: it cannot say now.
        Retryable: nothing usable came.
    """
    address = await _start(read)
    models: dict[int, Model] = {}
    for _ in range(_MOST_MODELS):
        model = Model(address=address, **_header(await read(address, 2)))
        if model.id == END or (model.id == COMMON and COMMON in models):
            return models
        models.setdefault(model.id, model)
        address = model.end
        if address > 0xFFFF - 2:
            break
    raise WrongDevice(f"its chain of SunSpec models has no end (seen: {sorted(models)})")


async def _start(read: Reader) -> int:
    """The address behind the marker."""
    for base in BASES:
        try:
            if await read(base, 2) == MARKER:
                return base + 2
        except Refused as refused:
            if refused.code not in NOT_THERE:
                raise  # it is busy or failing, which says nothing about what stands there
    places = ", ".join(str(base) for base in BASES)
    raise WrongDevice(f"no SunSpec marker at {places}")


def _header(data: bytes) -> dict[str, int]:
    model, length = _HEADER.unpack(data)
    return {"id": model, "length": length}
