"""Where structured log lines go."""

import sys
from pathlib import Path

import structlog

_PROCESSORS = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)


def to_standard_error() -> None:
    """JSON lines, or readable ones where a person looks at a terminal."""
    person = sys.stderr.isatty()
    last = structlog.dev.ConsoleRenderer() if person else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*_PROCESSORS[: 3 if person else 4], last],
        logger_factory=_on_standard_error,
    )


def to_file(path: Path) -> None:
    """JSON lines in a file: the terminal belongs to the live view."""
    structlog.configure(
        processors=[*_PROCESSORS, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(path.open("a")),
    )


def _on_standard_error(*_: object) -> structlog.PrintLogger:
    """Standard error as it is when the line is written: whoever replaced it may have closed his."""
    return structlog.PrintLogger(sys.stderr)
