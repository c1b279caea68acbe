"""A Modbus unit's memory: blocks of 16-bit registers with gaps between them."""

from collections.abc import Sequence
from typing import Protocol

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
DEVICE_BUSY = 6
GATEWAY_TARGET_SILENT = 11


class Refused(Exception):
    """A request that is answered with a Modbus exception; `code` is the exception's number."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Block(Protocol):
    """A run of registers without a gap, first at protocol address `start`.

    `dressed` replaces what a fault distorts: points named in `missing` by their type's
    not-implemented value, and, where `flipped`, every measured power by its negative.
    """

    start: int
    count: int

    def image(self) -> bytes:
        """The registers as they stand now, refreshed from the physics: two bytes each."""
        ...

    def dressed(self, image: bytes, missing: frozenset[str], flipped: bool) -> bytes: ...

    def write(self, offset: int, values: Sequence[int]) -> None:
        """Take new values from register `offset` on; raises Refused and then changes nothing."""
        ...

    def reboot(self) -> None:
        """Lose what real hardware keeps in volatile memory: commands, modes, timers."""
        ...


class Memory:
    """What one unit id answers with. Blocks that touch may be read across, unless `strict`."""

    def __init__(self, blocks: Sequence[Block], *, strict: bool = False) -> None:
        self._blocks = tuple(sorted(blocks, key=lambda block: block.start))
        self._strict = strict
        self._frozen: dict[int, bytes] = {}
        self.missing: frozenset[str] = frozenset()
        self.flipped = False

    def read(self, address: int, count: int) -> bytes:
        """`count` registers from `address` on, big-endian.

        Raises:
            Refused: a register is not there, or the read crosses a block's end and may not.
        """
        parts = []
        wanted, left = address, count
        for block in self._blocks:
            if block.start <= wanted < block.start + block.count:
                offset = wanted - block.start
                taken = min(left, block.count - offset)
                parts.append(self._image(block)[2 * offset : 2 * (offset + taken)])
                wanted, left = wanted + taken, left - taken
                if not left:
                    break
        if left or (self._strict and len(parts) > 1):
            raise Refused(ILLEGAL_ADDRESS, f"no {count} registers at {address}")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, address: int, values: Sequence[int]) -> None:
        """Write within one block.

        Raises:
            Refused: not there, not writable, or out of range; nothing has changed then.
        """
        for block in self._blocks:
            if block.start <= address and address + len(values) <= block.start + block.count:
                block.write(address - block.start, values)
                return
        raise Refused(ILLEGAL_ADDRESS, f"no {len(values)} registers at {address}")

    def freeze(self) -> None:
        """Answer reads with the values of this moment from now on."""
        self._frozen = {block.start: block.image() for block in self._blocks}

    def thaw(self) -> None:
        self._frozen = {}

    def reboot(self) -> None:
        for block in self._blocks:
            block.reboot()

    def _image(self, block: Block) -> bytes:
        image = self._frozen.get(block.start) or block.image()
        if self.missing or self.flipped:
            return block.dressed(image, self.missing, self.flipped)
        return image
