"""Registers that physics moves and writes act upon, whatever stands in them."""

import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

Value = TypeVar("Value", int, float)


class LiveBlock(ABC, Generic[Value]):
    """A block's life between reads and writes; a write is taken whole or refused.

    Attributes:
        data: The registers, two bytes each.
    """

    data: bytearray

    @abstractmethod
    def named(self, offset: int, data: bytes) -> Mapping[str, Value]:
        """What is written from register `offset` on; raises Refused where that may not be."""

    def refresh(self) -> None:
        """Bring what the physics moves up to date."""

    def check(self, wanted: Mapping[str, Value]) -> None:
        """Look at values before they are taken; raises Refused where one is out of range."""

    def apply(self, written: frozenset[str]) -> None:
        """Act on what has just been written."""

    def reboot(self) -> None:
        """Lose what is volatile."""

    def image(self) -> bytes:
        self.refresh()
        return bytes(self.data)

    def write(self, offset: int, values: Sequence[int]) -> None:
        data = struct.pack(f">{len(values)}H", *values)
        wanted = self.named(offset, data)
        self.check(wanted)
        self.refresh()
        self.data[2 * offset : 2 * offset + len(data)] = data
        self.apply(frozenset(wanted))
