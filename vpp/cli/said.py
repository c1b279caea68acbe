"""Powers and reasons as people give them on a command line."""

import math

import typer

from vpp.domain.errors import InvariantError
from vpp.domain.plain_words import plain


def power_kw(text: str) -> float:
    """A finite power in kW."""
    try:
        kw = float(text)
    except ValueError:
        kw = math.nan
    if not math.isfinite(kw):
        raise typer.BadParameter(f"{text!r} is no power: write kW as a number, like -20 or 7.5")
    return kw


def reason(text: str) -> str:
    """What may go on record."""
    try:
        return plain(text, "it")
    except InvariantError as fault:
        raise typer.BadParameter(str(fault)) from fault
