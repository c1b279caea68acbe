"""The header of Modbus TCP: cuts a stream of bytes into replies, and refuses what is none."""

import struct
from typing import NamedTuple

from vpp.domain.errors import ProtocolViolation

_HEADER = struct.Struct(">HHHB")
LONGEST = 254
"""Unit id and the longest PDU."""


class Frame(NamedTuple):
    """One reply as it came.

    A tuple, because thousands come in a second.
    """

    transaction: int
    unit: int
    pdu: bytes


def framed(transaction: int, unit: int, pdu: bytes) -> bytes:
    """A request on the wire."""
    return _HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu


class Deframer:
    """Puts split replies together and takes merged ones apart."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The replies that are complete now.

        Raises:
            ProtocolViolation: the bytes are no Modbus; the stream cannot be trusted any more.
        """
        data = self._rest + data if self._rest else data
        frames: list[Frame] = []
        start = 0
        while len(data) - start >= _HEADER.size:
            transaction, protocol, length, unit = _HEADER.unpack_from(data, start)
            if protocol or not 2 <= length <= LONGEST:
                raise ProtocolViolation(f"no Modbus: {data[start : start + 16].hex()}")
            end = start + 6 + length
            if len(data) < end:
                break
            frames.append(Frame(transaction, unit, data[start + _HEADER.size : end]))
            start = end
        self._rest = data[start:]
        return frames
