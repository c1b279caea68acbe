"""Numbers and reasons as people give them on a command line."""

import math
from collections.abc import Callable

import typer

from vpp.domain.errors import InvariantError
from vpp.domain.plain_words import stated


def number(
    meant: str, *, least: float = -math.inf, most: float = math.inf
) -> Callable[[str], float]:
    """What reads a finite number in these bounds; ``meant`` ends the sentence where it is none."""

    def parse(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not (math.isfinite(found) and least <= found <= most):
            raise typer.BadParameter(f"{text!r} is {meant}")
        return found

    return parse


power_kw = number("no power: write kW as a number, like -20 or 7.5")


def reason(text: str) -> str:
    """What may go on record; nothing where none was given."""
    try:
        return stated(text, "it") if text else text
    except InvariantError as fault:
        raise typer.BadParameter(str(fault)) from fault
