"""Lengths of time and instants as people write them on a command line."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import typer

_UNITS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(min|s|m|h|d)")
_YEARS = range(1900, 2201)


def seconds(text: str) -> float:
    """``90s``, ``30min``, ``1h30min``, ``2d`` in seconds."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise typer.BadParameter(f"{text!r} is no length of time; write 60s, 30min, 1h30min or 2d")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def instant(text: str, zone: str | None = None) -> datetime:
    """An ISO time, away from the calendar's ends: days are added to it.

    Without an offset it is local time of ``zone``; where there is none it is refused.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time; write 2026-07-15T05:30:00+09:00") from error
    if at.tzinfo is None and zone is not None:
        at = at.replace(tzinfo=ZoneInfo(zone))
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no offset; write 2026-07-15T05:30:00+09:00")
    if at.year not in _YEARS:
        first, last = _YEARS[0], _YEARS[-1]
        raise typer.BadParameter(f"{text!r} is out of reach; write a year from {first} to {last}")
    return at
