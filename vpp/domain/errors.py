"""Every fault this project raises, as one tree.

::

    VppError
    ├── InvariantError            a value contradicts itself; the caller built it wrongly
    ├── ConfigurationError        a file a person wrote is wrong; carries every mistake found
    ├── DeviceError               talking to one device failed
    │   ├── Retryable             may work next time
    │   │   ├── ConnectionLost    refused, reset or closed
    │   │   ├── NoAnswer          nothing within the time-out
    │   │   └── ProtocolViolation an answer that is not the answer to what was asked
    │   ├── Refused               the device understood and said no
    │   └── WrongDevice           another identity answers at this address
    ├── PlanningError
    │   ├── ProblemRejected       the input contradicts itself; names field, slot and values
    │   └── PlannerFailed         no usable plan: time-out, crash, solver defect or invalid plan
    ├── AuditUnavailable          intent could not be put on disk in time
    ├── WeatherUnavailable        nobody forecasts the weather now
    ├── StoreUnavailable          live state or history cannot be reached
    └── AlreadyRunning            another daemon holds this portfolio

What is news rather than a fault (a clamp, a refusal by the write gate, a device at its limit) is a
value, in ``vpp.domain.outcome``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 1000
"""Characters of any part of a mistake."""


class VppError(Exception):
    """Anything this project raises on purpose."""


class InvariantError(VppError, ValueError):
    """A value contradicts itself or its unit; the message names field and value."""


class SkippedTime(InvariantError):
    """A time that clocks never show, since they are put forward over it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing wrong in a file that a person wrote."""

    file: str
    line: int | None
    """Line in the file, from 1.

    None where no line can be named (a key that is missing from the whole file).
    """
    path: str
    """Where in the tree, as ``devices[3].options.unit``."""
    problem: str
    remedy: str = ""
    """What would be right."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line is not None else self.file
        cure = f" ({_shortened(self.remedy)})" if self.remedy else ""
        return f"{where}: {_shortened(self.path)}: {_shortened(self.problem)}{cure}"


def _shortened(text: str) -> str:
    """The same, or its beginning and end where somebody's value has made it endless."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 4 :]}"


class ConfigurationError(VppError):
    """A file is wrong; ``mistakes`` holds everything that was found, not only the first thing."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class DeviceError(VppError):
    """Talking to one device failed; the message says what was asked and what came."""


class Retryable(DeviceError):
    """A failure that may not repeat."""


class ConnectionLost(Retryable):
    """The connection was refused, reset or closed."""


class NoAnswer(Retryable):
    """Nothing came within the time-out. For a write: the outcome is unknown."""


class ProtocolViolation(Retryable):
    """What came is not the answer to what was asked. For a write: the outcome is unknown."""


class Refused(DeviceError):
    """The device understood and said no."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class WrongDevice(DeviceError):
    """Another identity than the configured one answers; nothing may be written to it."""


class PlanningError(VppError):
    """No plan could be made or used."""


class ProblemRejected(PlanningError):
    """The planner's input contradicts itself; the message names field, slot and values."""


class PlannerFailed(PlanningError):
    """The planner hung, crashed or returned something that fails validation."""


class AuditUnavailable(VppError):
    """The intent of a command could not be put on disk in time."""


class WeatherUnavailable(VppError):
    """No weather forecast; the message says why."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        """``retry_after_s``: what the server says of when to come again."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreUnavailable(VppError):
    """The live-state store or the history cannot be reached."""


class AlreadyRunning(VppError):
    """Another daemon controls this portfolio; the message names the holder."""
