"""Every write that a simulated device received, accepted or refused."""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from simulators.clock import CityClock


@dataclass(frozen=True, slots=True)
class Write:
    """One write as the device saw it.

    Attributes:
        city: Time in the city, ISO 8601 with offset.
        wire_s: `time.monotonic()` of this machine, comparable between its processes.
        device: Device id of the city file.
        where: Modbus protocol address, or MQTT topic.
        values: Raw registers, or the decoded message.
        accepted: Whether the device took it; a fault may still keep it from acting on it.
        reason: Why not, or which fault swallowed it; empty otherwise.
    """

    city: str
    wire_s: float
    device: str
    where: int | str
    values: Any
    accepted: bool
    reason: str


class WriteLog(Sequence[Write]):
    """In memory, oldest first; appended to `file` as JSON lines where one is given.

    In memory are the newest `kept` alone: every one by default, for whoever asks this object what
    his devices were told. A city that stands for days keeps few, so that its memory does not grow;
    the file has them all.
    """

    def __init__(
        self, clock: CityClock, file: Path | None = None, *, kept: int | None = None
    ) -> None:
        self._clock = clock
        self._writes: deque[Write] = deque(maxlen=kept)
        self._stream: TextIO | None = file.open("a", encoding="utf-8") if file else None

    def record(
        self, device: str, where: int | str, values: Any, *, accepted: bool, reason: str = ""
    ) -> None:
        reading = self._clock.reading()
        write = Write(
            city=reading.now.isoformat(),
            wire_s=reading.wire_s,
            device=device,
            where=where,
            values=values,
            accepted=accepted,
            reason=reason,
        )
        self._writes.append(write)
        if self._stream is not None:
            line = {name: getattr(write, name) for name in Write.__slots__}
            self._stream.write(json.dumps(line, default=str) + "\n")
            self._stream.flush()

    def of(self, device: str) -> list[Write]:
        return [write for write in self._writes if write.device == device]

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def __len__(self) -> int:
        return len(self._writes)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return list(self._writes)[index]
        return self._writes[index]
