"""Requests and what a reply must be. The one module that knows pymodbus.

Requests are pymodbus's own PDUs. Its replies are not used: its decoders take another function code,
another length and another echo for an answer (3.16.1), so every reply is compared here byte by
byte with what was asked.
"""

import struct
from collections.abc import Sequence

from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from vpp.domain.errors import ProtocolViolation, Refused

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY = 3, 4, 6, 16
READS, WRITES = (READ_HOLDING, READ_INPUT), (WRITE_ONE, WRITE_MANY)
MOST_READ, MOST_WRITTEN = 125, 123
_EXCEPTION = 0x80
_TWO = struct.Struct(">HH")
_EXCEPTIONS = {int(code): code.name.lower().replace("_", " ") for code in ExcCodes}


def read_request(address: int, count: int, *, input_registers: bool = False) -> bytes:
    """The PDU that reads ``count`` registers from protocol address ``address``.

    Raises:
        ValueError: the registers do not exist or are more than 125.
    """
    kind = ReadInputRegistersRequest if input_registers else ReadHoldingRegistersRequest
    return _encoded(kind(address=address, count=count))


def write_request(address: int, registers: Sequence[int], *, one_with: int = WRITE_MANY) -> bytes:
    """The PDU that writes these registers from ``address`` on; ``one_with``: 6 or 16, for one.

    Raises:
        ValueError: the registers do not exist or are more than 123.
    """
    if not 1 <= len(registers) <= MOST_WRITTEN:
        raise ValueError(f"{len(registers)} registers in one write; 1 to {MOST_WRITTEN} fit")
    single = len(registers) == 1 and one_with == WRITE_ONE
    kind = WriteSingleRegisterRequest if single else WriteMultipleRegistersRequest
    pdu = kind(address=address, registers=list(registers))
    pdu.verifyAddress()
    return _encoded(pdu)


def _encoded(pdu: ModbusPDU) -> bytes:
    return bytes((pdu.function_code,)) + pdu.encode()


def told(request: bytes) -> str:
    """A request in words, for messages."""
    address, second = _TWO.unpack_from(request, 1)
    if request[0] in READS:
        kind = "input " if request[0] == READ_INPUT else ""
        return f"read of {second} {kind}registers at {address}"
    count = 1 if request[0] == WRITE_ONE else second
    return f"write of {count} registers at {address}"


def answer_to(request: bytes, reply: bytes) -> bytes:
    """What a reply brings: the registers read, nothing for a write.

    Raises:
        Refused: the device answered with a Modbus exception.
        ProtocolViolation: this is no answer to the request.
    """
    function = request[0]
    if reply[0] == function | _EXCEPTION:
        raise _refusal(request, reply)
    if reply[0] != function:
        raise ProtocolViolation(f"{told(request)}: answered with function {reply[0]}")
    if function in READS:
        (count,) = struct.unpack_from(">H", request, 3)
        if len(reply) != 2 + 2 * count or reply[1] != 2 * count:
            raise ProtocolViolation(
                f"{told(request)}: answered with {max(len(reply) - 2, 0) // 2} registers"
                f" and byte count {reply[1] if len(reply) > 1 else 'none'}"
            )
        return reply[2:]
    if reply != request[:5]:
        raise ProtocolViolation(f"{told(request)}: the echo is {reply.hex()}, not that write")
    return b""


def _refusal(request: bytes, reply: bytes) -> Refused | ProtocolViolation:
    if len(reply) != 2:
        return ProtocolViolation(f"{told(request)}: a malformed exception, {reply.hex()}")
    code = reply[1]
    name = _EXCEPTIONS.get(code, "unknown")
    return Refused(f"{told(request)}: refused, exception {code} ({name})", code=code)
