"""Lengths of time and instants as people write them on a command line."""

import re
from datetime import datetime

import typer

from vpp.cli.exits import as_usage
from vpp.domain.local_time import instant

_UNITS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(min|s|m|h|d)")
_YEARS = range(1900, 2201)


def seconds(text: str, option: str) -> float:
    """``90s``, ``30min``, ``1h30min``, ``2d`` in seconds; ``option`` is who said it."""
    parts = _PART.findall(text)
    found = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not found > 0:
        problem = f"{text!r} is no length of time; write 60s, 30min, 1h30min or 2d"
        raise typer.BadParameter(problem, param_hint=repr(option))
    return found


def local(at: datetime, zone: str, option: str) -> datetime:
    """The instant itself. Without an offset it is local time of ``zone``."""
    with as_usage(option):
        return instant(at, zone) if at.tzinfo is None else at


def moment(text: str, option: str) -> datetime:
    """An ISO time, with or without an offset, away from the calendar's ends: days are added."""
    hint = repr(option)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        problem = f"{text!r} is no time; write 2026-07-15T05:30, or with an offset as +09:00"
        raise typer.BadParameter(problem, param_hint=hint) from error
    if at.year not in _YEARS:
        problem = f"write a year from {_YEARS[0]} to {_YEARS[-1]}"
        raise typer.BadParameter(f"{text!r} is out of reach; {problem}", param_hint=hint)
    return at
