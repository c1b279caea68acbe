"""Where structured log lines go: to standard error, or to a file, and nobody waits for either."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import structlog

from vpp.runtime.damage import make_way
from vpp.runtime.outlet import unhurried

_PROCESSORS = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)
_AS_JSON = structlog.processors.JSONRenderer()


def to_standard_error() -> None:
    """JSON lines, or readable ones where a person looks at a terminal."""
    person = sys.stderr.isatty()
    readable = structlog.dev.ConsoleRenderer(colors=_wants_colours())
    structlog.configure(
        processors=[*_PROCESSORS[:3], readable] if person else [*_PROCESSORS, _AS_JSON],
        logger_factory=_on_standard_error,
    )


def to_file(path: Path) -> None:
    """JSON lines in a file: the terminal belongs to the live view."""
    make_way(path)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    structlog.configure(
        processors=[*_PROCESSORS, _AS_JSON],
        logger_factory=structlog.PrintLoggerFactory(unhurried(file, missing_as_json)),
    )


def missing_in_words(lines: int) -> str:
    """What stands where lines for a person are missing."""
    return f"({lines} lines are missing here: nobody read them in time, or they found no room)"


def missing_as_json(lines: int) -> str:
    """What stands where log lines are missing."""
    return json.dumps(
        {
            "event": "log lines are missing here",
            "lines": lines,
            "why": "nobody read them in time, or they found no room",
            "level": "warning",
            "timestamp": datetime.now(UTC).isoformat(),
        }
    )


def _wants_colours() -> bool:
    """As https://no-color.org asks; a dumb terminal shows none either."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _on_standard_error(*_: object) -> structlog.PrintLogger:
    """Standard error as it is when the line is written: whoever replaced it may have closed his."""
    return structlog.PrintLogger(sys.stderr)
