"""What a Modbus device answers to a request, given its registers: function codes 3, 4, 6 and 16."""

import struct
from dataclasses import dataclass

from simulators.faults import Fault
from simulators.wire.registers import ILLEGAL_FUNCTION, ILLEGAL_VALUE, Memory, Refused
from simulators.write_log import WriteLog

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY = 3, 4, 6, 16
READS, WRITES = (READ_HOLDING, READ_INPUT), (WRITE_ONE, WRITE_MANY)
MAX_READ, MAX_WRITE = 125, 123
_TWO = struct.Struct(">HH")


@dataclass(slots=True)
class Unit:
    """A device at one unit id of one port. Function 4 reads the same registers as 3."""

    device: str
    memory: Memory
    writes: WriteLog
    faults: tuple[Fault, ...] = ()

    def answer(self, pdu: bytes) -> bytes:
        """The reply to a request, both without header; a refusal is an exception reply."""
        try:
            return self._serve(pdu)
        except Refused as refused:
            return exception_reply(pdu, refused.code)

    def _serve(self, pdu: bytes) -> bytes:
        if pdu[0] in READS:
            return self._read(pdu)
        if pdu[0] in WRITES:
            return self._write(pdu)
        raise Refused(ILLEGAL_FUNCTION, f"function {pdu[0]}")

    def _read(self, pdu: bytes) -> bytes:
        if len(pdu) != 5:
            raise Refused(ILLEGAL_VALUE, "a read has five bytes")
        address, count = _TWO.unpack_from(pdu, 1)
        if not 1 <= count <= MAX_READ:
            raise Refused(ILLEGAL_VALUE, f"{count} registers in one read")
        return bytes((pdu[0], 2 * count)) + self.memory.read(address, count)

    def _write(self, pdu: bytes) -> bytes:
        address, values = _written(pdu)
        swallowed = any(fault.kind == "ack_and_ignore" for fault in self.faults)
        try:
            if not swallowed:
                self.memory.write(address, values)
        except Refused as refused:
            self.writes.record(self.device, address, values, accepted=False, reason=str(refused))
            raise
        reason = "ack_and_ignore" if swallowed else ""
        self.writes.record(self.device, address, values, accepted=True, reason=reason)
        return pdu[:5]


def exception_reply(pdu: bytes, code: int) -> bytes:
    return bytes((pdu[0] | 0x80, code))


def record_refusal(unit: Unit, pdu: bytes, reason: str) -> None:
    """Note a write that a fault kept from the registers, where the request is a write at all."""
    if pdu[0] in WRITES and len(pdu) >= 5:
        address, values = _written(pdu)
        unit.writes.record(unit.device, address, values, accepted=False, reason=reason)


def _written(pdu: bytes) -> tuple[int, tuple[int, ...]]:
    """Address and values of a write request.

    Raises:
        Refused: it contradicts itself, or writes more than 123 registers.
    """
    if len(pdu) < 5:
        raise Refused(ILLEGAL_VALUE, "a write has at least five bytes")
    address, second = _TWO.unpack_from(pdu, 1)
    if pdu[0] == WRITE_ONE:
        if len(pdu) != 5:
            raise Refused(ILLEGAL_VALUE, "a write of one register has five bytes")
        return address, (second,)
    if not 1 <= second <= MAX_WRITE or len(pdu) != 6 + 2 * second or pdu[5] != 2 * second:
        raise Refused(ILLEGAL_VALUE, f"{second} registers in one write of {len(pdu)} bytes")
    return address, struct.unpack_from(f">{second}H", pdu, 6)
