"""What goes wrong, when, and with which device: the city file's fault script, and faults by hand.

Entries of `simulation.faults` are `{device, kind, at, for_min | for_s, ...}`; `at` is a time in the
city (left out: from the start), without a duration a fault lasts. Kinds and what else they take:

Modbus link (all devices on the link feel it):
    refuse      the port is closed: connections are refused, those open are reset
    half_open   connections open now are dead for good without being closed; new ones work

Modbus device:
    silent      requests are read and never answered
    reset       every request is answered by a reset of the connection
    slow        answers come `seconds` (wire) later
    wrong_tid   answers carry another transaction id
    zero_tid    answers carry transaction id 0
    wrong_function  answers carry another function code
    short_reply a read of several registers is answered with one
    wrong_echo  a write's echo names the next address
    garbage     bytes that are no Modbus
    exception   every request is answered with exception `code`
    swap        the device answers at the address of `other`, and that one here

Modbus device or MQTT station:
    ack_and_ignore  writes are acknowledged and do nothing
    frozen      measured values stop; writes still act
    sentinel    `point` (a name of the vendor's map, or a key of the telemetry) is not there
    sign_flip   measured power has the other sign
    reboot      once: connections drop, commands and modes are lost

MQTT station:
    drop        the connection is cut without a farewell and stays away
    silent      nothing is published and no command is answered; the connection stays
    alarm       the alarm `alarm` stands, with `severity` and `text`; nothing else changes
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

KINDS = frozenset(
    {
        "refuse", "half_open", "silent", "reset", "slow", "wrong_tid", "zero_tid",
        "wrong_function", "short_reply", "wrong_echo", "garbage", "exception", "swap",
        "ack_and_ignore", "frozen", "sentinel", "sign_flip", "reboot", "drop",
        "alarm",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """One thing that is wrong with one device during city seconds [at_s, until_s).

    Attributes:
        seconds: Delay of `slow`, in wire seconds.
        code: Modbus exception of `exception`.
        point: What `sentinel` takes away.
        other: Device id that `swap` exchanges addresses with.
        alarm: Id of what an `alarm` is about.
        severity: The device's own word for how bad an `alarm` is.
        text: The device's own words of an `alarm`.
    """

    device: str
    kind: str
    at_s: float = 0.0
    until_s: float = math.inf
    seconds: float = 1.0
    code: int = 6
    point: str = "SoC"
    other: str = ""
    alarm: str = "internal"
    severity: str = "warning"
    text: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            known = ", ".join(sorted(KINDS))
            raise ValueError(f"no fault of kind {self.kind!r}; there are {known}")


class Faulty(Protocol):
    """Something that faults can happen to."""

    def suffers(self, kind: str) -> bool:
        """Whether this kind means anything here."""
        ...

    async def begin(self, fault: Fault) -> None: ...

    async def end(self, fault: Fault) -> None: ...


class Faults:
    """The script, and those that are active now."""

    def __init__(self) -> None:
        self._targets: dict[str, Faulty] = {}
        self._waiting: list[Fault] = []
        self.active: list[Fault] = []
        self._now_s = 0.0

    def add_target(self, device: str, target: Faulty) -> None:
        self._targets[device] = target

    def schedule(self, fault: Fault) -> None:
        target = self._targets.get(fault.device)
        if target is None:
            raise ValueError(f"fault {fault.kind!r} names {fault.device!r}, no device here")
        if not target.suffers(fault.kind):
            raise ValueError(f"fault {fault.kind!r} means nothing for {fault.device!r}")
        self._waiting.append(fault)

    async def inject(
        self, device: str, kind: str, *, for_s: float = math.inf, **details: Any
    ) -> Fault:
        """Let a fault begin now, for `for_s` city seconds."""
        fault = Fault(device, kind, self._now_s, self._now_s + for_s, **details)
        self.schedule(fault)
        await self.step(self._now_s)
        return fault

    async def clear(self, device: str | None = None) -> None:
        """End what is active now, of one device or of all."""
        for fault in [f for f in self.active if device in (None, f.device)]:
            await self._end(fault)

    async def step(self, now_s: float) -> None:
        """Begin and end what is due at `now_s` city seconds."""
        self._now_s = now_s
        for fault in [f for f in self.active if f.until_s <= now_s]:
            await self._end(fault)
        for fault in [f for f in self._waiting if f.at_s <= now_s]:
            self._waiting.remove(fault)
            self.active.append(fault)
            await self._targets[fault.device].begin(fault)

    async def _end(self, fault: Fault) -> None:
        self.active.remove(fault)
        await self._targets[fault.device].end(fault)
