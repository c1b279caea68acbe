"""Commands on their way to one device, and what came back."""

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from adapters.mqtt.messages import AckMessage
from vpp.domain.capability import Form
from vpp.domain.command import Command
from vpp.domain.errors import Refused
from vpp.domain.setpoint import ReferencePoint

REMEMBERED = 64
"""Commands whose late answers are still understood."""
LONGEST_REASON = 200


def payload_of(command: Command, *, now: datetime, valid_s: float) -> bytes:
    """The message; ``valid_s`` is what is left of the command's life, counted from ``now``."""
    setpoint = command.setpoint
    message: dict[str, object] = {
        "id": command.id,
        "ts": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "valid_s": round(valid_s, 3),
        "epoch": command.epoch,
        "seq": command.seq,
        "asset": setpoint.asset,
        "form": setpoint.form.value,
        "reason": setpoint.reason[:LONGEST_REASON],
    }
    power_kw = power_of(command)
    if not math.isnan(power_kw):
        message["power_kw"] = power_kw
    for name, bound_kw in (("lo_kw", setpoint.lo_kw), ("hi_kw", setpoint.hi_kw)):
        if math.isfinite(bound_kw):
            message[name] = bound_kw
    return msgspec.json.encode(message)


def power_of(command: Command) -> float:
    """The one power of a target, a ceiling or a stop, house sign; NaN where there is none."""
    setpoint = command.setpoint
    match setpoint.form:
        case Form.TARGET | Form.STOP:
            return setpoint.target_kw
        case Form.CEILING:
            return setpoint.hi_kw if math.isfinite(setpoint.hi_kw) else setpoint.lo_kw
        case Form.WINDOW | Form.RELEASE:
            return math.nan


def check(command: Command, forms: frozenset[Form], now_s: float) -> None:
    """Whether the convention can say it and it is still alive.

    Raises:
        Refused: not sent, and why.
    """
    setpoint = command.setpoint
    if setpoint.form not in forms:
        raise Refused(f"not sent: {setpoint.asset} does not take a {setpoint.form} here")
    if setpoint.reference is not ReferencePoint.ASSET_AC:
        raise Refused(f"not sent: setpoints here are meant at asset_ac, not {setpoint.reference}")
    if setpoint.form is Form.CEILING and math.isinf(power_of(command)):
        raise Refused(f"not sent: a ceiling for {setpoint.asset} without a bound")
    if setpoint.expires_s <= now_s:
        raise Refused(f"not sent: it expired {now_s - setpoint.expires_s:.1f} s ago")


@dataclass(slots=True, eq=False)
class Sent:
    """One send. A refresh has the id of its command and a send of its own."""

    command: Command
    answer: asyncio.Future[AckMessage] = field(default_factory=asyncio.Future)

    @property
    def until_s(self) -> float:
        """City monotonic time at which the device drops it."""
        return self.command.setpoint.expires_s

    @property
    def answered(self) -> bool:
        """Whether the device itself said what became of it."""
        return self.answer.done() and self.answer.exception() is None


class Waiting:
    """Matches answers to commands by id, and by sequence number where the device tells it."""

    def __init__(self) -> None:
        self._sent: OrderedDict[str, Sent] = OrderedDict()

    def expect(self, command: Command) -> Sent:
        """Remember a command that is about to leave."""
        sent = Sent(command)
        self._sent[command.id] = sent
        self._sent.move_to_end(command.id)
        while len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        return sent

    def match(self, ack: AckMessage) -> Sent | None:
        """What it answers; None where nothing of that id went out."""
        sent = self._sent.get(ack.id)
        if sent is None or ack.seq not in (None, sent.command.seq):
            return None
        return sent

    def is_newest(self, sent: Sent) -> bool:
        """Whether nothing went to its asset after it."""
        asset = sent.command.setpoint.asset
        later = (one for one in reversed(self._sent.values()))
        newest = next((one for one in later if one.command.setpoint.asset == asset), None)
        return newest is sent

    def fail(self, fault: Exception) -> None:
        """Nothing that is still waited for will come."""
        for sent in self._sent.values():
            if not sent.answer.done():
                sent.answer.set_exception(fault)
                sent.answer.exception()  # whoever gave up waiting will not look
