"""How a faulty Modbus device answers: the reply that is due, spoilt as its active faults say."""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

from simulators.faults import Fault
from simulators.wire.unit import READS, WRITES, Unit, exception_reply, record_refusal

OTHER_FUNCTION = {3: 4, 4: 3, 6: 16, 16: 6}


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back on the wire.

    Attributes:
        pdu: The reply without its header; None is silence.
        transaction: Its transaction id.
        after_s: Wire seconds until it leaves.
        raw: Bytes sent instead of a frame.
        reset: Reset the connection instead.
    """

    pdu: bytes | None
    transaction: int
    after_s: float = 0.0
    raw: bytes = b""
    reset: bool = False


def misbehave(unit: Unit, transaction: int, request: bytes) -> Reply:
    """The reply to `request` under the unit's active faults, in the order in which they began."""
    refusing = next((f for f in unit.faults if f.kind in REFUSALS), None)
    if refusing is not None:
        record_refusal(unit, request, refusing.kind)
        return REFUSALS[refusing.kind](refusing, transaction, request)
    reply = Reply(unit.answer(request), transaction)
    for fault in unit.faults:
        if fault.kind in SPOILS:
            reply = SPOILS[fault.kind](fault, reply, request)
    return reply


def _silent(fault: Fault, transaction: int, request: bytes) -> Reply:
    return Reply(None, transaction)


def _reset(fault: Fault, transaction: int, request: bytes) -> Reply:
    return Reply(None, transaction, reset=True)


def _exception(fault: Fault, transaction: int, request: bytes) -> Reply:
    return Reply(exception_reply(request, fault.code), transaction)


def _slow(fault: Fault, reply: Reply, request: bytes) -> Reply:
    return replace(reply, after_s=reply.after_s + fault.seconds)


def _wrong_tid(fault: Fault, reply: Reply, request: bytes) -> Reply:
    return replace(reply, transaction=(reply.transaction + 5) & 0xFFFF)


def _zero_tid(fault: Fault, reply: Reply, request: bytes) -> Reply:
    return replace(reply, transaction=0)


def _wrong_function(fault: Fault, reply: Reply, request: bytes) -> Reply:
    pdu = reply.pdu or b""
    return replace(reply, pdu=bytes((OTHER_FUNCTION.get(pdu[0], 3),)) + pdu[1:])


def _short_reply(fault: Fault, reply: Reply, request: bytes) -> Reply:
    pdu = reply.pdu or b""
    if pdu[0] not in READS or len(pdu) <= 4:
        return reply
    return replace(reply, pdu=bytes((pdu[0], 2)) + pdu[2:4])


def _wrong_echo(fault: Fault, reply: Reply, request: bytes) -> Reply:
    pdu = reply.pdu or b""
    if pdu[0] not in WRITES:
        return reply
    (address,) = struct.unpack_from(">H", pdu, 1)
    return replace(reply, pdu=pdu[:1] + struct.pack(">H", (address + 1) & 0xFFFF) + pdu[3:])


def _garbage(fault: Fault, reply: Reply, request: bytes) -> Reply:
    noise = random.Random(reply.transaction).randbytes(24)
    return replace(reply, raw=b"\xde\xad\xbe\xef" + noise)


REFUSALS: dict[str, Callable[[Fault, int, bytes], Reply]] = {
    "silent": _silent,
    "reset": _reset,
    "exception": _exception,
}
SPOILS: dict[str, Callable[[Fault, Reply, bytes], Reply]] = {
    "slow": _slow,
    "wrong_tid": _wrong_tid,
    "zero_tid": _zero_tid,
    "wrong_function": _wrong_function,
    "short_reply": _short_reply,
    "wrong_echo": _wrong_echo,
    "garbage": _garbage,
}
