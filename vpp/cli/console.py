"""Where tables and notes are printed."""

from rich.console import Console

_WIDE = 400
"""Columns where no terminal says how many it has: a file or a program cuts nothing off."""


def console(width: int = _WIDE) -> Console:
    """The terminal as it is; elsewhere wide enough for every table to stay in one piece."""
    found = Console(emoji=False)
    return found if found.is_terminal else Console(width=width, emoji=False)


def can_draw(on: Console) -> bool:
    """Whether a screen can be drawn: on a terminal, and not on a dumb one."""
    return on.is_terminal and not on.is_dumb_terminal


def counted(number: int, what: str) -> str:
    """``1 site``, ``2 sites``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
