"""What is read together, and how a round of blocks becomes one array of house values."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adapters.modbus.layout import Registers
from adapters.modbus.pdu import read_request
from vpp.domain.arrays import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Registers read by one request, and the numbers in them."""

    request: bytes
    points: tuple[Registers, ...]
    """In the order of their addresses."""
    layout: struct.Struct
    """Of all points at once, in their order."""
    order: tuple[int, ...] | None
    """For each register the one whose content belongs there; None where none is swapped."""

    @property
    def across(self) -> bool:
        """Whether it reaches over the end of a model."""
        return self.points[0].region != self.points[-1].region

    def decode(self, data: bytes) -> tuple[float | int, ...]:
        """Raw numbers of the points."""
        if self.order is not None:
            data = b"".join(data[2 * i : 2 * i + 2] for i in self.order)
        return self.layout.unpack(data)


def blocks_of(
    points: Iterable[Registers], *, most: int = 125, gap: int = 0, across: bool = False
) -> tuple[Block, ...]:
    """The fewest requests for these points.

    Within a SunSpec model gaps are read along; between fixed addresses up to ``gap`` registers;
    over the end of a model only where ``across``, for not every device allows it.
    """
    ordered = sorted(points, key=lambda p: (p.input_registers, p.address))
    groups: list[list[Registers]] = []
    for point in ordered:
        if groups and _joins(groups[-1], point, most, gap, across):
            groups[-1].append(point)
        else:
            groups.append([point])
    return tuple(_block(tuple(group)) for group in groups)


def _joins(group: Sequence[Registers], point: Registers, most: int, gap: int, across: bool) -> bool:
    first, last = group[0], group[-1]
    modelled = bool(last.region and point.region)
    together = last.region == point.region or (across and modelled)
    return (
        together
        and first.input_registers == point.input_registers
        and last.end <= point.address
        and point.end - first.address <= most
        and (modelled or point.address - last.end <= gap)
    )


def _block(points: tuple[Registers, ...]) -> Block:
    start, count = points[0].address, points[-1].end - points[0].address
    codes, order, at = [">"], list(range(count)), start
    for point in points:
        codes.append("2x" * (point.address - at))
        registers = point.type.registers
        codes.append(f"{2 * registers}s" if point.type.code == "s" else point.type.code)
        if point.low_first:
            first = point.address - start
            order[first : first + registers] = reversed(order[first : first + registers])
        at = point.end
    return Block(
        request=read_request(start, count, input_registers=points[0].input_registers),
        points=points,
        layout=struct.Struct("".join(codes)),
        order=tuple(order) if any(point.low_first for point in points) else None,
    )


class Decoder:
    """Turns a round of blocks into house values, all at once."""

    def __init__(self, blocks: Sequence[Block], powers: Mapping[str, int | None]) -> None:
        """``powers``: by name of the scale factor, None where it is not implemented."""
        points = [point for block in blocks for point in block.points]
        self._at = {point.name: i for i, point in enumerate(points)}
        self._factors = np.array([*(p.factor * ten_to(p, powers) for p in points), np.nan])
        most = max((len(point.missing) for point in points), default=0)
        self._missing = tuple(
            np.array([*(float(p.missing[k]) if k < len(p.missing) else np.nan for p in points), 0])
            for k in range(most)
        )

    def at(self, name: str) -> int:
        """Position of a point; one that the device lacks is where NaN always stands."""
        return self._at.get(name, len(self._at))

    def house(self, raw: Sequence[float | int]) -> tuple[Floats, Floats]:
        """Raw numbers, and house values: NaN where a number is not implemented or not finite."""
        numbers = np.array((*raw, np.nan), dtype=np.float64)
        values = numbers * self._factors
        for missing in self._missing:
            values[numbers == missing] = np.nan
        values[np.isinf(values)] = np.nan
        return numbers, values


def ten_to(point: Registers, powers: Mapping[str, int | None]) -> float:
    """What the point's raw counts are multiplied by; NaN where that is not known."""
    scale = point.scale
    power = scale.power if scale.registers is None else powers.get(scale.registers.name)
    return float("nan") if power is None else 10.0**power
